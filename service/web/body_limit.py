"""Refusing bodies that are too long, compressed, cut off, or too slow in coming."""

from __future__ import annotations

import io
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout, UnsupportedMediaType
from werkzeug.utils import cached_property

from service.config import REQUEST_THREADS

BODY_TIMEOUT_S = 10.0
"""How long a body may take to arrive while many others are slow too."""

_PATIENT_READERS = threading.BoundedSemaphore(REQUEST_THREADS // 2)


class BoundedRequest(Request):
    """A request whose body is read whole, or refused.

    Flask on its own cuts a chunked body at the limit without a word, and takes what came of a body whose sender went
    away; what is left would pass for the whole.

    Compressed bodies are refused: no CDS client sends them, and a few kilobytes can unfold to gigabytes.

    Reading a body holds one of the few threads of the process, and the server sets no limit to that. So at most half
    of the threads wait for bodies with patience; the calls on top of those are given a time limit. Clients that send
    nothing can hold half of the threads, never all.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, received.

        Raises:
            werkzeug.exceptions.HTTPException: 400 cut off, 408 too slow, 413 too long, 415 compressed.
        """
        if self.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
            raise UnsupportedMediaType
        limit, announced = self.max_content_length or 0, self.content_length
        if announced is not None and announced > limit:
            raise RequestEntityTooLarge
        if not _PATIENT_READERS.acquire(blocking=False):
            return io.BytesIO(_read_in_time(self.environ, announced, limit))
        try:
            return io.BytesIO(_read(self.environ, announced, limit))
        finally:
            _PATIENT_READERS.release()


def _read(environ: dict[str, Any], announced: int | None, limit: int) -> bytes:
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


def _read_in_time(environ: dict[str, Any], announced: int | None, limit: int) -> bytes:
    """Read in a thread that is left behind when it takes too long; the server ends it by closing the connection."""
    future = Future[bytes]()

    def read() -> None:
        try:
            future.set_result(_read(environ, announced, limit))
        except Exception as error:  # noqa: BLE001  raised again where it is waited for
            future.set_exception(error)

    threading.Thread(target=read, name="slow-body", daemon=True).start()
    try:
        return future.result(timeout=BODY_TIMEOUT_S)
    except WaitedTooLong as error:
        raise RequestTimeout from error
