"""Connections that keep one time limit for a whole exchange.

The timeouts of HTTP libraries are per receive: against a server that sends a byte now and then, 0.3 s become minutes.
Here what is left of the limit shrinks with every step: name lookup, each address that is tried, TLS handshake, and
every receive, headers included. So no thread stays with a slow server.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError

from service.fhir.name_lookup import NameLookup

_NAMES = NameLookup()
_SHORTEST_WAIT_S = 0.001


class _TimedReader(io.RawIOBase):
    """The receiving side of a socket, whose timeout at this moment becomes the limit for everything still to come."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
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
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _TimedConnect(HTTPConnection):
    """Connecting within the timeout, whatever the name lookup and however many addresses a name has."""

    def _new_conn(self) -> socket.socket:
        ends = time.monotonic() + float(self.timeout or 0)
        try:
            return self._connected(ends)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise LocationParseError("no valid host name") from None
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error

    def _connected(self, ends: float) -> socket.socket:
        # `_dns_host` still has the dot at the end of a fully qualified name, `host` has not.
        addresses = _NAMES.addresses(self._dns_host, self.port, max(0.0, ends - time.monotonic()))
        failure: OSError = TimeoutError()
        for untried, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            if (left := ends - time.monotonic()) <= 0:
                break
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # An address that does not answer must leave time for the others.
                connection.settimeout(left / untried)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                # The TLS handshake comes next and has what is left.
                connection.settimeout(max(_SHORTEST_WAIT_S, ends - time.monotonic()))
                return connection
        raise failure


class TimedHttpConnection(_TimedConnect):
    """A connection over http."""

    response_class = _TimedResponse


class TimedHttpsConnection(_TimedConnect, HTTPSConnection):
    """A connection over https."""

    response_class = _TimedResponse


class TimedHttpPool(HTTPConnectionPool):
    """Connections to one http server."""

    ConnectionCls = TimedHttpConnection


class TimedHttpsPool(HTTPSConnectionPool):
    """Connections to one https server."""

    ConnectionCls = TimedHttpsConnection
