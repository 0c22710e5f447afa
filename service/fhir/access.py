"""What one call may use: a FHIR server as its client's configuration describes it, and a token for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol
from urllib.parse import urljoin

from service.fhir.deadline import Deadline
from service.fhir.versions import FHIR_VERSIONS

SearchMethod = Literal["GET", "POST"]

_IS_SEARCH = re.compile(r'[A-Z][A-Za-z]*\?[!"$-~]+').fullmatch
"""Joins such a URL to a base as `urljoin` does, at a tenth of the time."""

MAX_CALL_BYTES = 32 * 1024 * 1024
"""Limit of everything one call receives, decoded."""


@dataclass(frozen=True, slots=True)
class FhirServer:
    """A FHIR server as the configuration of its client describes it.

    Attributes:
        base: base URL, as the canonical spelling of the address that was checked.
        allowed: whether an absolute URL lies within the addresses of the client. It is asked about every URL before
            a request, without the query.
        version: one of `FHIR_VERSIONS`.
        batch: whether it answers batch Bundles.
        search_method: how searches are sent. POST keeps patient ids out of the URLs that servers and proxies log.
        ca_file: PEM file with its certificate authority; None for the usual ones.
    """

    base: str
    allowed: Callable[[str], bool] = field(repr=False)
    version: str = "R4"
    batch: bool = False
    search_method: SearchMethod = "GET"
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.version not in FHIR_VERSIONS:
            raise ValueError(f"FHIR version must be one of {', '.join(sorted(FHIR_VERSIONS))}")

    def url(self, reference: str) -> str:
        """Return the absolute URL of something relative to the base; absolute URLs stay as they are."""
        base = self.base.rstrip("/") + "/"
        return base + reference if _IS_SEARCH(reference) else joined(base, reference)


class TokenSource(Protocol):
    """Where access tokens come from when the call brings none."""

    def token(self, deadline: Deadline) -> str | None:
        """Return an access token; None when none can be had by the deadline."""

    def refused(self, token: str) -> None:
        """Hear that the FHIR server did not accept a token, so that it is not handed out again."""


class Traffic:
    """Counts what one call sends and receives."""

    def __init__(self) -> None:
        self.requests = 0
        self.received_bytes = 0
        self.results: dict[str, int] = {}
        self._lock = Lock()

    def count(self, *, requests: int = 0, received_bytes: int = 0) -> None:
        """Add to the counts."""
        with self._lock:
            self.requests += requests
            self.received_bytes += received_bytes

    def note(self, result: str) -> None:
        """Note how a request ended: a class of statuses such as `2xx`, or the cause of its failure."""
        with self._lock:
            self.results[result] = self.results.get(result, 0) + 1

    @property
    def is_too_much(self) -> bool:
        """Whether the call has received more than one call may."""
        return self.received_bytes > MAX_CALL_BYTES


@dataclass(frozen=True, slots=True)
class Access:
    """What one call may use: a server, and the token for it. Lives as long as the call.

    Attributes:
        server: the FHIR server.
        token: bearer token the call brought; None when it brought none. A token is sent to the origin of the server's
            base alone.
        tokens: where a token comes from when the call brought none; None for a server that wants none.
        traffic: counts of this call.
    """

    server: FhirServer
    token: str | None = field(default=None, repr=False)
    tokens: TokenSource | None = field(default=None, repr=False)
    traffic: Traffic = field(default_factory=Traffic, repr=False)


def joined(base: str, reference: str) -> str:
    """Return the absolute URL of a reference; one that cannot be read becomes "", which is never allowed."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""
