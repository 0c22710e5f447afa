"""The outcome of authentication: a caller, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.auth.clients import Client


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling.

    Attributes:
        client: configuration of the EHR installation.
        tenant: `tenant` of the token, "" when there is none.
    """

    client: Client
    tenant: str = ""


class Refusal(StrEnum):
    """Why a call is not let in: for log and metrics, never for the caller."""

    MISSING = "no bearer token"
    UNREADABLE = "not a JSON Web Token"
    HEADER = "header member missing or not allowed"
    UNKNOWN_ISSUER = "issuer not configured"
    TENANT = "tenant not configured"
    ALGORITHM = "algorithm not allowed for this client"
    AUDIENCE = "made out to another audience"
    TIMES = "exp or iat missing or mistyped"
    EXPIRED = "expired"
    NOT_YET_VALID = "not valid yet"
    LIFETIME = "lifetime too long"
    JTI = "jti missing or mistyped"
    KEY_ADDRESS = "jku missing or not allowed"
    KEYS_UNAVAILABLE = "keys of the issuer cannot be fetched"
    UNKNOWN_KEY = "kid not among the keys of the issuer"
    UNUSABLE_KEY = "key must not be used"
    SIGNATURE = "signature does not match"
    REPLAYED = "replayed"


class Unauthenticated(Exception):  # noqa: N818  names the state of the caller, not a fault of the program
    """The call is refused: 401 without a reason.

    Attributes:
        reason: for the log.
        issuer: `iss` as claimed, unverified, for the log; "" when it was not read.
    """

    def __init__(self, reason: Refusal, issuer: str = "") -> None:
        self.reason, self.issuer = reason, issuer
        super().__init__(reason.value)
