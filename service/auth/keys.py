"""Public keys out of a JSON Web Key Set: only those a signature may be verified with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey = RSAPublicKey | EllipticCurvePublicKey

_RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHM_OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ALGORITHMS = (*_RSA_ALGORITHMS, *_ALGORITHM_OF_CURVE.values())
"""Every algorithm a client may be configured for. All are asymmetric: `none` and HS… have no place here."""

_SMALLEST_RSA_BITS = 2048


class UnknownKeyError(LookupError):
    """The key set has no key of this id."""


class UnusableKeyError(ValueError):
    """The key must not or cannot verify this signature; the message says why."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the signature algorithms it is good for."""

    algorithms: tuple[str, ...]
    public_key: PublicKey


def read_key(jwk: Mapping[str, Any]) -> VerificationKey:
    """Read one JSON Web Key.

    Args:
        jwk: the key as its JSON object; `use`, `key_ops` and `alg` are honoured.

    Raises:
        UnusableKeyError: symmetric, private, too short, of an unknown kind, or not meant for signatures.
    """
    algorithms = _algorithms_of(jwk)
    if "d" in jwk:
        raise UnusableKeyError("is a private key; publish the public part only")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKeyError("is not meant for signatures")
    try:
        public_key = jwt.PyJWK(dict(jwk), algorithm=algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise UnusableKeyError("cannot be read") from error
    if isinstance(public_key, RSAPublicKey) and public_key.key_size < _SMALLEST_RSA_BITS:
        raise UnusableKeyError(f"is an RSA key of less than {_SMALLEST_RSA_BITS} bits")
    return VerificationKey(algorithms, public_key)


def _algorithms_of(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            fitting: tuple[str, ...] = _RSA_ALGORITHMS
        case "EC", str(curve) if curve in _ALGORITHM_OF_CURVE:
            fitting = (_ALGORITHM_OF_CURVE[curve],)
        case _:
            raise UnusableKeyError("is neither an RSA key nor an EC key on P-256, P-384 or P-521")
    if (stated := jwk.get("alg")) is None:
        return fitting
    if stated not in fitting:
        raise UnusableKeyError("states an algorithm that does not fit its type")
    return (stated,)


class KeySet:
    """The usable keys of a JSON Web Key Set, and why the others are not."""

    def __init__(self, keys: Mapping[str, Sequence[VerificationKey]], unusable: Mapping[str, str]) -> None:
        self._keys = keys
        self.unusable = unusable

    @classmethod
    def read(cls, document: Any) -> KeySet:
        """Read a key set; keys that cannot be used are set aside, the others still count.

        Args:
            document: the decoded JSON.

        Raises:
            UnusableKeyError: not a JSON Web Key Set at all.
        """
        entries = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list):
            raise UnusableKeyError('is not a JSON Web Key Set: {"keys": […]}')
        keys: dict[str, list[VerificationKey]] = {}
        unusable: dict[str, str] = {}
        for number, jwk in enumerate(entries):
            kid = jwk.get("kid") if isinstance(jwk, Mapping) else None
            if not isinstance(kid, str) or not kid:
                unusable[f"#{number + 1}"] = "has no kid"
                continue
            try:
                keys.setdefault(kid, []).append(read_key(jwk))
            except UnusableKeyError as error:
                unusable[kid] = str(error)
        return cls({kid: found for kid, found in keys.items() if found}, unusable)

    def find(self, kid: str, algorithm: str) -> PublicKey:
        """Return the key of this id for this algorithm.

        Raises:
            UnknownKeyError: no key of this id; it may be newer than this set.
            UnusableKeyError: there is one, but not for this.
        """
        for key in self._keys.get(kid, ()):
            if algorithm in key.algorithms:
                return key.public_key
        if kid in self._keys:
            raise UnusableKeyError("is of another type than the token's algorithm needs")
        if kid in self.unusable:
            raise UnusableKeyError(self.unusable[kid])
        raise UnknownKeyError("no key of this kid")
