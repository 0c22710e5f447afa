"""Only asymmetric, public, long enough keys that are meant for signatures are used."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from service.auth.keys import KeySet, UnknownKeyError, UnusableKeyError, read_key


def test_rsa_without_alg_fits_every_rsa_algorithm_but_no_other(rsa_signer: Any) -> None:
    key = read_key(rsa_signer.jwk())
    assert "RS384" in key.algorithms
    assert "PS512" in key.algorithms
    assert "ES384" not in key.algorithms


@pytest.mark.parametrize(
    ("curve", "algorithm"), [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")]
)
def test_a_curve_has_one_algorithm(curve: ec.EllipticCurve, algorithm: str) -> None:
    public_key = ec.generate_private_key(curve).public_key()
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(public_key, as_dict=True)
    assert read_key(jwk).algorithms == (algorithm,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use": "enc"}, "not meant for signatures"),
        ({"key_ops": ["encrypt"]}, "not meant for signatures"),
        ({"key_ops": "verify"}, "not meant for signatures"),
        ({"d": "AQAB"}, "private"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "neither"),
        ({"kty": "EC", "crv": "secp256k1"}, "neither"),
        ({"kty": None}, "neither"),
        ({"alg": "HS384"}, "does not fit"),
        ({"alg": "none"}, "does not fit"),
        ({"alg": "ES384"}, "does not fit"),
        ({"alg": 7}, "does not fit"),
        ({"n": None}, "cannot be read"),
        ({"n": 5}, "cannot be read"),
        ({"n": "!"}, "cannot be read"),
        ({"e": "AA"}, "cannot be read"),
    ],
)
def test_unusable_keys(rsa_signer: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UnusableKeyError, match=said):
        read_key(rsa_signer.jwk(**changes))


def test_small_rsa_keys_are_unusable(small_rsa_signer: Any) -> None:
    with pytest.raises(UnusableKeyError, match="2048"):
        read_key(small_rsa_signer.jwk())


def test_one_bad_key_does_not_spoil_the_set(rsa_signer: Any, ec_signer: Any) -> None:
    keys = KeySet.read({"keys": [rsa_signer.jwk(use="enc", kid="other"), "x", {"kty": "RSA"}, ec_signer.jwk()]})
    keys.find("ec-1", "ES384")
    with pytest.raises(UnusableKeyError, match="not meant for signatures"):
        keys.find("other", "RS384")
    with pytest.raises(UnknownKeyError):
        keys.find("rsa-1", "RS384")
    assert len(keys.unusable) == 3


def test_two_keys_of_one_kid_are_told_apart_by_algorithm(rsa_signer: Any, ec_signer: Any) -> None:
    keys = KeySet.read({"keys": [rsa_signer.jwk(kid="same"), ec_signer.jwk(kid="same")]})
    assert keys.find("same", "ES384").key_size == 384
    assert keys.find("same", "RS384").key_size == 2048


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": {}}, "keys"])
def test_what_is_no_key_set(document: Any) -> None:
    with pytest.raises(UnusableKeyError):
        KeySet.read(document)
