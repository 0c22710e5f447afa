"""Web addresses, read strictly enough to be compared.

Which hosts this service talks to is decided by comparing an address someone sent with a list an operator wrote. Two
programs that read one address differently would make that list worthless, so everything that invites a second reading
is refused here: user names, `..`, encoded slashes, path parameters, numbers in place of host names. What remains is
fetched as `Address.url` spells it, never as it was sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_LONGEST = 2048

_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@|-]|%[0-9A-Fa-f]{2})*)*")
_ENCODED_DELIMITER = re.compile(r"%(?:2[EeFf5]|5[Cc]|3[Bb]|[01][0-9A-Fa-f]|7[Ff])")


class AddressError(ValueError):
    """The text is not an address this service uses; the message says why, without the address."""


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address in one canonical form.

    Attributes:
        scheme: `http` or `https`.
        host: lower case; an IPv6 address without brackets.
        port: always set.
        path: as sent, starting with `/`, or empty.
        query: as sent, without `?`; empty when there is none.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    query: str = ""

    @classmethod
    def parse(cls, url: str, *, plain_http: bool = False) -> Address:
        """Read an absolute address.

        Args:
            url: what somebody wrote or sent.
            plain_http: tolerate http to another machine.

        Raises:
            AddressError: not an absolute http(s) address, plain http to another machine, or written in a way that
                two programs might read differently.
        """
        if len(url) > _LONGEST:
            raise AddressError("is too long")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise AddressError("holds a space, a control character or a character outside ASCII (write xn--… names)")
        if (parts := _URL.fullmatch(url)) is None:
            raise AddressError("is not an absolute address without fragment, such as https://ehr.example.org/fhir")
        scheme = parts["scheme"].lower()
        if scheme not in _DEFAULT_PORTS:
            raise AddressError("starts with neither https:// nor http://")
        host, port = _host_and_port(parts["authority"])
        _check_path(parts["path"])
        if scheme == "http" and not plain_http and not is_loopback(host):
            raise AddressError("must start with https:// (http is for this machine alone)")
        return cls(scheme, host, port or _DEFAULT_PORTS[scheme], parts["path"], parts["query"] or "")

    @property
    def origin(self) -> str:
        """Scheme, host and port as a browser spells an origin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def url(self) -> str:
        """The address in its canonical spelling."""
        return self.origin + self.path + (f"?{self.query}" if self.query else "")

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path; a slash at the end adds none."""
        return tuple(segment for segment in self.path.split("/") if segment)

    @property
    def is_loopback(self) -> bool:
        """Whether the address is on this machine."""
        return is_loopback(self.host)


def is_within(url: str | Address, allowed: Address) -> bool:
    """Whether an address lies at or below an allowed one.

    Args:
        url: the address in question; text that cannot be read lies nowhere.
        allowed: scheme, host and port must be equal, and the path must begin with the same whole segments; a query is
            not compared.
    """
    if isinstance(url, str):
        try:
            url = Address.parse(url)
        except AddressError:
            return False
    same_origin = (url.scheme, url.host, url.port) == (allowed.scheme, allowed.host, allowed.port)
    return same_origin and url.segments[: len(allowed.segments)] == allowed.segments


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a host name or IP address literal (IPv6 without brackets) means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return IPv6Address(host).is_loopback if ":" in host else IPv4Address(host).is_loopback
    except AddressValueError:
        return False


@lru_cache(maxsize=256)
def _host_and_port(authority: str) -> tuple[str, int]:
    if "@" in authority:
        raise AddressError("holds a user name")
    if (parts := _AUTHORITY.fullmatch(authority)) is None:
        raise AddressError("has no readable host")
    port = int(parts["port"] or 0)
    if parts["port"] is not None and not 0 < port <= _LAST_PORT:
        raise AddressError("has a port outside 1 to 65535")
    return _host(parts["host"].lower()), port


def _host(host: str) -> str:
    try:
        if host.startswith("["):
            address = IPv6Address(host[1:-1])
            if address.ipv4_mapped is not None:
                raise AddressError("hides an IPv4 address in an IPv6 one")
            return address.compressed
        labels = host.split(".")
        # A name that ends in a number is an IPv4 address to most programs, in one of many spellings.
        if _NUMBER.fullmatch(labels[-1]):
            return str(IPv4Address(host))
    except AddressValueError:
        raise AddressError("has an IP address in an unusual spelling") from None
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError("has no valid host name")
    return host


def _check_path(path: str) -> None:
    if _PATH.fullmatch(path) is None:
        raise AddressError("has a character in its path that addresses here do not need")
    if _ENCODED_DELIMITER.search(path):
        raise AddressError("has an encoded slash, dot, percent or control character in its path")
    inner = path.removeprefix("/").removesuffix("/").split("/") if path not in ("", "/") else []
    if any(segment in ("", ".", "..") for segment in inner):
        raise AddressError("has an empty segment, '.' or '..' in its path")
