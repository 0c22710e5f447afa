"""Which files hold a key this service may sign with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from service.fhir.signing_key import SigningKeyError, is_open_to_others, read_signing_key

RSA = rsa.generate_private_key(65537, 2048)
P384 = ec.generate_private_key(ec.SECP384R1())


def pem(key: Any, pass_phrase: bytes | None = None) -> bytes:
    protection = serialization.BestAvailableEncryption(pass_phrase) if pass_phrase else serialization.NoEncryption()
    content: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    return content


def jwk(key: Any, **more: str) -> bytes:
    algorithm = "RS384" if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) else "ES384"
    return json.dumps({**jwt.get_algorithm_by_name(algorithm).to_jwk(key, as_dict=True), **more}).encode()


@pytest.mark.parametrize(
    ("content", "kid", "expected"),
    [
        (pem(RSA), "k1", ("k1", "RS384")),
        (pem(P384), "k1", ("k1", "ES384")),
        (jwk(RSA, kid="own"), "", ("own", "RS384")),
        (jwk(P384, kid="own"), "other", ("other", "ES384")),
    ],
)
def test_keys_that_serve(tmp_path: Path, content: bytes, kid: str, expected: tuple[str, str]) -> None:
    (tmp_path / "key").write_bytes(content)
    key = read_signing_key(tmp_path / "key", kid)
    assert (key.kid, key.algorithm) == expected
    assert "private" not in repr(key)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pem(RSA), "has no kid"),
        (jwk(RSA), "has no kid"),
        (pem(rsa.generate_private_key(65537, 1024)), "less than 2048 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "neither"),
        (pem(RSA, b"secret"), "pass phrase"),
        (jwk(RSA.public_key(), kid="k"), "is not a private key"),
        (b"{broken", "not a JSON Web Key"),
        (b'{"kty": "oct", "k": "AAAA", "kid": "k"}', "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----", "PEM"),
        (b"\xff\xfe", "PEM"),
        (b"", "PEM"),
    ],
)
def test_keys_that_do_not(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SigningKeyError, match=message):
        read_signing_key(tmp_path / "key")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="cannot be read"):
        read_signing_key(tmp_path / "key", "k")


@pytest.mark.parametrize(("mode", "is_open"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_rights(tmp_path: Path, mode: int, is_open: bool) -> None:
    file = tmp_path / "key"
    file.touch()
    file.chmod(mode)
    assert is_open_to_others(file) is is_open
    assert not is_open_to_others(tmp_path / "missing")
