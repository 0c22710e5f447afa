"""Pooled HTTP connections to all servers.

urllib3 is used without requests on top. A Session reads the body of a redirect to its end, however long, before it
returns it, keeps cookies, looks at the environment, and loads the certificate authorities for every new connection
(35 ms each, where a whole call has 450). None of that has to be switched off in a plain pool.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock

from certifi import where as bundled_authorities
from urllib3 import BaseHTTPResponse, PoolManager, Timeout

from service.fhir.timed_connections import TimedHttpPool, TimedHttpsPool

_SERVERS = 16


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
                pool.pool_classes_by_scheme = {"http": TimedHttpPool, "https": TimedHttpsPool}
                self._pools[ca_file] = pool
            return self._pools[ca_file]


@lru_cache(maxsize=8)
def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    if ca_file is None:
        # A slim container has no authorities of its own.
        context.load_verify_locations(bundled_authorities())
    return context
