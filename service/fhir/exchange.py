"""Sending one request to a FHIR server, and once more where a second attempt can help and harms nobody.

Nothing is raised and nothing is logged: an exception of the libraries below holds the URL, and the URL holds the
patient. What goes wrong becomes a `FailureCause`.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as HttpTimeoutError
from urllib3.util import parse_url

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access
from service.fhir.answers import decode
from service.fhir.deadline import Deadline
from service.fhir.retry import pause_before_retry
from service.fhir.transport import Transport
from service.fhir.versions import media_type

MAX_BYTES = 8 * 1024 * 1024
"""Limit of one decoded answer. A page of 200 records with narrative has about 1 MiB; decoding holds up all threads."""

_CHUNK = 32 * 1024
_MAX_ERROR_BYTES = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_OF_ANY_METHOD = frozenset({307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that only reads, whatever its method.

    Attributes:
        url: absolute URL.
        body: content of a POST; None for a GET.
        content_type: media type of the content; "" for that of FHIR.
    """

    url: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    content_type: str = ""

    @property
    def method(self) -> str:
        """HTTP method."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        status: HTTP status.
        content: decoded JSON; None when there is none that can be read.
        location: where a redirect leads to; None for anything else.
        headers: HTTP headers.
    """

    status: int
    content: Any = field(default=None, repr=False)
    location: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Exchange:
    """Sends requests. Shared by all threads; keeps connections, but nothing of any call.

    Args:
        transport: the connections.
        max_bytes: limit of one decoded answer.
    """

    def __init__(self, transport: Transport, max_bytes: int = MAX_BYTES) -> None:
        self._transport = transport
        self._max_bytes = max_bytes

    def send(self, access: Access, request: Request, deadline: Deadline) -> Reply | FailureCause:
        """Send a request, and once more if that may help and there is time.

        Args:
            access: server and token.
            request: what to send; redirects are returned, not followed.
            deadline: everything ends by then.
        """
        if _origin(request.url) is None or not access.server.allowed(request.url.split("?", 1)[0]):
            return FailureCause.ADDRESS_NOT_ALLOWED
        reply = self._send_once(access, request, deadline)
        failure = reply if isinstance(reply, FailureCause) else reply.status
        headers = {} if isinstance(reply, FailureCause) else reply.headers
        is_ours = access.token is None and access.tokens is not None
        pause = pause_before_retry(failure, headers, renews_token=is_ours)
        if pause is None or pause >= deadline.left():
            return reply
        time.sleep(pause)
        return self._send_once(access, request, deadline)

    def _send_once(self, access: Access, request: Request, deadline: Deadline) -> Reply | FailureCause:
        headers = _headers(access, request)
        token = None
        if _origin(request.url) == _origin_of_base(access.server.base):
            token = access.token
            if token is None and access.tokens is not None:
                token = access.tokens.token(deadline)
                if token is None:
                    return FailureCause.NO_ACCESS_TOKEN
        if token is not None:
            # Checked here, because the libraries below quote a header they refuse.
            if not (token.isascii() and token.isprintable()):
                return FailureCause.TOKEN_REFUSED
            headers["Authorization"] = f"Bearer {token}"
        reply = self._received(access, request, headers, deadline)
        access.traffic.note(reply.value if isinstance(reply, FailureCause) else f"{reply.status // 100}xx")
        refused = isinstance(reply, Reply) and reply.status == HTTPStatus.UNAUTHORIZED
        if refused and token is not None and access.token is None and access.tokens is not None:
            access.tokens.refused(token)
        return reply

    def _received(
        self, access: Access, request: Request, headers: Mapping[str, str], deadline: Deadline
    ) -> Reply | FailureCause:
        seconds = deadline.left()
        if seconds <= 0:
            return FailureCause.TIMEOUT
        response: BaseHTTPResponse | None = None
        is_reusable = False
        try:
            access.traffic.count(requests=1)
            response = self._transport.open(
                request.method,
                request.url,
                headers=headers,
                body=request.body,
                seconds=seconds,
                ca_file=access.server.ca_file,
            )
            if (location := _location(request, response)) is not None:
                return Reply(response.status, location=location)
            is_error = response.status >= HTTPStatus.BAD_REQUEST
            limit = min(_MAX_ERROR_BYTES, self._max_bytes) if is_error else self._max_bytes
            body = _read(response, access, limit, deadline)
            if isinstance(body, FailureCause):
                # The status alone tells enough about a refusal whose explanation is too long.
                return Reply(response.status, headers=response.headers) if is_error else body
            content = decode(body)
            # What cannot be read may have been cut at the wrong place, and the rest would be the next answer's start.
            is_reusable = is_error or content is not None
            return Reply(response.status, content, headers=response.headers)
        except (HTTPError, OSError, ValueError, http.client.HTTPException) as error:
            return _cause(error, deadline)
        finally:
            if response is not None:
                if is_reusable:
                    response.release_conn()
                else:
                    response.close()


def _cause(error: Exception, deadline: Deadline) -> FailureCause:
    match error:
        case NameResolutionError():
            return FailureCause.NAME_UNKNOWN
        case NewConnectionError():  # to urllib3 a kind of timeout
            return FailureCause.UNREACHABLE
        case HttpTimeoutError():
            return FailureCause.TIMEOUT
        case DecodeError():
            return FailureCause.BAD_ANSWER
        case LocationParseError() | UnicodeError():
            return FailureCause.ADDRESS_NOT_ALLOWED
        case SSLError() if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError):
            return FailureCause.CERTIFICATE_REFUSED
    return FailureCause.TIMEOUT if deadline.passed else FailureCause.UNREACHABLE


def _location(request: Request, response: BaseHTTPResponse) -> str | None:
    followed = _REDIRECTS if request.method == "GET" else _REDIRECTS_OF_ANY_METHOD
    return response.headers.get("Location") if response.status in followed else None


def _read(response: BaseHTTPResponse, access: Access, limit: int, deadline: Deadline) -> bytes | FailureCause:
    content = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=True):
        content += chunk
        access.traffic.count(received_bytes=len(chunk))
        if len(content) > limit or access.traffic.is_too_much:
            return FailureCause.TOO_LARGE
        if deadline.passed:
            return FailureCause.TIMEOUT
    return bytes(content)


def _headers(access: Access, request: Request) -> dict[str, str]:
    accepted = media_type(access.server.version)
    headers = {"Accept": accepted, "Accept-Encoding": "gzip", "User-Agent": "lenalidomide-cds"}
    if request.body is not None:
        headers["Content-Type"] = request.content_type or accepted
    return headers


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port as the transport understands the URL."""
    try:
        parts = parse_url(url.partition("?")[0])  # reading the query, which says nothing of it, takes most of the time
    except LocationParseError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.host:
        return None
    return parts.scheme, parts.host, parts.port or _DEFAULT_PORTS[parts.scheme]


_origin_of_base = lru_cache(maxsize=64)(_origin)
