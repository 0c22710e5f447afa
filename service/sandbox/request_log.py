"""A record of the requests a sandbox got, so that a demo can say how many a hook call cost."""

import threading
from collections import deque
from typing import NamedTuple


class RecordedRequest(NamedTuple):
    """One HTTP request: its method, and its path with the names of the query parameters, never their values."""

    method: str
    path: str


class RequestLog:
    """Counts all requests and remembers the last of them; safe to use from several threads.

    Args:
        kept: how many requests are remembered.
    """

    def __init__(self, kept: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._entries: deque[RecordedRequest] = deque(maxlen=kept)

    def add(self, request: RecordedRequest) -> None:
        """Record one request."""
        with self._lock:
            self._count += 1
            self._entries.append(request)

    def clear(self) -> None:
        """Forget everything and count from zero."""
        with self._lock:
            self._count = 0
            self._entries.clear()

    @property
    def count(self) -> int:
        """The number of requests since the start or the last `clear`."""
        with self._lock:
            return self._count

    @property
    def entries(self) -> tuple[RecordedRequest, ...]:
        """The remembered requests, oldest first."""
        with self._lock:
            return tuple(self._entries)
