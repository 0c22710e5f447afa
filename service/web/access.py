"""Where a request comes from, and what that entitles it to.

Loopback is trusted only if nothing points to a proxy in between: the peer is on this machine, the Host header names
this machine (so that a web page cannot reach the service through a name it controls), and no header says that the
request was forwarded.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from flask import Flask, Request, request
from werkzeug.exceptions import Forbidden

from service.addresses import is_loopback
from service.config import Settings

Networks = Sequence[IPv4Network | IPv6Network]

_SIGNS_OF_A_PROXY = ("Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip")


def is_local(request: Request, proxies: Networks) -> bool:
    """Whether the request was made on this machine, directly.

    Args:
        request: the request.
        proxies: networks of known proxies; what comes from there is never local.
    """
    peer = request.remote_addr or ""
    names = [name.title() for name in request.headers.keys()]  # noqa: SIM118  headers iterate as pairs
    forwarded = any(name in _SIGNS_OF_A_PROXY or name.startswith("X-Forwarded-") for name in names)
    return is_loopback(peer) and is_loopback(_host_name(request)) and not forwarded and not _is_in(peer, proxies)


def is_trusted(request: Request, token: str | None, proxies: Networks) -> bool:
    """Whether the request may see what is not public: it is local, or it bears the token.

    Args:
        request: the request.
        token: the configured token; None means that only local requests are trusted.
        proxies: networks of known proxies.
    """
    if is_local(request, proxies):
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    bears = token is not None and hmac.compare_digest(given.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and bears


def peer_of(request: Request, proxies: Networks) -> str:
    """Return the address the request came from, for the log: the last one that is not a known proxy."""
    peer = request.remote_addr or ""
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if not _is_in(peer, proxies) or not hop.strip():
            break
        peer = hop.strip()
    try:
        return str(ip_address(peer))
    except ValueError:
        return "unknown"


def register_guard(app: Flask, settings: Settings) -> None:
    """While authentication is off, answer this machine only, however the server was bound."""
    if settings.auth != "off" or settings.allow_insecure:
        return

    @app.before_request
    def refuse_others() -> None:
        if not is_local(request, settings.trusted_proxies):
            raise Forbidden("Authentication is off, so only this machine is answered.")


def _host_name(request: Request) -> str:
    host = request.headers.get("Host", "")
    return host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]


def _is_in(peer: str, networks: Networks) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)
