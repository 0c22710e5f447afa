"""From an Authorization header to a caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from service.auth.caller import Caller, Refusal, Unauthenticated
from service.auth.clients import Client
from service.auth.jwks import KeysUnavailableError
from service.auth.jwt import Token, check_claims, check_header, check_signature, choose_client, take_apart
from service.auth.key_ring import KeyAddressError, KeyRing
from service.auth.keys import PublicKey, UnknownKeyError, UnusableKeyError
from service.auth.replay import ReplayGuard


class Authenticator:
    """Knows who may call.

    With authentication off every caller is the client `local`, and a token is not even looked at.
    """

    def __init__(
        self,
        *,
        clients: Sequence[Client],
        base_url: str,
        keys: KeyRing,
        replay: ReplayGuard,
        clock: Callable[[], datetime],
        everybody: Client | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            clients: who may call.
            base_url: public address of the service, without slash at the end.
            keys: their public keys.
            replay: remembers used tokens.
            clock: the present instant.
            everybody: the client that every caller is while authentication is off; None while it is on.
        """
        self._clients = tuple(client for client in clients if client.issuer)
        self._base_url, self._keys, self._replay, self._clock = base_url, keys, replay, clock
        self._everybody = everybody

    def authenticate(self, authorization: str | None, path: str) -> Caller:
        """Find out who is calling.

        Args:
            authorization: the Authorization header.
            path: path that was called, below the base URL, such as `/cds-services/lenalidomide-order-sign`.

        Raises:
            Unauthenticated: nobody who may call, or not provably.
        """
        if self._everybody is not None:
            return Caller(self._everybody)
        scheme, _, encoded = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not encoded.strip():
            raise Unauthenticated(Refusal.MISSING)
        token = take_apart(encoded.strip())
        try:
            return self._verify(token, self._base_url + path)
        except Unauthenticated as refusal:
            refusal.issuer = token.issuer
            raise

    def authenticate_if_asked(self, authorization: str | None, path: str) -> Caller | None:
        """Like `authenticate`, but a call without Authorization header is let in as nobody (None)."""
        return self.authenticate(authorization, path) if authorization else None

    def _verify(self, token: Token, called: str) -> Caller:
        client = choose_client(token, self._clients)
        algorithm, kid = check_header(token, client)
        token_id, expires = check_claims(token, client, called, self._clock())
        key = self._find_key(client, kid, algorithm, token.header.get("jku"))
        check_signature(token, key, algorithm)
        self._replay.use(client.issuer, token_id, expires)
        return Caller(client, token.tenant)

    def _find_key(self, client: Client, kid: str, algorithm: str, jku: object) -> PublicKey:
        try:
            return self._keys.find(client, kid, algorithm, jku)
        except KeyAddressError as error:
            raise Unauthenticated(Refusal.KEY_ADDRESS) from error
        except KeysUnavailableError as error:
            raise Unauthenticated(Refusal.KEYS_UNAVAILABLE) from error
        except UnknownKeyError as error:
            raise Unauthenticated(Refusal.UNKNOWN_KEY) from error
        except UnusableKeyError as error:
            raise Unauthenticated(Refusal.UNUSABLE_KEY) from error
