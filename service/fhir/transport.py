"""Pooled HTTP connections that keep one deadline for a whole exchange.

The timeouts of HTTP libraries are per receive: against a server that sends a byte now and then, 0.3 s become minutes.
Here what is left of the timeout shrinks with every receive, headers included, so no thread stays with such a server.

urllib3 is used without requests on top. A Session reads the body of a redirect to its end, however long, before it
returns it, keeps cookies, looks at the environment, and loads the certificate authorities for every new connection
(35 ms each, where a whole call has 450). None of that has to be switched off in a plain pool.
"""

from __future__ import annotations

import http.client
import io
import logging
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from socket import socket
from threading import Lock
from typing import Any

from certifi import where as bundled_authorities
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

_SERVERS = 16


class _TimedReader(io.RawIOBase):
    """The receiving side of a socket, whose timeout at this moment becomes the limit for everything still to come."""

    def __init__(self, raw: io.RawIOBase, sock: socket) -> None:
        self._raw, self._sock = raw, sock
        timeout = sock.gettimeout()
        self._ends = None if timeout is None else time.monotonic() + timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._ends is not None:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedTlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


class Transport:
    """Connections to FHIR servers, shared by all threads. It stores nothing about a request.

    Args:
        connections: how many idle connections are kept for each server.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._pools: dict[Path | None, PoolManager] = {}
        self._lock = Lock()
        # urllib3 writes the URL of each request into its log, and with it patient ids.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)

    def warm_up(self, ca_file: Path | None) -> None:
        """Load a certificate authority file in advance.

        Args:
            ca_file: PEM file that replaces the usual authorities; None for the usual ones.
        """
        self._pool(ca_file)

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
        ca_file: Path | None = None,
    ) -> BaseHTTPResponse:
        """Send a request and return the response with its body unread; redirects are returned, not followed.

        Args:
            method: HTTP method.
            url: absolute URL.
            headers: all headers to send.
            body: content to send.
            seconds: time for connecting, sending, and receiving everything.
            ca_file: as in `warm_up`.

        Raises:
            urllib3.exceptions.HTTPError, OSError, ValueError, http.client.HTTPException: no response. Their messages
                may hold the URL.
        """
        return self._pool(ca_file).urlopen(
            method,
            url,
            body=body,
            headers=headers,
            timeout=Timeout(total=seconds),
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for manager in self._pools.values():
                # Clearing alone leaves them open until the garbage collector comes by.
                for key in manager.pools.keys():  # noqa: SIM118  not iterable itself
                    manager.pools[key].close()
                manager.clear()

    def _pool(self, ca_file: Path | None) -> PoolManager:
        with self._lock:
            if ca_file not in self._pools:
                pool = PoolManager(
                    num_pools=_SERVERS, maxsize=self._connections, ssl_context=_tls_context(ca_file), block=False
                )
                pool.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedTlsPool}
                self._pools[ca_file] = pool
            return self._pools[ca_file]


@lru_cache(maxsize=8)
def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    if ca_file is None:
        # A slim container has no authorities of its own.
        context.load_verify_locations(bundled_authorities())
    return context
