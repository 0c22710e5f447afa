"""A FHIR server in a process of its own that waits before each answer and misbehaves when told to."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import orjson

from service.sandbox.batch import answer_batch
from service.sandbox.outcome import FhirError
from service.sandbox.server import Sandbox
from service.sandbox.store import ResourceStore

_POLL_S = 0.02
_SLOW_S = 2.0
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Mood(IntEnum):
    """How the server behaves."""

    WELL = 0
    SLOW = 1
    FAILING = 2
    RESETTING = 3
    REFUSING = 4


@dataclass(frozen=True, slots=True)
class Stub:
    """The server as seen from outside."""

    port: int
    _mood: Synchronized[int]

    @property
    def base_url(self) -> str:
        """Base URL of the FHIR server."""
        return f"http://127.0.0.1:{self.port}/fhir"

    def turn(self, mood: Mood) -> None:
        """Change how it behaves, within some hundredths of a second."""
        self._mood.value = mood


@contextmanager
def fhir_stub(resources: Sequence[dict[str, Any]], *, latency_s: float) -> Iterator[Stub]:
    """Serve resources on loopback.

    Args:
        resources: what searches and reads find.
        latency_s: pause before each answer.
    """
    context = multiprocessing.get_context("spawn")
    mood, ready = context.Value("i", Mood.WELL), context.Event()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = context.Process(target=_main, args=(list(resources), latency_s, port, mood, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(60):
            raise RuntimeError("the FHIR server did not start")
        yield Stub(port, mood)
    finally:
        process.terminate()
        process.join()


def _main(resources: list[dict[str, Any]], latency_s: float, port: int, mood: Synchronized[int], ready: Any) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_Server(resources, latency_s, port, mood).run(ready))


class _Server:
    def __init__(self, resources: list[dict[str, Any]], latency_s: float, port: int, mood: Synchronized[int]) -> None:
        self._sandbox = Sandbox(ResourceStore(resources))
        self._latency_s, self._port, self._mood = latency_s, port, mood
        self._base_url = f"http://127.0.0.1:{port}/fhir"
        self._answers: dict[tuple[str, bytes], bytes] = {}

    async def run(self, ready: Any) -> None:
        """Listen, except while refusing."""
        while True:
            async with await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=512):
                ready.set()
                while self._mood.value != Mood.REFUSING:
                    await asyncio.sleep(_POLL_S)
            while self._mood.value == Mood.REFUSING:
                await asyncio.sleep(_POLL_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(_END_OF_HEAD)
                body = await reader.readexactly(_content_length(head))
                await asyncio.sleep(_SLOW_S if self._mood.value == Mood.SLOW else self._latency_s)
                if self._mood.value in (Mood.RESETTING, Mood.REFUSING):
                    break
                writer.write(self._answer(head.split(b" ", 2)[1].decode(), body))
                await writer.drain()
        writer.transport.abort()

    def _answer(self, target: str, body: bytes) -> bytes:
        if self._mood.value == Mood.FAILING:
            return _response(
                500, b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'
            )
        asked = target, body
        if asked not in self._answers:
            try:
                found = answer_batch(orjson.loads(body), self._get) if body else self._get(target)
                self._answers[asked] = _response(200, orjson.dumps(found))
            except FhirError as error:
                self._answers[asked] = _response(error.status, orjson.dumps(error.outcome()))
        return self._answers[asked]

    def _get(self, target: str) -> dict[str, Any]:
        return self._sandbox.get(target.removeprefix("/fhir/"), base_url=self._base_url)


def _content_length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
