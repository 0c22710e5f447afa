"""FHIR servers on real sockets that behave as badly as a test wants."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from cds_hooks.chart.fhir import Resource
from cds_hooks.data_needs import DataNeed
from cds_hooks.prefetch import Prefetched
from service.fhir.access import Access, FhirServer
from service.fhir.breaker import BreakerRegistry
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.gather import Gatherer
from service.fhir.plan import Plan
from service.fhir.transport import Transport
from service.fhir.workers import Workers

Request: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = "tuple[int, Any] | bytes | None"
"""Status and content (JSON, or bytes as they are) · a raw response, after which the connection is closed · nothing:
the handler has used `send` itself, and the connection is closed."""
Handler: TypeAlias = Callable[[Request, Callable[[bytes], None]], Answer]


class _Server:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads: list[threading.Thread] = []
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}/fhir"
        self._accepting = threading.Thread(target=self._accept, name="fake-accept", daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="fake-server", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while (request := _read_request(stream)) is not None:
                answer = self._handler(request, connection.sendall)
                if not isinstance(answer, tuple):
                    if answer is not None:
                        connection.sendall(answer)
                    return
                connection.sendall(_response(*answer))

    def stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)

    def wait_until_clients_are_gone(self) -> bool:
        """Whether every client has closed its connection, without being told to."""
        ends = time.monotonic() + 5
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


def _read_request(stream: Any) -> dict[str, Any] | None:
    line = stream.readline().decode("latin-1").split()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (header := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return {"method": line[0], "path": line[1], "headers": headers, "body": body}


def _response(status: int, content: Any) -> bytes:
    extra = ""
    if isinstance(content, str) and status // 100 == 3:
        extra, content = f"Location: {content}\r\n", b""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/fhir+json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def transport() -> Transport:
    return Transport(connections=16)


@pytest.fixture
def workers() -> Workers:
    return Workers(16)


@pytest.fixture
def breakers() -> BreakerRegistry:
    return BreakerRegistry()


@pytest.fixture
def client(transport: Transport) -> FhirClient:
    return FhirClient(transport, max_bytes=1_000_000)


@pytest.fixture
def gatherer(client: FhirClient, workers: Workers, breakers: BreakerRegistry) -> Gatherer:
    return Gatherer(client, workers, breakers)


@pytest.fixture
def serve(transport: Transport, workers: Workers) -> Iterator[Callable[[Handler], str]]:
    """Start servers; afterwards no connection to them and no thread of the client may be left."""
    before = set(threading.enumerate())  # a service of another test module may still run in this process
    servers: list[_Server] = []

    def start(handler: Handler) -> str:
        servers.append(_Server(handler))
        return servers[-1].base

    yield start
    workers.close()
    transport.close()
    for server in servers:
        server.stop_listening()
    assert all(server.wait_until_clients_are_gone() for server in servers)
    assert not [one for one in set(threading.enumerate()) - before if one.name.startswith("fhir")]


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


NEEDS = {
    need.key: need
    for need in (
        DataNeed("patient", "patient", "Patient"),
        DataNeed(
            "medicationRequests",
            "medication orders",
            "MedicationRequest",
            (("_sort", "-authoredon"),),
            include="MedicationRequest:medication",
        ),
        DataNeed("conditions", "problem list", "Condition"),
        DataNeed("procedures", "procedures", "Procedure"),
        DataNeed("allergies", "allergies", "AllergyIntolerance"),
        DataNeed("adverseEvents", "adverse events", "AdverseEvent", patient_parameter="subject"),
        DataNeed("labs", "labs", "Observation", (("_sort", "-date"),), date_parameter="date", lookback_days=100),
    )
}


@pytest.fixture
def needs() -> Mapping[str, DataNeed]:
    """A few data needs of each kind."""
    return NEEDS


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Make plans for the patient p1 on 15 June 2026."""
    return _plan


def _plan(
    base: str | None,
    *keys: str,
    seconds: float = 10.0,
    prefetched: Prefetched | None = None,
    drafts: Sequence[Resource] = (),
    allowed: tuple[str, ...] = (),
    **server: Any,
) -> Plan:
    access = None
    if base is not None:
        access = Access(FhirServer(base, lambda url: url.startswith((base, *allowed)), **server), "secret-token")
    wanted = [NEEDS[key] for key in keys] if keys else list(NEEDS.values())
    return Plan(
        wanted,
        prefetched or Prefetched(),
        "p1",
        datetime(2026, 6, 15, 12, tzinfo=UTC),
        Deadline(seconds),
        access,
        drafts,
    )
