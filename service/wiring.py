"""What the endpoints work with, put together once at start."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from service.auth.authenticator import Authenticator
from service.auth.jwks import Fetch, fetch_key_set
from service.auth.key_ring import KeyRing
from service.auth.replay import ReplayGuard
from service.clinical import Clinical
from service.config import Settings
from service.order_check import OrderCheck
from service.store.audit import AuditLog
from service.store.audit_key import load_audit_key
from service.store.chain import Chain
from service.store.database import Database, open_database
from service.store.feedback import FeedbackStore
from service.store.schema import make_ready
from service.store.spool import Spool
from service.web.health import Component, Health
from service.web.metrics import Metrics

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service.

    Attributes:
        settings: how it is to run.
        clock: the present instant; everything that judges time asks this clock.
        database: the database.
        audit: writes audit rows.
        feedback: stores feedback.
        authenticator: knows who may call.
        metrics: counts.
        health: state of the process and its parts.
        clinical: knowledge, rules and the way to FHIR servers; None in tests of the other parts.
        discovery: answer of `GET /cds-services`.
    """

    settings: Settings
    clock: Clock
    database: Database
    audit: AuditLog
    feedback: FeedbackStore
    authenticator: Authenticator
    metrics: Metrics
    health: Health
    clinical: Clinical | None = None
    discovery: Mapping[str, Any] = field(default_factory=lambda: {"services": []})

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
        self.audit.close()
        self.database.close()


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
    database = open_database(settings.database_url)
    make_ready(settings, database)
    key = load_audit_key(settings)
    process = str(uuid.uuid4())
    metrics = Metrics()
    audit = AuditLog(
        database,
        Spool(settings.spool_dir, process),
        Chain(key, process),
        key,
        retention=timedelta(days=settings.retention_days),
        clock=clock,
        on_spooled=metrics.spooled,
    )
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        audit=audit,
        feedback=FeedbackStore(database),
        authenticator=_authenticator(settings, database, metrics, clock, fetch_keys),
        metrics=metrics,
        health=_health(database, audit, clinical),
        clinical=clinical,
        discovery=discovery if discovery is not None else clinical.discovery() if clinical else {"services": []},
    )


def _authenticator(
    settings: Settings, database: Database, metrics: Metrics, clock: Clock, fetch_keys: Fetch
) -> Authenticator:
    keys = KeyRing([client for client in settings.clients if client.issuer], fetch=fetch_keys)
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


def _health(database: Database, audit: AuditLog, clinical: Clinical | None) -> Health:
    health = Health()
    health.register(
        "database",
        lambda: Component() if database.is_reachable() else Component("warn", "not reachable; rows are spooled"),
    )
    health.register(
        "audit:spool", lambda: Component("warn", "rows wait for the database") if audit.spooling else Component()
    )
    if clinical is not None:
        knowledge = clinical.order_check.reader.knowledge
        state = Component("pass", f"{knowledge.version}, {knowledge.unverified} figures not yet verified")
        health.register("knowledge", lambda: state)
        health.register("fhir", lambda: _fhir_component(clinical))
    return health


def _fhir_component(clinical: Clinical) -> Component:
    """Servers that are left alone because they kept failing."""
    resting = sorted(base for base, state in clinical.breakers.states().items() if state != "closed")
    return Component("warn", "left alone for a while: " + ", ".join(resting)) if resting else Component()
