"""Fetching the key sets that clients publish.

One cache per address. A host that answers slowly costs the callers of that one address up to two seconds, and only two
of them at a time wait for it. All addresses together may keep half of the threads waiting; so issuers whose keys are at
hand are served however many of the others are slow or dead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from pathlib import Path
from typing import Protocol

import orjson
import requests
import structlog

from service.addresses import Address
from service.auth.keys import KeySet, PublicKey, UnknownKeyError
from service.config import REQUEST_THREADS

log = structlog.get_logger(__name__)

FETCH_TIMEOUT_S = 2.0
_LARGEST_SET = 256 * 1024
_CHUNK = 16 * 1024
_FRESH_S = 3600.0
_STILL_USABLE_S = 24 * 3600.0
_REFETCH_AFTER_S = 60.0
_ABANDON_AFTER_S = 600.0
_MOST_WAITING_FOR_ONE = 2
_MOST_WAITING = REQUEST_THREADS // 2


def waiting_room() -> threading.Semaphore:
    """Return the places for threads that wait for key hosts, shared by all addresses of a process."""
    return threading.BoundedSemaphore(_MOST_WAITING)


class KeysUnavailableError(Exception):
    """The key set cannot be had now; the message says why."""


class Fetch(Protocol):
    """How a key set is fetched; replaceable in tests."""

    def __call__(self, address: Address, ca_file: Path | None, /) -> KeySet:
        """Return the key set published at `address`, or raise KeysUnavailableError."""


def fetch_key_set(address: Address, ca_file: Path | None) -> KeySet:
    """Fetch a key set over HTTP: no redirects, no cookies, no proxy or netrc of the environment, little memory.

    Args:
        address: where it is published.
        ca_file: certificate authority; None means the usual ones.

    Raises:
        KeysUnavailableError: no answer in time, another status than 200, too long, or not a key set.
    """
    deadline = time.monotonic() + FETCH_TIMEOUT_S
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.get(
                address.url,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                allow_redirects=False,
                stream=True,
                timeout=FETCH_TIMEOUT_S,
                verify=str(ca_file) if ca_file else True,
            )
            with response:
                return _read_key_set(response, deadline)
        except (requests.RequestException, OSError) as error:
            raise KeysUnavailableError(type(error).__name__) from error


def _read_key_set(response: requests.Response, deadline: float) -> KeySet:
    if response.status_code != requests.codes.ok:
        raise KeysUnavailableError(f"status {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise KeysUnavailableError("compressed although it was not asked for")
    body = bytearray()
    # read1 returns after one receive, so a host that drips bytes cannot stretch the deadline.
    while chunk := response.raw.read1(_CHUNK):
        body += chunk
        if len(body) > _LARGEST_SET:
            raise KeysUnavailableError("too long")
        if time.monotonic() > deadline:
            raise KeysUnavailableError("too slow")
    try:
        return KeySet.read(orjson.loads(bytes(body)))
    except ValueError as error:
        raise KeysUnavailableError("not a key set") from error


class PublishedKeys:
    """The key set at one address: cached, refreshed in the background, refetched when an unknown `kid` turns up."""

    def __init__(
        self,
        address: Address,
        ca_file: Path | None = None,
        *,
        fetch: Fetch = fetch_key_set,
        monotonic: Callable[[], float] = time.monotonic,
        retry_after_s: float = 5.0,
        waiting: threading.Semaphore | None = None,
    ) -> None:
        """Prepare the cache; nothing is fetched yet.

        Args:
            address: where the key set is published.
            ca_file: certificate authority of the host; None means the usual ones.
            fetch: how it is fetched.
            monotonic: clock.
            retry_after_s: pause after a failed attempt while there is no key set at all.
            waiting: `waiting_room` of the process.
        """
        self._address, self._ca_file = address, ca_file
        self._fetch, self._monotonic = fetch, monotonic
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING_FOR_ONE)
        self._waiting_for_any = waiting or waiting_room()
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._attempted_at = float("-inf")
        self._in_flight: Future[KeySet] | None = None

    @property
    def loaded(self) -> bool:
        """Whether a key set is at hand that may still be used."""
        return self._keys is not None and self._monotonic() - self._fetched_at < _STILL_USABLE_S

    def find(self, kid: str, algorithm: str) -> PublicKey:
        """Return a key.

        Args:
            kid: id of the key.
            algorithm: signature algorithm it is to verify.

        Raises:
            KeysUnavailableError: there is no key set and none can be fetched now.
            UnknownKeyError: also the newest key set that may be asked for has no such key.
            UnusableKeyError: the key must not be used.
        """
        keys = self._keys
        if keys is None or not self.loaded:
            return self._wait(self._refresh(self._retry_after_s)).find(kid, algorithm)
        if self._monotonic() - self._fetched_at > _FRESH_S:
            self._refresh(_REFETCH_AFTER_S)
        try:
            return keys.find(kid, algorithm)
        except UnknownKeyError:
            if (fetching := self._refresh(_REFETCH_AFTER_S)) is None:
                raise
            return self._wait(fetching).find(kid, algorithm)

    def warm(self) -> None:
        """Start to fetch the key set; do not wait for it."""
        self._refresh(self._retry_after_s)

    def _refresh(self, not_before_s: float) -> Future[KeySet] | None:
        """Start a fetch, or join the one that began a moment ago; None when it is too early for another."""
        with self._lock:
            now = self._monotonic()
            age = now - self._attempted_at
            if self._in_flight is not None and not self._in_flight.done():
                if age < FETCH_TIMEOUT_S:
                    return self._in_flight
                not_before_s = _ABANDON_AFTER_S
            if age < not_before_s:
                return None
            self._attempted_at = now
            self._in_flight = future = Future[KeySet]()
        # A daemon thread of its own: a host that never answers must hold up neither a pool nor the end of the process.
        threading.Thread(target=self._run, args=(future,), name="jwks", daemon=True).start()
        return future

    def _run(self, future: Future[KeySet]) -> None:
        try:
            keys = self._fetch(self._address, self._ca_file)
        except Exception as error:  # noqa: BLE001  whatever happened, those who wait must hear of it
            log.warning("key set not fetched", host=self._address.host, error_type=type(error).__name__)
            future.set_exception(error)
            return
        if keys.unusable:
            log.warning("key set has unusable keys", host=self._address.host, count=len(keys.unusable))
        with self._lock:
            self._keys, self._fetched_at = keys, self._monotonic()
        future.set_result(keys)

    def _wait(self, future: Future[KeySet] | None) -> KeySet:
        if future is None:
            raise KeysUnavailableError("the last attempt failed a moment ago")
        if not self._waiting.acquire(blocking=False):
            raise KeysUnavailableError("others wait for them already")
        if not self._waiting_for_any.acquire(blocking=False):
            self._waiting.release()
            raise KeysUnavailableError("others wait for other hosts already")
        try:
            left_s = FETCH_TIMEOUT_S - (self._monotonic() - self._attempted_at)
            return future.result(timeout=max(0.0, left_s))
        except WaitedTooLong as error:
            raise KeysUnavailableError("no answer in time") from error
        except KeysUnavailableError:
            raise
        except Exception as error:
            raise KeysUnavailableError(type(error).__name__) from error
        finally:
            self._waiting_for_any.release()
            self._waiting.release()
