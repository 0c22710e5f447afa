"""What health report and metrics look at: the parts of a running service, asked when somebody wants to know."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from service.auth.clients import Client
from service.auth.key_ring import KeyRing
from service.clinical import Clinical
from service.config import Settings
from service.store.database import DatabaseUnavailableError
from service.store.jobs import PRUNE, JobRun, last_run
from service.store.store import Store
from service.web.health import Component, Health
from service.web.metrics import Metrics

_WORST_FIRST = ("open", "half-open", "closed")


@dataclass(frozen=True, slots=True)
class Observed:
    """The parts that are looked at.

    Attributes:
        store: the store.
        clients: who may call.
        keys: their keys; None while authentication is off.
        clinical: the clinical part; None in tests of the others.
        clock: the present instant.
        started: monotonic time at which the process began.
    """

    store: Store
    clients: Sequence[Client]
    keys: KeyRing | None
    clinical: Clinical | None
    clock: Callable[[], datetime]
    started: float = field(default_factory=time.monotonic)

    def breaker_states(self) -> dict[str, str]:
        """Return client → the worst state of the breakers of its FHIR servers, for clients that have any."""
        known = self.clinical.breakers.states() if self.clinical is not None else {}
        states: dict[str, str] = {}
        for client in self.clients:
            of_client = {state for base, state in known.items() if client.fhir_server(base) is not None}
            if client.fhir_servers or of_client:
                states[client.name] = next((state for state in _WORST_FIRST if state in of_client), "closed")
        return states


def callers_of(settings: Settings) -> tuple[Client, ...]:
    """Return the clients that may call: those configured, or the one that everybody is without authentication."""
    return (settings.local_client,) if settings.auth == "off" else tuple(c for c in settings.clients if c.issuer)


def observe_metrics(metrics: Metrics, observed: Observed) -> None:
    """Add the numbers that are found out when they are asked for."""
    exposition, spool = metrics.exposition, observed.store.backlog.spool
    exposition.gauge("lencds_spool_depth", "Rows on this volume that wait for the database", spool.depth)
    exposition.gauge("lencds_spool_damaged", "Rows found damaged in the spool and put aside", spool.damaged)
    exposition.gauge("lencds_database_up", "Whether the database answers", observed.store.database.is_reachable)
    if observed.clinical is not None:
        unverified = observed.clinical.order_check.reader.knowledge.unverified
        exposition.gauge("lencds_knowledge_unverified", "Figures that nobody has verified yet", lambda: unverified)
    exposition.before(partial(refresh_breakers, metrics, observed))


def refresh_breakers(metrics: Metrics, observed: Observed) -> None:
    """Write the states of this process's breakers into the metrics."""
    for client, state in observed.breaker_states().items():
        metrics.breaker(client, state)


def health_of(observed: Observed) -> Health:
    """Return the health report of the parts."""
    health = Health()
    health.register("database", partial(_database, observed))
    health.register("audit:spool", partial(_spool, observed))
    health.register("audit:prune", partial(_prune, observed))
    if observed.clinical is not None:
        knowledge = observed.clinical.order_check.reader.knowledge
        health.register("knowledge", lambda: Component(value=knowledge.hash, output=f"version {knowledge.version}"))
        unverified = Component(value=knowledge.unverified, unit="figures")
        health.register("knowledge:unverified", lambda: unverified)
    for name in observed.keys.states() if observed.keys is not None else ():
        health.register(f"client:{name}:keys", partial(_keys, observed, name))
    for name in observed.breaker_states():
        health.register(f"client:{name}:fhir", partial(_fhir, observed, name))
    health.register("uptime", lambda: Component(kind="system", value=round(_uptime(observed)), unit="s"))
    return health


def _database(observed: Observed) -> Component:
    if observed.store.database.is_reachable():
        return Component(kind="datastore")
    return Component("warn", "not reachable; rows are spooled", kind="datastore")


def _spool(observed: Observed) -> Component:
    depth, damaged = observed.store.backlog.spool.depth(), observed.store.backlog.spool.damaged()
    if damaged:
        return Component(
            "warn", f"{damaged} rows are damaged; see the files ending in .damaged", value=depth, unit="rows"
        )
    if depth:
        return Component("warn", "rows wait for the database", value=depth, unit="rows")
    return Component(value=0, unit="rows")


def _prune(observed: Observed) -> Component:
    try:
        run: JobRun | None = observed.store.database.run(partial(last_run, name=PRUNE))
    except DatabaseUnavailableError:
        return Component(output="not known while the database is away")
    if run is None:
        return Component(output="never ran yet")
    return Component(output=run.result or "not finished", time=run.finished or run.started)


def _keys(observed: Observed, client: str) -> Component:
    if observed.keys is not None and observed.keys.states().get(client):
        return Component()
    return Component("warn", "its keys are not at hand; calls are refused until they are")


def _fhir(observed: Observed, client: str) -> Component:
    state = observed.breaker_states().get(client, "closed")
    if state == "closed":
        return Component(value=state)
    return Component("warn", "its FHIR server kept failing and is left alone for a while", value=state)


def _uptime(observed: Observed) -> float:
    return time.monotonic() - observed.started
