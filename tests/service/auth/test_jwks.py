"""Key sets are fetched carefully and seldom, and a slow host holds up nobody but its own callers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from service.addresses import Address
from service.auth.jwks import KeysUnavailableError, PublishedKeys, fetch_key_set, waiting_room
from service.auth.keys import KeySet, UnknownKeyError
from service.config import REQUEST_THREADS

ADDRESS = Address.parse("https://ehr.example.org/jwks")


class FakeFetch:
    """Answers with a key set, or fails, or waits until told to go on."""

    def __init__(self, *jwks: dict[str, Any]) -> None:
        self.jwks = list(jwks)
        self.fails = False
        self.calls = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, _address: Address, _ca_file: object) -> KeySet:
        self.calls += 1
        self.go_on.wait(5)
        if self.fails:
            raise KeysUnavailableError("status 500")
        return KeySet.read({"keys": self.jwks})


def published(fetch: FakeFetch, monotonic: Any) -> PublishedKeys:
    return PublishedKeys(ADDRESS, fetch=fetch, monotonic=monotonic)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_fetches_a_key_set(key_host: Any, rsa_signer: Any) -> None:
    key_host.publish(rsa_signer.jwk())
    keys = fetch_key_set(Address.parse(key_host.url + "/jwks?tenant=a"), None)
    assert keys.find("rsa-1", "RS384").key_size == 2048
    assert key_host.requests[0].full_path == "/jwks?tenant=a"


def test_redirects_are_not_followed(key_host: Any) -> None:
    key_host.answer = lambda _request: redirect("/elsewhere")
    with pytest.raises(KeysUnavailableError, match="302"):
        fetch_key_set(Address.parse(key_host.url + "/jwks"), None)
    assert len(key_host.requests) == 1


@pytest.mark.parametrize(
    "response",
    [
        Response("{}", 404),
        Response("<html>"),
        Response("[]"),
        Response('{"keys": {}}'),
        Response('{"keys": [' + " " * 300_000 + "]}"),
        Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_unusable_answers(key_host: Any, response: Response) -> None:
    key_host.answer = lambda _request: response
    with pytest.raises(KeysUnavailableError):
        fetch_key_set(Address.parse(key_host.url + "/jwks"), None)


def test_a_dripping_host_cannot_stretch_the_limit(key_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.auth.jwks.FETCH_TIMEOUT_S", 0.2)

    def drip() -> Iterator[bytes]:
        for _ in range(100):
            yield b" "
            time.sleep(0.02)

    key_host.answer = lambda _request: Response(drip())
    started = time.monotonic()
    with pytest.raises(KeysUnavailableError, match="too slow"):
        fetch_key_set(Address.parse(key_host.url + "/jwks"), None)
    assert time.monotonic() - started < 1


def test_the_environment_names_no_proxy(key_host: Any, rsa_signer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    key_host.publish(rsa_signer.jwk())
    fetch_key_set(Address.parse(key_host.url + "/jwks"), None)


@responses.activate
@pytest.mark.parametrize("fault", [requests.exceptions.SSLError(), requests.exceptions.ReadTimeout(), OSError()])
def test_faults_of_the_connection(fault: Exception) -> None:
    responses.get(ADDRESS.url, body=fault)
    with pytest.raises(KeysUnavailableError):
        fetch_key_set(ADDRESS, None)


def test_an_unknown_kid_refetches_at_most_once_a_minute(rsa_signer: Any, other_rsa_signer: Any, monotonic: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    keys = published(fetch, monotonic)
    keys.find("rsa-1", "RS384")
    for _ in range(3):
        with pytest.raises(UnknownKeyError):
            keys.find("rsa-2", "RS384")
    assert fetch.calls == 1
    monotonic.now += 60
    for _ in range(3):
        with pytest.raises(UnknownKeyError):
            keys.find("rsa-2", "RS384")
    assert fetch.calls == 2
    fetch.jwks.append(other_rsa_signer.jwk())
    monotonic.now += 60
    keys.find("rsa-2", "RS384")
    assert fetch.calls == 3


def test_old_keys_are_refreshed_in_the_background_and_survive_an_outage(rsa_signer: Any, monotonic: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    keys = published(fetch, monotonic)
    keys.find("rsa-1", "RS384")
    fetch.fails = True
    monotonic.now += 2 * 3600
    keys.find("rsa-1", "RS384")
    wait_for(lambda: fetch.calls == 2)
    monotonic.now += 23 * 3600
    with pytest.raises(KeysUnavailableError):
        keys.find("rsa-1", "RS384")


def test_a_withdrawn_key_stops_working_after_the_refresh(rsa_signer: Any, ec_signer: Any, monotonic: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    keys = published(fetch, monotonic)
    keys.find("rsa-1", "RS384")
    fetch.jwks = [ec_signer.jwk()]
    monotonic.now += 2 * 3600
    keys.find("rsa-1", "RS384")  # starts the refresh

    def is_withdrawn() -> bool:
        try:
            keys.find("rsa-1", "RS384")
        except UnknownKeyError:
            return True
        return False

    wait_for(is_withdrawn)


def test_a_failed_fetch_is_not_repeated_at_once(monotonic: Any, rsa_signer: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    fetch.fails = True
    keys = published(fetch, monotonic)
    for _ in range(3):
        with pytest.raises(KeysUnavailableError):
            keys.find("rsa-1", "RS384")
    assert fetch.calls == 1
    fetch.fails = False
    monotonic.now += 5
    keys.find("rsa-1", "RS384")


def test_those_who_ask_at_once_share_one_fetch_and_only_a_few_wait(rsa_signer: Any, monotonic: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    fetch.go_on.clear()
    keys = published(fetch, monotonic)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            keys.find("rsa-1", "RS384")
            outcomes.append("found")
        except KeysUnavailableError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(outcomes) == 6)  # six were sent away while the host has not answered yet
    assert set(outcomes) == {"others wait for them already"}
    fetch.go_on.set()
    for thread in threads:
        thread.join()
    assert outcomes[6:] == ["found"] * 2
    assert fetch.calls == 1


def test_however_many_hosts_are_slow_only_half_of_the_threads_wait_for_them(rsa_signer: Any, monotonic: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    fetch.go_on.clear()
    room = waiting_room()
    hosts = [PublishedKeys(ADDRESS, fetch=fetch, monotonic=monotonic, waiting=room) for _ in range(REQUEST_THREADS)]
    outcomes: list[str] = []

    def ask(keys: PublishedKeys) -> None:
        try:
            keys.find("rsa-1", "RS384")
            outcomes.append("found")
        except KeysUnavailableError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=ask, args=(keys,)) for keys in hosts]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(outcomes) == REQUEST_THREADS // 2)
    assert set(outcomes) == {"others wait for other hosts already"}
    fetch.go_on.set()
    for thread in threads:
        thread.join()
    assert outcomes[REQUEST_THREADS // 2 :] == ["found"] * (REQUEST_THREADS // 2)


def test_a_hung_fetch_is_waited_for_only_as_long_as_it_may_take(rsa_signer: Any, monotonic: Any) -> None:
    fetch = FakeFetch(rsa_signer.jwk())
    fetch.go_on.clear()
    keys = published(fetch, monotonic)
    keys.warm()
    monotonic.now += 3
    started = time.monotonic()
    with pytest.raises(KeysUnavailableError):
        keys.find("rsa-1", "RS384")
    monotonic.now += 100
    with pytest.raises(KeysUnavailableError):  # and no second one is started beside it
        keys.find("rsa-1", "RS384")
    assert time.monotonic() - started < 0.5
    assert fetch.calls == 1
    fetch.go_on.set()
    wait_for(lambda: keys.loaded)
    keys.find("rsa-1", "RS384")


def test_unexpected_faults_reach_those_who_wait(monotonic: Any) -> None:
    def fetch(_address: Address, _ca_file: object) -> KeySet:
        raise ZeroDivisionError

    keys = PublishedKeys(ADDRESS, fetch=fetch, monotonic=monotonic)
    with pytest.raises(KeysUnavailableError, match="ZeroDivisionError"):
        keys.find("rsa-1", "RS384")
