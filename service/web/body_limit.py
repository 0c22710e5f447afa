"""Refusing bodies that are too long, compressed or cut off, and keeping slow ones from taking every thread."""

from __future__ import annotations

import io
import threading
from typing import IO, TYPE_CHECKING

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, ServiceUnavailable, UnsupportedMediaType
from werkzeug.utils import cached_property
from werkzeug.wsgi import get_content_length

from service.config import REQUEST_THREADS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LONGEST_WAIT_S = 1.0
"""How long a call waits for its turn to read; in an orderly crowd that takes milliseconds."""

_READERS = threading.BoundedSemaphore(REQUEST_THREADS - 2)


class BoundedRequest(Request):
    """A request whose body is read whole, or refused.

    Flask on its own cuts a chunked body at the limit without a word, and takes what came of a body whose sender went
    away; what is left would pass for the whole.

    Compressed bodies are refused: no CDS client sends them, and a few kilobytes can unfold to gigabytes.

    Reading a body holds one of the few threads of the process, and the server sets no limit to that: a proxy that
    receives bodies before it passes them on has to. Here two threads are kept from reading, so that health and
    discovery still answer when clients with valid tokens stop in the middle of their bodies. Strangers do not come that
    far: tokens are checked before the body is asked for.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, received; raises what `received_body` raises."""
        return io.BytesIO(received_body(self.environ, self.max_content_length or 0))


def received_body(environ: WSGIEnvironment, limit: int) -> bytes:
    """Receive the whole body of a request.

    Args:
        environ: the request.
        limit: longest length in bytes.

    Raises:
        werkzeug.exceptions.HTTPException: 400 cut off, 413 too long, 415 compressed, 503 too many slow ones.
    """
    if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType
    announced = get_content_length(environ)
    if announced is not None and announced > limit:
        raise RequestEntityTooLarge
    if not _READERS.acquire(timeout=LONGEST_WAIT_S):
        raise ServiceUnavailable
    try:
        return _read(environ, announced, limit)
    finally:
        _READERS.release()


def _read(environ: WSGIEnvironment, announced: int | None, limit: int) -> bytes:
    if announced is None and "wsgi.input_terminated" not in environ:
        return b""  # there is no body, and nothing would tell where it ends
    wanted = limit + 1 if announced is None else announced
    stream, parts, length = environ["wsgi.input"], [], 0
    while length < wanted and (part := stream.read(wanted - length)):
        parts.append(part)
        length += len(part)
    if announced is None and length > limit:
        raise RequestEntityTooLarge
    if announced is not None and length < announced:
        raise BadRequest
    return parts[0] if len(parts) == 1 else b"".join(parts)
