"""The private key with which this service proves who it is to the token endpoint of an EHR."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_SMALLEST_RSA_BITS = 2048
_ES384_CURVE = "secp384r1"


class SigningKeyError(ValueError):
    """The file holds no key this service can sign with; the message says why, without its content."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key.

    Attributes:
        kid: its id, under which the EHR finds the public part.
        algorithm: `RS384` or `ES384`, the two of SMART Backend Services.
    """

    kid: str
    algorithm: str
    private_key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)


def read_signing_key(file: Path, kid: str = "") -> SigningKey:
    """Read a key.

    Args:
        file: PEM without pass phrase, or a JSON Web Key.
        kid: its id; "" takes that of the JSON Web Key.

    Raises:
        SigningKeyError: it cannot be read, is too weak, fits neither algorithm, or has no id.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"cannot be read: {error.strerror}") from None
    private_key, stated_kid = _from_jwk(content) if content.lstrip().startswith(b"{") else (_from_pem(content), "")
    algorithm = _algorithm_for(private_key)
    if not (kid or stated_kid):
        raise SigningKeyError('has no kid; write kid = "…", the id under which the public key is registered')
    return SigningKey(kid or stated_kid, algorithm, private_key)


def is_open_to_others(file: Path) -> bool:
    """Whether other users of this machine may read or change the file; False where the system has no such rights."""
    try:
        return os.name == "posix" and bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False


def _algorithm_for(private_key: Any) -> str:
    if isinstance(private_key, RSAPrivateKey):
        if private_key.key_size < _SMALLEST_RSA_BITS:
            raise SigningKeyError(f"is an RSA key of less than {_SMALLEST_RSA_BITS} bits")
        return "RS384"
    if isinstance(private_key, EllipticCurvePrivateKey) and private_key.curve.name == _ES384_CURVE:
        return "ES384"
    raise SigningKeyError("is neither an RSA key (RS384) nor an EC key on P-384 (ES384)")


def _from_pem(content: bytes) -> Any:
    # Texts of the libraries below are not passed on: they may quote the content.
    try:
        return load_pem_private_key(content, password=None)
    except TypeError:
        raise SigningKeyError("is protected by a pass phrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyError("is not a private key in PEM or JSON Web Key form") from None


def _from_jwk(content: bytes) -> tuple[Any, str]:
    try:
        jwk = json.loads(content)
        private_key = jwt.PyJWK(jwk).key
    except (ValueError, TypeError, KeyError, jwt.PyJWTError):
        raise SigningKeyError("is not a JSON Web Key") from None
    if not isinstance(private_key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise SigningKeyError("is not a private key")
    stated = jwk.get("kid")
    return private_key, stated if isinstance(stated, str) else ""
