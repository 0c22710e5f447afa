"""Which key verifies a token: one in the configuration, one the client publishes, or one the token's `jku` names."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from service.addresses import Address, AddressError, is_within
from service.auth.clients import Client
from service.auth.jwks import Fetch, KeysUnavailableError, PublishedKeys, fetch_key_set, waiting_room
from service.auth.keys import KeySet, PublicKey

_MOST_ADDRESSES = 32
_MOST_NEW_ADDRESSES = 10
_WHILE_S = 60.0


class KeyAddressError(ValueError):
    """The token names no `jku`, or one that its client is not allowed."""


class KeyRing:
    """The public keys of all clients."""

    def __init__(
        self,
        clients: Iterable[Client],
        *,
        fetch: Fetch = fetch_key_set,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._written: dict[str, KeySet] = {}
        self._published: dict[str, PublishedKeys] = {}
        self._named: dict[str, _NamedKeys] = {}
        waiting = waiting_room()
        shared: dict[tuple[Address, str], PublishedKeys] = {}
        for client in clients:
            if client.jwks is not None:
                self._written[client.name] = KeySet.read(client.jwks)
            elif client.jwks_url is not None:
                place = (client.jwks_url, str(client.ca_file or ""))
                if place not in shared:
                    shared[place] = PublishedKeys(
                        client.jwks_url, client.ca_file, fetch=fetch, monotonic=monotonic, waiting=waiting
                    )
                self._published[client.name] = shared[place]
            else:
                self._named[client.name] = _NamedKeys(client, fetch, monotonic, waiting)

    def warm(self) -> None:
        """Start to fetch every key set whose address is configured; do not wait for them."""
        for keys in self._published.values():
            keys.warm()

    def states(self) -> dict[str, bool]:
        """Return client → whether its keys are at hand; clients whose tokens name the address are left out."""
        published = {name: keys.loaded for name, keys in self._published.items()}
        return dict.fromkeys(self._written, True) | published

    def find(self, client: Client, kid: str, algorithm: str, jku: object) -> PublicKey:
        """Return the key a token of this client must be verified with.

        Args:
            client: whose token it is.
            kid: id of the key, as the token's header says.
            algorithm: signature algorithm of the token.
            jku: `jku` of the token's header; looked at only if this client's keys are found that way.

        Raises:
            KeyAddressError: `jku` is needed and missing, or not allowed. Nothing was fetched.
            KeysUnavailableError: the key set cannot be had now.
            UnknownKeyError: no key of this id.
            UnusableKeyError: the key must not be used.
        """
        if (written := self._written.get(client.name)) is not None:
            return written.find(kid, algorithm)
        if (published := self._published.get(client.name)) is not None:
            return published.find(kid, algorithm)
        return self._named[client.name].at(jku).find(kid, algorithm)


class _NamedKeys:
    """Key sets that the tokens of one client name.

    The token is not verified yet when its `jku` is followed, so a stranger may ask for any address in the allowed
    range. Only so many new ones are tried a minute, and none of them pushes out one that has worked.
    """

    def __init__(
        self, client: Client, fetch: Fetch, monotonic: Callable[[], float], waiting: threading.Semaphore
    ) -> None:
        self._client, self._fetch, self._monotonic, self._waiting = client, fetch, monotonic, waiting
        self._lock = threading.Lock()
        self._known: dict[str, PublishedKeys] = {}
        self._tried: deque[float] = deque()

    def at(self, jku: object) -> PublishedKeys:
        address = self._allowed(jku)
        with self._lock:
            if (known := self._known.get(address.url)) is not None:
                return known
            now = self._monotonic()
            while self._tried and now - self._tried[0] > _WHILE_S:
                self._tried.popleft()
            if len(self._tried) >= _MOST_NEW_ADDRESSES:
                raise KeysUnavailableError("too many new addresses within a minute")
            self._tried.append(now)
            self._make_room()
            keys = PublishedKeys(
                address,
                self._client.ca_file,
                fetch=self._fetch,
                monotonic=self._monotonic,
                retry_after_s=_WHILE_S,
                waiting=self._waiting,
            )
            self._known[address.url] = keys
            return keys

    def _allowed(self, jku: object) -> Address:
        if not isinstance(jku, str):
            raise KeyAddressError("no jku")
        try:
            address = Address.parse(jku)
        except AddressError as error:
            raise KeyAddressError(f"jku {error}") from error
        if address.query or not any(is_within(address, allowed) for allowed in self._client.jku_allow):
            raise KeyAddressError("jku is not allowed")
        return address

    def _make_room(self) -> None:
        if len(self._known) < _MOST_ADDRESSES:
            return
        idle = next((url for url, keys in self._known.items() if not keys.loaded), None)
        if idle is None:
            raise KeysUnavailableError("too many addresses")
        del self._known[idle]
