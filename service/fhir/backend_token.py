"""Access tokens of our own, for calls that bring none (SMART Backend Services).

A token is kept in memory until shortly before it ends, and renewed in the background before that. Calls wait for a
token as long as their own deadline allows; the request for it has its own limit and goes on when they have left, so
that the next call finds it. A token endpoint that keeps failing is left alone for a while, like a FHIR server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from service.auth.clients import BackendServices, Client
from service.fhir.breaker import BreakerRegistry
from service.fhir.deadline import Deadline
from service.fhir.signing_key import SigningKeyError, is_open_to_others, read_signing_key
from service.fhir.token_request import TokenError, client_assertion, request_token
from service.fhir.transport import Transport

log = structlog.get_logger(__name__)

REQUEST_LIMIT_S = 5.0
_USELESS_WITHIN_S = 0.05
"""A token that comes so shortly before the deadline helps nobody; giving up before it lets the cause be said."""

_ENDS_EARLY_S = 10.0
_SHARE_TO_RENEW_IN = 0.2


@dataclass(frozen=True, slots=True)
class _Held:
    """A token at hand, with moments of the monotonic clock."""

    token: str = field(repr=False)
    renewed_from: float
    used_until: float


class BackendToken:
    """The access token of one client. Safe to use from several threads.

    Args:
        name: name of the client, for the log.
        services: how a token is got.
        transport: the connections.
        breakers: which servers are left alone for a while; the token endpoint has its own.
        ca_file: certificate authority of the token endpoint; None for the usual ones.
        now: seconds since the epoch, for the assertion.
        monotonic: clock in seconds.
    """

    def __init__(
        self,
        name: str,
        services: BackendServices,
        transport: Transport,
        breakers: BreakerRegistry,
        *,
        ca_file: Path | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._services, self._ca_file = name, services, ca_file
        self._transport, self._breakers = transport, breakers
        self._now, self._monotonic = now, monotonic
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._under_way: Future[str | None] | None = None

    def token(self, deadline: Deadline) -> str | None:
        """Return an access token; None when none can be had by the deadline."""
        with self._lock:
            held, now = self._held, self._monotonic()
            if held is not None and now < held.used_until:
                if now >= held.renewed_from:
                    self._start()
                return held.token
            waited_for = self._start()
        if waited_for is None:
            return None
        try:
            return waited_for.result(timeout=max(0.0, deadline.left() - _USELESS_WITHIN_S))
        except TimeoutError:
            return None

    def refused(self, token: str) -> None:
        """Forget a token the FHIR server did not accept."""
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None

    def warm(self) -> None:
        """Start to get a token; do not wait for it."""
        with self._lock:
            if self._held is None:
                self._start()

    def _start(self) -> Future[str | None] | None:
        """Start a request, or join the one under way; None while the endpoint is left alone. Called with the lock."""
        if self._under_way is not None:
            return self._under_way
        if not self._breakers.of(self._services.token_url.url).admits():
            return None
        self._under_way = future = Future[str | None]()
        # A daemon thread of its own: a stuck endpoint must hold up neither a pool nor the end of the process.
        threading.Thread(target=self._run, args=(future,), name="access-token", daemon=True).start()
        return future

    def _run(self, future: Future[str | None]) -> None:
        held: _Held | None = None
        try:
            held = self._requested()
        except (TokenError, SigningKeyError) as error:
            log.warning("no access token", client=self._name, host=self._services.token_url.host, reason=str(error))
        except Exception as error:  # noqa: BLE001  whatever happened, those who wait must hear of it
            log.error("no access token", client=self._name, error_type=type(error).__name__)
        finally:
            with self._lock:
                self._held = held or self._held
                self._under_way = None
            self._breakers.of(self._services.token_url.url).record(held is not None)
            future.set_result(held.token if held else None)

    def _requested(self) -> _Held:
        key = read_signing_key(self._services.key_file, self._services.kid)
        assertion = client_assertion(self._services, key, self._now())
        asked_at = self._monotonic()
        granted = request_token(
            self._transport, self._services, assertion, seconds=REQUEST_LIMIT_S, ca_file=self._ca_file
        )
        # One that ends within seconds is still good for this moment's calls.
        early = min(_ENDS_EARLY_S, granted.lifetime_s / 2)
        renewed_from = asked_at + granted.lifetime_s * (1 - _SHARE_TO_RENEW_IN) - early
        return _Held(granted.token, renewed_from, asked_at + granted.lifetime_s - early)


class BackendTokens:
    """The tokens of all clients that have `backend_services`.

    Args:
        transport: the connections.
        breakers: which servers are left alone for a while.
    """

    def __init__(self, transport: Transport, breakers: BreakerRegistry) -> None:
        self._transport, self._breakers = transport, breakers
        self._tokens: dict[str, BackendToken] = {}
        self._lock = threading.Lock()

    def of(self, client: Client) -> BackendToken | None:
        """Return where the tokens of a client come from; None when it has no `backend_services`."""
        services = client.backend_services
        if services is None:
            return None
        with self._lock:
            if client.name not in self._tokens:
                if is_open_to_others(services.key_file):
                    log.warning("key file is open to other users of this machine", client=client.name)
                self._tokens[client.name] = BackendToken(
                    client.name, services, self._transport, self._breakers, ca_file=client.ca_file
                )
            return self._tokens[client.name]

    def warm_up(self, client: Client) -> None:
        """Start to get the token of a client, so that its first call finds it."""
        if (source := self.of(client)) is not None:
            source.warm()
