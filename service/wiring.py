"""What the endpoints work with, put together once at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.auth.authenticator import Authenticator
from service.auth.jwks import Fetch, fetch_key_set
from service.auth.key_ring import KeyRing
from service.auth.replay import ReplayGuard
from service.clinical import Clinical
from service.config import Settings
from service.order_check import OrderCheck
from service.override_reasons import OverrideReasons
from service.store.audit import AuditLog
from service.store.database import Database
from service.store.feedback import FeedbackStore
from service.store.housekeeping import DailyPrune, Housekeeping
from service.store.store import Store, open_store
from service.web.health import Health
from service.web.metrics import Metrics
from service.web.observed import Observed, callers_of, health_of, observe_metrics, refresh_breakers

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service.

    Attributes:
        settings: how it is to run.
        clock: the present instant; everything that judges time asks this clock.
        store: database, audit rows, feedback, and what waits for the database.
        housekeeping: what is done beside the calls.
        authenticator: knows who may call.
        metrics: counts.
        health: state of the process and its parts.
        clinical: knowledge, rules and the way to FHIR servers; None in tests of the other parts.
        discovery: answer of `GET /cds-services`.
    """

    settings: Settings
    clock: Clock
    store: Store
    housekeeping: Housekeeping
    authenticator: Authenticator
    metrics: Metrics
    health: Health
    clinical: Clinical | None = None
    discovery: Mapping[str, Any] = field(default_factory=lambda: {"services": []})

    @property
    def database(self) -> Database:
        """The database."""
        return self.store.database

    @property
    def audit(self) -> AuditLog:
        """Writes audit rows."""
        return self.store.audit

    @property
    def feedback(self) -> FeedbackStore:
        """Stores feedback."""
        return self.store.feedback

    @property
    def order_check(self) -> OrderCheck:
        """The order check.

        Raises:
            LookupError: these services were put together without the clinical part.
        """
        if self.clinical is None:
            raise LookupError("put together without the clinical part")
        return self.clinical.order_check

    def close(self) -> None:
        """Stop: move what waits in the spool if possible, and close connections and database."""
        self.health.state = "stopping"
        if self.clinical is not None:
            self.clinical.close()
        self.housekeeping.close()
        self.store.close()


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def assemble(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    clinical: Clinical | None = None,
    discovery: Mapping[str, Any] | None = None,
    fetch_keys: Fetch = fetch_key_set,
) -> Services:
    """Put the parts together and bring the database up to date.

    Args:
        settings: how to run.
        clock: the present instant.
        clinical: knowledge, rules and the way to FHIR servers.
        discovery: answer of `GET /cds-services`; None means that of the clinical part.
        fetch_keys: how key sets of clients are fetched.

    Raises:
        ConfigurationError: database, audit key or spool folder cannot be used.
    """
    metrics = Metrics()
    clients = callers_of(settings)
    knowledge = clinical.order_check.reader.knowledge if clinical else None
    store = open_store(
        settings,
        clock=clock,
        on_spooled=metrics.spooled,
        reason_of=OverrideReasons(knowledge, clients),
        on_feedback=metrics.feedback,
    )
    keys = KeyRing([client for client in settings.clients if client.issuer], fetch=fetch_keys)
    observed = Observed(store, clients, keys if settings.auth == "required" else None, clinical, clock)
    observe_metrics(metrics, observed)
    housekeeping = Housekeeping([*_chores(settings, store, clock), lambda: refresh_breakers(metrics, observed)])
    housekeeping.start()
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        housekeeping=housekeeping,
        authenticator=_authenticator(settings, keys, store.database, metrics, clock),
        metrics=metrics,
        health=health_of(observed),
        clinical=clinical,
        discovery=discovery if discovery is not None else clinical.discovery() if clinical else {"services": []},
    )


def _chores(settings: Settings, store: Store, clock: Clock) -> list[Callable[[], object]]:
    chores: list[Callable[[], object]] = [store.backlog.replay_if_any]
    if settings.prune_at is not None:
        chores.append(DailyPrune(store.database, store.retention, at=settings.prune_at, clock=clock))
    return chores


def _authenticator(
    settings: Settings, keys: KeyRing, database: Database, metrics: Metrics, clock: Clock
) -> Authenticator:
    if settings.auth == "required":
        keys.warm()
    return Authenticator(
        clients=settings.clients,
        base_url=settings.base_url,
        keys=keys,
        replay=ReplayGuard(database, clock=clock, on_fallback=metrics.replay_fallback),
        clock=clock,
        everybody=settings.local_client if settings.auth == "off" else None,
    )
