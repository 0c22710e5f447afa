"""One request at the faulty server, and the means to answer it well or badly."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

JSON = "application/fhir+json"


@dataclass
class Conversation:
    """One request.

    Attributes:
        connection: the socket; whatever is sent goes out as it is.
        method: HTTP method.
        target: path and query below the base, such as `Observation?patient=…`.
        base: base URL as the client knows it.
        headers: request headers, names in lower case.
        attempt: how often this same target was asked for before, plus one.
        answer_of: what a good server answers.
        elsewhere: base URL of another server on another origin.
    """

    connection: socket.socket
    method: str
    target: str
    base: str
    headers: dict[str, str]
    attempt: int
    answer_of: Callable[[str, str], tuple[int, Any]] = field(repr=False)
    elsewhere: str = ""

    @property
    def kind(self) -> str:
        """Resource type that is asked for."""
        return urlsplit(self.target).path.partition("/")[0]

    @property
    def is_search(self) -> bool:
        """Whether it is a search and no read."""
        return "/" not in urlsplit(self.target).path

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def head(self, status: int = 200, **headers: Any) -> None:
        """Send status line and headers; `content_length=5` becomes `Content-Length: 5`."""
        lines = [f"HTTP/1.1 {status} Status"]
        lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self, status: int, content: Any = b"", content_type: str = JSON, **headers: Any) -> None:
        """Send a whole, well-formed answer."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.head(status, content_type=content_type, content_length=len(body), **headers)
        self.send(body)

    def good_body(self) -> tuple[int, Any]:
        """Return what a good server would answer."""
        return self.answer_of(self.target, self.base)

    def good(self, **headers: Any) -> None:
        """Answer as a good server."""
        status, content = self.good_body()
        self.answer(status, content, **headers)

    def drip(self, data: bytes, every_s: float = 1.0) -> None:
        """Send a byte at a time, for longer than anybody waits."""
        for byte in data * (30 // len(data) + 1):
            time.sleep(every_s)
            self.send(bytes([byte]))

    def wait(self) -> None:
        """Say nothing for longer than anybody waits."""
        time.sleep(3)

    def reset(self) -> None:
        """Make the following close a reset instead of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
