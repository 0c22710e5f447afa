"""Checking a JSON Web Token of a CDS client, in the order the CDS Hooks best practices name.

Cheap checks come first and the signature near the end, so that a token nobody could have meant for this service costs
nothing, and no key is fetched for it. Nothing read before the signature is believed; all of it is checked again to be
what was signed, because it is the same token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from service.auth.caller import Refusal, Unauthenticated
from service.auth.clients import Client
from service.auth.keys import PublicKey

_LONGEST_TOKEN = 16 * 1024
_LONGEST_JTI = 255
_LATEST_TIME = 2**40
_TYPES = ("JWT", "APPLICATION/JWT")


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart. Nothing in it is verified yet.

    Attributes:
        encoded: as sent; never logged.
        header: its header.
        claims: its payload.
    """

    encoded: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        return "Token(…)"

    @property
    def issuer(self) -> str:
        """`iss` as claimed, "" when it is missing or not a text."""
        return _text(self.claims.get("iss"))

    @property
    def tenant(self) -> str:
        """`tenant` as claimed, "" when it is missing or not a text."""
        return _text(self.claims.get("tenant"))


def take_apart(encoded: str) -> Token:
    """Decode a token without verifying anything.

    Raises:
        Unauthenticated: not a token, or its header holds something that must be understood and is not.
    """
    if len(encoded) > _LONGEST_TOKEN:
        raise Unauthenticated(Refusal.UNREADABLE)
    try:
        decoded = jwt.decode_complete(encoded, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthenticated(Refusal.UNREADABLE) from error
    header = decoded["header"]
    if "crit" in header or "b64" in header or str(header.get("typ", "JWT")).upper() not in _TYPES:
        raise Unauthenticated(Refusal.HEADER)
    return Token(encoded, header, decoded["payload"])


def choose_client(token: Token, clients: Iterable[Client]) -> Client:
    """Return the client that `iss` and `tenant` point to.

    Raises:
        Unauthenticated: no configured client.
    """
    of_issuer = [client for client in clients if token.issuer and client.issuer == token.issuer]
    if not of_issuer:
        raise Unauthenticated(Refusal.UNKNOWN_ISSUER)
    for client in of_issuer:
        if not client.tenants or token.tenant in client.tenants:
            return client
    raise Unauthenticated(Refusal.TENANT)


def check_header(token: Token, client: Client) -> tuple[str, str]:
    """Return algorithm and key id of the token.

    Raises:
        Unauthenticated: the algorithm is not one of the client's, or there is no `kid`.
    """
    algorithm, kid = token.header.get("alg"), _text(token.header.get("kid"))
    if algorithm not in client.algorithms:
        raise Unauthenticated(Refusal.ALGORITHM)
    if not kid:
        raise Unauthenticated(Refusal.HEADER)
    return str(algorithm), kid


def check_claims(token: Token, client: Client, called: str, now: datetime) -> tuple[str, datetime]:
    """Check audience, times and token id.

    Args:
        token: the token.
        client: whose token it claims to be.
        called: address that was called; the audience unless the client has its own.
        now: the present instant.

    Returns:
        the token id, and the instant after which the token is refused anyway.

    Raises:
        Unauthenticated: made out to somebody else, or not valid now.
    """
    claims = token.claims
    audience = claims.get("aud")
    named: Sequence[Any] = audience if isinstance(audience, list) else [audience]
    if not any(value in (client.audience or (called,)) for value in named):
        raise Unauthenticated(Refusal.AUDIENCE)
    expires, issued = _time(claims.get("exp")), _time(claims.get("iat"))
    starts = _time(claims["nbf"]) if "nbf" in claims else issued
    if expires is None or issued is None or starts is None:
        raise Unauthenticated(Refusal.TIMES)
    present, leeway = now.timestamp(), client.leeway_s
    if present >= expires + leeway:
        raise Unauthenticated(Refusal.EXPIRED)
    if max(issued, starts) > present + leeway:
        raise Unauthenticated(Refusal.NOT_YET_VALID)
    if not 0 < expires - issued <= client.max_lifetime_s:
        raise Unauthenticated(Refusal.LIFETIME)
    token_id = _text(claims.get("jti"))
    if not token_id or len(token_id) > _LONGEST_JTI or not token_id.isprintable():
        raise Unauthenticated(Refusal.JTI)
    return token_id, datetime.fromtimestamp(expires + leeway, UTC)


def check_signature(token: Token, key: PublicKey, algorithm: str) -> None:
    """Verify the signature.

    Args:
        token: the token.
        key: public key of the client.
        algorithm: the algorithm that was allowed; the header alone does not choose it.

    Raises:
        Unauthenticated: signed by somebody else, or changed since.
    """
    try:
        jwt.PyJWS().decode(token.encoded, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Unauthenticated(Refusal.SIGNATURE) from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> float | None:
    """Return a NumericDate as seconds, None when it is none (a text, a truth value, not finite, absurd)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LATEST_TIME:
        return None
    return float(value)
