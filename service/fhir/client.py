"""Asking one FHIR server for one thing: a read, a page of a search, or a batch of them.

Nothing is raised and nothing is logged: an exception of the libraries below holds the URL, and the URL holds the
patient. What goes wrong becomes a `FailureCause`.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from urllib.parse import urljoin

import orjson
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError, HTTPError, LocationParseError, NewConnectionError
from urllib3.exceptions import TimeoutError as HttpTimeoutError
from urllib3.util import parse_url

from cds_hooks.prefetch import FailureCause
from service.fhir.answers import BUNDLE, Outcome, batch_outcomes, decode, judge
from service.fhir.deadline import Deadline
from service.fhir.transport import Transport
from service.fhir.versions import FHIR_VERSIONS, media_type

MAX_BYTES = 20 * 1024 * 1024

_CHUNK = 64 * 1024
_MAX_ERROR_BYTES = 64 * 1024
_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class FhirServer:
    """A FHIR server as the configuration of its client describes it.

    Attributes:
        base: base URL, as the canonical spelling of the address that was checked.
        allowed: whether an absolute URL lies within the addresses of the client. It is asked about every URL before
            a request, without the query.
        version: one of `FHIR_VERSIONS`.
        batch: whether it answers batch Bundles.
        ca_file: PEM file with its certificate authority; None for the usual ones.
    """

    base: str
    allowed: Callable[[str], bool] = field(repr=False)
    version: str = "R4"
    batch: bool = False
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.version not in FHIR_VERSIONS:
            raise ValueError(f"FHIR version must be one of {', '.join(sorted(FHIR_VERSIONS))}")

    def url(self, reference: str) -> str:
        """Return the absolute URL of something relative to the base; absolute URLs stay as they are."""
        return _joined(self.base.rstrip("/") + "/", reference)


class Traffic:
    """Counts what one call sends and receives."""

    def __init__(self) -> None:
        self.requests = 0
        self.received_bytes = 0
        self._lock = Lock()

    def count(self, *, requests: int = 0, received_bytes: int = 0) -> None:
        """Add to the counts."""
        with self._lock:
            self.requests += requests
            self.received_bytes += received_bytes


@dataclass(frozen=True, slots=True)
class Access:
    """What one call may use: a server, and the token for it. Lives as long as the call.

    Attributes:
        server: the FHIR server.
        token: bearer token; None for a server that wants none. It is sent to the origin of the server's base alone.
        traffic: counts of this call.
    """

    server: FhirServer
    token: str | None = field(default=None, repr=False)
    traffic: Traffic = field(default_factory=Traffic, repr=False)


class FhirClient:
    """Reads and searches over HTTP. Shared by all threads; keeps connections, but nothing of any call.

    Args:
        transport: the connections.
        max_bytes: limit of one decoded answer.
    """

    def __init__(self, transport: Transport, max_bytes: int = MAX_BYTES) -> None:
        self._transport = transport
        self._max_bytes = max_bytes

    def get(self, access: Access, url: str, expected: str, deadline: Deadline) -> Outcome:
        """Read a resource, or a page of a search.

        Args:
            access: server and token.
            url: absolute, or relative to the base.
            expected: resource type that must come back; `Bundle` for a search.
            deadline: everything ends by then, one repeated attempt and redirects included.
        """
        url = access.server.url(url)
        for _ in range(1 + _MAX_REDIRECTS):
            reply = self._exchange_twice(access, "GET", url, None, deadline)
            if isinstance(reply, FailureCause):
                return reply
            if reply.location is None:
                return judge(reply.status, decode(reply.body), expected)
            url = _joined(url, reply.location)
        return FailureCause.BAD_ANSWER

    def batch(
        self, access: Access, urls: Sequence[str], expected: Sequence[str], deadline: Deadline
    ) -> tuple[Outcome, ...]:
        """Make several reads and searches in one request.

        Args:
            access: server and token.
            urls: relative to the base.
            expected: resource type of each.
            deadline: everything ends by then.

        Returns:
            One outcome for each URL, in order.
        """
        entries = [{"request": {"method": "GET", "url": url}} for url in urls]
        body = orjson.dumps({"resourceType": BUNDLE, "type": "batch", "entry": entries})
        # A batch that only reads may be repeated like a GET.
        reply = self._exchange_twice(access, "POST", access.server.base.rstrip("/"), body, deadline)
        if isinstance(reply, FailureCause):
            answer: Outcome = reply
        else:
            answer = judge(reply.status, decode(reply.body), BUNDLE)
        if answer is FailureCause.NOT_SUPPORTED:  # said of the batch, it says nothing about the resource types
            answer = FailureCause.REJECTED
        return batch_outcomes(answer, tuple(expected))

    def _exchange_twice(
        self, access: Access, method: str, url: str, body: bytes | None, deadline: Deadline
    ) -> _Reply | FailureCause:
        """Exchange, and once more if the connection failed: an idle one may have been closed by the server."""
        if _origin(url) is None or not access.server.allowed(url.split("?", 1)[0]):
            return FailureCause.ADDRESS_NOT_ALLOWED
        headers = _headers(access, url, has_body=body is not None)
        if isinstance(headers, FailureCause):
            return headers
        reply = self._exchange(access, method, url, headers, body, deadline)
        if reply is FailureCause.UNREACHABLE and not deadline.passed:
            reply = self._exchange(access, method, url, headers, body, deadline)
        return reply

    def _exchange(
        self, access: Access, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: Deadline
    ) -> _Reply | FailureCause:
        seconds = deadline.left()
        if seconds <= 0:
            return FailureCause.TIMEOUT
        response: BaseHTTPResponse | None = None
        is_complete = False
        try:
            access.traffic.count(requests=1)
            response = self._transport.open(
                method, url, headers=headers, body=body, seconds=seconds, ca_file=access.server.ca_file
            )
            location = response.headers.get("Location") if method == "GET" and response.status in _REDIRECTS else None
            if location is not None:
                return _Reply(response.status, b"", location)
            is_error = response.status >= HTTPStatus.BAD_REQUEST
            limit = min(_MAX_ERROR_BYTES, self._max_bytes) if is_error else self._max_bytes
            content = _read(response, limit, deadline)
            if not isinstance(content, FailureCause):
                is_complete = True
                access.traffic.count(received_bytes=len(content))
                return _Reply(response.status, content, None)
            # The status alone tells enough about a refusal whose explanation is too long.
            return _Reply(response.status, b"", None) if is_error else content
        except NewConnectionError:  # to urllib3 a kind of timeout
            return FailureCause.UNREACHABLE
        except HttpTimeoutError:
            return FailureCause.TIMEOUT
        except DecodeError:
            return FailureCause.BAD_ANSWER
        except (LocationParseError, UnicodeError):
            return FailureCause.ADDRESS_NOT_ALLOWED
        except (HTTPError, OSError, ValueError, http.client.HTTPException):
            return FailureCause.TIMEOUT if deadline.passed else FailureCause.UNREACHABLE
        finally:
            if response is not None:
                if is_complete:
                    response.release_conn()
                else:
                    response.close()


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes = field(repr=False)
    location: str | None = field(repr=False)


def _read(response: BaseHTTPResponse, limit: int, deadline: Deadline) -> bytes | FailureCause:
    content = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=True):
        content += chunk
        if len(content) > limit:
            return FailureCause.TOO_LARGE
        if deadline.passed:
            return FailureCause.TIMEOUT
    return bytes(content)


def _headers(access: Access, url: str, *, has_body: bool) -> dict[str, str] | FailureCause:
    accepted = media_type(access.server.version)
    headers = {"Accept": accepted, "Accept-Encoding": "gzip", "User-Agent": "lenalidomide-cds"}
    if has_body:
        headers["Content-Type"] = accepted
    if access.token is not None and _origin(url) == _origin(access.server.base):
        # Checked here, because the libraries below quote a header they refuse.
        if not (access.token.isascii() and access.token.isprintable()):
            return FailureCause.TOKEN_REFUSED
        headers["Authorization"] = f"Bearer {access.token}"
    return headers


def _joined(base: str, reference: str) -> str:
    """Return the absolute URL of a reference; one that cannot be read becomes "", which is never allowed."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port as the transport understands the URL."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.host:
        return None
    return parts.scheme, parts.host, parts.port or _DEFAULT_PORTS[parts.scheme]
