"""Resolving host names with a time limit.

The operating system's resolver takes as long as it likes, up to half a minute, and cannot be interrupted. So it is
asked on a thread of its own, once at a time for each host, and those who wait stop waiting when their time is over.
A stuck lookup holds up that one thread and no worker.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from ipaddress import ip_address
from typing import TypeAlias

SocketAddress: TypeAlias = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
"""Address family, and what `socket.connect` takes."""


class NameLookup:
    """Looks up host names for all threads. Nothing is remembered: names move, and connections are kept anyway."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, int], Future[list[SocketAddress]]] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, seconds: float) -> list[SocketAddress]:
        """Return where to connect to, the address the system prefers first.

        Args:
            host: name, or an IP address literal with or without brackets.
            port: TCP port.
            seconds: how long to wait.

        Raises:
            TimeoutError: no answer in time.
            OSError: there is no such name, or it cannot be looked up (`socket.gaierror`).
            UnicodeError: no valid host name.
        """
        host = host.strip("[]")
        if _is_literal(host):
            return _look_up(host, port)
        return self._looking_up(host, port).result(timeout=seconds)

    def _looking_up(self, host: str, port: int) -> Future[list[SocketAddress]]:
        with self._lock:
            if (joined := self._under_way.get((host, port))) is not None:
                return joined
            self._under_way[host, port] = future = Future[list[SocketAddress]]()
        # A daemon thread: a lookup that never ends must not hold up the end of the process.
        threading.Thread(target=self._run, args=(host, port, future), name="name-lookup", daemon=True).start()
        return future

    def _run(self, host: str, port: int, future: Future[list[SocketAddress]]) -> None:
        try:
            found = _look_up(host, port)
        except (OSError, UnicodeError) as error:
            self._end(host, port)
            future.set_exception(error)
        else:
            self._end(host, port)
            future.set_result(found)

    def _end(self, host: str, port: int) -> None:
        with self._lock:
            del self._under_way[host, port]


def _look_up(host: str, port: int) -> list[SocketAddress]:
    return [(family, address) for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
