"""One request to a token endpoint: SMART Backend Services, client authentication by signed assertion.

Only the configured address is asked; a redirect is not followed, and the answer is read with a limit.
"""

from __future__ import annotations

import http.client
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import jwt
import orjson
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from service.auth.clients import BackendServices
from service.fhir.signing_key import SigningKey
from service.fhir.transport import Transport

ASSERTION_LIFETIME_S = 240
"""SMART allows five minutes at most; the rest is for a clock of ours that is fast."""

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LARGEST_ANSWER = 64 * 1024
_CHUNK = 16 * 1024
_LIFETIME_IF_UNSAID_S = 300.0
_LONGEST_LIFETIME_S = 24 * 3600.0
_OAUTH_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)


class TokenError(Exception):
    """No token; the message says why in fixed words, without anything the endpoint wrote."""


@dataclass(frozen=True, slots=True)
class GrantedToken:
    """An access token and for how many seconds from now it is good."""

    lifetime_s: float
    token: str = field(repr=False)


def client_assertion(services: BackendServices, key: SigningKey, now: float) -> str:
    """Return the signed statement of who we are (`private_key_jwt`).

    Args:
        services: client id, and the token endpoint it is made out to.
        key: what it is signed with.
        now: seconds since the epoch.
    """
    claims = {
        "iss": services.client_id,
        "sub": services.client_id,
        "aud": services.token_url.url,
        "exp": int(now) + ASSERTION_LIFETIME_S,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, key.private_key, algorithm=key.algorithm, headers={"kid": key.kid})


def request_token(
    transport: Transport, services: BackendServices, assertion: str, *, seconds: float, ca_file: Path | None = None
) -> GrantedToken:
    """Ask for an access token.

    Args:
        transport: the connections.
        services: where to ask, and for which scope.
        assertion: see `client_assertion`; good for one request.
        seconds: time for everything.
        ca_file: PEM file with the certificate authority of the endpoint; None for the usual ones.

    Raises:
        TokenError: none was granted.
    """
    form = {
        "grant_type": "client_credentials",
        "scope": services.scope,
        "client_assertion_type": _ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "lenalidomide-cds",
    }
    try:
        response = transport.open(
            "POST",
            services.token_url.url,
            headers=headers,
            body=urlencode(form).encode("ascii"),
            seconds=seconds,
            ca_file=ca_file,
        )
        try:
            body = _read(response)
        finally:
            response.close()
    except (HTTPError, OSError, ValueError, http.client.HTTPException):
        # The texts of these exceptions may hold what was sent.
        raise TokenError("the token endpoint did not answer") from None
    return _granted(response.status, body)


def _read(response: BaseHTTPResponse) -> bytes:
    body = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise TokenError("the answer of the token endpoint is too long")
    return bytes(body)


def _granted(status: int, body: bytes) -> GrantedToken:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    said = answer if isinstance(answer, dict) else {}
    if status != HTTPStatus.OK:
        error = said.get("error")
        known = f" ({error})" if isinstance(error, str) and error in _OAUTH_ERRORS else ""
        raise TokenError(f"the token endpoint answered with status {status}{known}")
    token, kind = said.get("access_token"), said.get("token_type")
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        raise TokenError("the answer of the token endpoint holds no access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenError("the token endpoint granted something else than a bearer token")
    lifetime = said.get("expires_in", _LIFETIME_IF_UNSAID_S)
    if isinstance(lifetime, str) and lifetime.isdecimal():  # seen in the wild
        lifetime = int(lifetime)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or lifetime <= 0:
        lifetime = _LIFETIME_IF_UNSAID_S
    return GrantedToken(min(float(lifetime), _LONGEST_LIFETIME_S), token)
