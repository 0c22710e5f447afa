"""The load generator: one thread, one selector, requests built beforehand. It only copies bytes and reads a clock."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median, quantiles

_BLOCK = 1 << 18
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run brought.

    Attributes:
        milliseconds: duration of each answered request.
        seconds: wall time of the run.
        generator_cpu_s: CPU time the generator itself used.
        statuses: HTTP status → how often.
    """

    milliseconds: list[float]
    seconds: float
    generator_cpu_s: float
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return len(self.milliseconds) / self.seconds

    @property
    def p50(self) -> float:
        """Median duration in ms."""
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        """99th percentile of the duration in ms."""
        return quantiles(self.milliseconds, n=100)[98] if len(self.milliseconds) > 1 else self.p50


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytearray = field(default_factory=bytearray)
    began: float = 0.0
    expected: int = 0


def http_request(path: str, body: bytes, *, token: str = "") -> bytes:
    """Return the bytes of a POST on a connection that is kept open."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def drive(port: int, requests: Sequence[bytes], *, count: int, connections: int = 1) -> Sample:
    """Send `count` requests over so many connections, each the next one as soon as its answer is there.

    Args:
        port: port on loopback.
        requests: what is sent, in turn.
        count: number of requests.
        connections: how many are under way at once.

    Raises:
        ConnectionError: the server closed a connection.
    """
    return _Run(port, cycle(requests), count).go(min(connections, count))


class _Run:
    def __init__(self, port: int, requests: Iterator[bytes], count: int) -> None:
        self._port, self._requests, self._left = port, requests, count
        self._selector = selectors.DefaultSelector()
        self._milliseconds: list[float] = []
        self._statuses: dict[int, int] = {}
        self._open = 0

    def go(self, connections: int) -> Sample:
        opened = [self._connect() for _ in range(connections)]
        try:
            cpu, began = time.process_time(), time.perf_counter()
            for connection in opened:
                self._next(connection)
            while self._open:
                for key, events in self._selector.select():
                    if events & selectors.EVENT_WRITE:
                        self._send(key.data)
                    if events & selectors.EVENT_READ:
                        self._receive(key.data)
            seconds = time.perf_counter() - began
            return Sample(self._milliseconds, seconds, time.process_time() - cpu, self._statuses)
        finally:
            for connection in opened:
                connection.socket.close()
            self._selector.close()

    def _connect(self) -> _Connection:
        opened = socket.create_connection(("127.0.0.1", self._port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setblocking(False)
        connection = _Connection(opened)
        self._selector.register(opened, selectors.EVENT_READ, connection)
        self._open += 1
        return connection

    def _next(self, connection: _Connection) -> None:
        if not self._left:
            self._selector.unregister(connection.socket)
            self._open -= 1
            return
        self._left -= 1
        connection.received.clear()
        connection.expected = 0
        connection.unsent = memoryview(next(self._requests))
        connection.began = time.perf_counter()
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.unsent)
        except BlockingIOError:
            sent = 0
        connection.unsent = connection.unsent[sent:]
        waits = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        if self._selector.get_key(connection.socket).events != waits:
            self._selector.modify(connection.socket, waits, connection)

    def _receive(self, connection: _Connection) -> None:
        block = connection.socket.recv(_BLOCK)
        if not block:
            raise ConnectionError("the server closed a connection")
        connection.received += block
        if not connection.expected:
            head = connection.received.find(_END_OF_HEAD)
            if head < 0:
                return
            connection.expected = head + len(_END_OF_HEAD) + _content_length(connection.received[:head])
        if len(connection.received) >= connection.expected:
            self._milliseconds.append((time.perf_counter() - connection.began) * 1000)
            status = int(connection.received[9:12])
            self._statuses[status] = self._statuses.get(status, 0) + 1
            self._next(connection)


def _content_length(head: bytearray) -> int:
    lower = bytes(head).lower()
    at = lower.index(_LENGTH) + len(_LENGTH)
    return int(lower[at:].split(b"\r\n", 1)[0])
