"""Where keys come from for which client."""

from __future__ import annotations

from typing import Any

import pytest

from service.addresses import Address
from service.auth.jwks import KeysUnavailableError
from service.auth.key_ring import KeyRing
from service.auth.keys import KeySet


class FakeFetch:
    """Knows the key sets of some addresses."""

    def __init__(self, signer: Any, *good: str) -> None:
        self.signer, self.good = signer, good
        self.fetched: list[str] = []

    def __call__(self, address: Address, _ca_file: object) -> KeySet:
        self.fetched.append(address.url)
        if address.url not in self.good:
            raise KeysUnavailableError("status 404")
        return KeySet.read({"keys": [self.signer.jwk()]})


def test_clients_with_one_address_share_what_was_fetched(make_client: Any, rsa_signer: Any, monotonic: Any) -> None:
    address = "https://ehr.example.org/jwks"
    one = make_client(jwks_url=address, tenants=["a"])
    other = make_client(name="mercy", jwks_url=address, tenants=["b"])
    fetch = FakeFetch(rsa_signer, address)
    ring = KeyRing([one, other], fetch=fetch, monotonic=monotonic)
    ring.find(one, "rsa-1", "RS384", None)
    ring.find(other, "rsa-1", "RS384", None)
    assert fetch.fetched == [address]


def test_strangers_cannot_make_us_fetch_many_addresses(make_client: Any, rsa_signer: Any, monotonic: Any) -> None:
    client = make_client(jku_allow=["https://ehr.example.org/keys"])
    good = "https://ehr.example.org/keys/good"
    fetch = FakeFetch(rsa_signer, good)
    ring = KeyRing([client], fetch=fetch, monotonic=monotonic)
    ring.find(client, "rsa-1", "RS384", good)
    for minute in range(20):
        for number in range(20):
            with pytest.raises(KeysUnavailableError):
                ring.find(client, "rsa-1", "RS384", f"https://ehr.example.org/keys/{minute}-{number}")
        monotonic.now += 61
    assert len(fetch.fetched) < 20 * 11 + 1
    ring.find(client, "rsa-1", "RS384", good)  # what has worked is still there, and was not fetched again
    assert fetch.fetched.count(good) == 1
