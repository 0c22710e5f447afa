"""Where a request comes from, and what that entitles it to.

Loopback is trusted only if nothing points to somebody else behind it: the peer is on this machine, the Host header
names this machine (so that a web page cannot reach the service through a name it controls), no web page of another
machine made the browser send it, and nothing says that the request was forwarded.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Container, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import Flask, Request, request
from werkzeug.exceptions import Forbidden

from service.addresses import Address, AddressError, is_loopback
from service.config import Settings
from service.web.headers import is_for_browsers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Networks = Sequence[IPv4Network | IPv6Network]

_SIGNS_OF_A_PROXY = tuple(
    f"HTTP_{name}"
    for name in (
        *("FORWARDED", "VIA", "X_REAL_IP", "X_CLIENT_IP", "TRUE_CLIENT_IP", "CF_CONNECTING_IP", "X_ORIGINAL_HOST"),
        *("X_FORWARDED", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_FORWARDED_PORT"),
        *("X_FORWARDED_SERVER", "X_FORWARDED_PREFIX", "X_FORWARDED_SCHEME", "X_FORWARDED_SSL", "X_FORWARDED_BY"),
        *("X_FORWARDED_USER", "X_FORWARDED_CLIENT_CERT", "X_ORIGINAL_FORWARDED_FOR", "X_ENVOY_EXTERNAL_ADDRESS"),
    )
)
# nginx forwards in this version unless told otherwise, and then without any of the headers above.
_OLD_PROTOCOLS = ("HTTP/1.0", "HTTP/1", "HTTP/0.9")
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]{1,5})?")


def is_local(environ: WSGIEnvironment, proxies: Networks, welcome: Container[str] = ()) -> bool:
    """Whether the request was made on this machine, directly, and not by a web page of another machine.

    Args:
        environ: the request.
        proxies: networks of known proxies; what comes from there is never local.
        welcome: origins whose pages may make the browser send it all the same; `*` means all.
    """
    peer = environ.get("REMOTE_ADDR") or ""
    origin = environ.get("HTTP_ORIGIN")
    return (
        _is_here(peer)
        and _names_this_machine(environ.get("HTTP_HOST") or "")
        and environ.keys().isdisjoint(_SIGNS_OF_A_PROXY)
        and environ.get("SERVER_PROTOCOL") not in _OLD_PROTOCOLS
        and not (proxies and _is_in(peer, proxies))
        and (origin is None or origin in welcome or "*" in welcome or _is_page_of_this_machine(origin))
    )


def is_trusted(request: Request, token: str | None, proxies: Networks) -> bool:
    """Whether the request may see what is not public: it bears the token, or it is local.

    Args:
        request: the request.
        token: the configured token; None means that only local requests are trusted.
        proxies: networks of known proxies.
    """
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token is not None and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return True
    return is_local(request.environ, proxies)


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
    if not answers_this_machine_only(settings):
        return

    @app.before_request
    def refuse_others() -> None:
        welcome = settings.cors_origins if settings.cors_origins and is_for_browsers(request.path) else ()
        if not is_local(request.environ, settings.trusted_proxies, welcome):
            raise Forbidden("Authentication is off, so only this machine is answered.")


def answers_this_machine_only(settings: Settings) -> bool:
    """Whether requests of other machines are refused, since nothing else keeps strangers out."""
    return settings.auth == "off" and not settings.allow_insecure


@lru_cache(maxsize=256)
def _is_here(peer: str) -> bool:
    return is_loopback(peer)


@lru_cache(maxsize=256)
def _names_this_machine(host: str) -> bool:
    """Whether a Host header, port included, names this machine and nothing else."""
    parts = _HOST.fullmatch(host)
    return parts is not None and is_loopback(parts["v6"] or parts["name"])


def _is_page_of_this_machine(origin: str) -> bool:
    try:
        return Address.parse(origin).is_loopback
    except AddressError:
        return False


def _is_in(peer: str, networks: Networks) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)
