"""The clinical part of the service, put together once at start: knowledge, look-up tables, the way to FHIR servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, load_knowledge
from cds_hooks.protocol.services import discovery
from service.auth.clients import Client
from service.fhir.backend_token import BackendTokens
from service.fhir.breaker import BreakerRegistry
from service.fhir.client import FhirClient
from service.fhir.gather import Gatherer
from service.fhir.transport import Transport
from service.fhir.workers import Workers
from service.order_check import OrderCheck

PARALLEL_SEARCHES = 16
"""FHIR searches one call makes at once: one for each data need."""


class Clinical:
    """The order check with everything it owns; `close` ends its threads and connections.

    Attributes:
        order_check: the order check.
        transport: the connections to FHIR servers and token endpoints.
        workers: the threads that wait for FHIR servers.
        breakers: which servers are left alone for a while.
    """

    def __init__(self, knowledge_folder: Path | None = None, *, request_threads: int = 1) -> None:
        """Load and connect.

        Args:
            knowledge_folder: folder of the clinical knowledge; None means the one that is shipped.
            request_threads: calls answered at the same time in this process.

        Raises:
            KnowledgeError: the knowledge cannot be used; the message names file and line.
        """
        self.transport = Transport(request_threads * PARALLEL_SEARCHES)
        self.workers = Workers(request_threads * PARALLEL_SEARCHES)
        self.breakers = BreakerRegistry()
        gatherer = Gatherer(FhirClient(self.transport), self.workers, self.breakers)
        self._tokens = BackendTokens(self.transport, self.breakers)
        reader = make_reader(load_knowledge(knowledge_folder or KNOWLEDGE_FOLDER))
        self.order_check = OrderCheck(reader, gatherer, tokens=self._tokens.of)

    def discovery(self) -> dict[str, Any]:
        """Return the answer of `GET /cds-services`."""
        return discovery(self.order_check.reader.needs)

    def warm_up(self, ca_file: Path | None) -> None:
        """Load a certificate authority file before the first call needs it."""
        self.transport.warm_up(ca_file)

    def warm_up_token(self, client: Client) -> None:
        """Start to get an access token for a client, if it is configured so; do not wait for it."""
        self._tokens.warm_up(client)

    def close(self) -> None:
        """End the threads and close the connections."""
        self.workers.close()
        self.transport.close()


@contextmanager
def clinical(knowledge_folder: Path | None = None) -> Iterator[OrderCheck]:
    """Provide the order check for one command."""
    parts = Clinical(knowledge_folder)
    try:
        yield parts.order_check
    finally:
        parts.close()
