"""The parts of the store, put together for one process."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_hooks.protocol.feedback import FeedbackItem
from service.config import Settings
from service.store.audit import AuditLog
from service.store.audit_key import AuditKey, load_audit_key
from service.store.backlog import Backlog
from service.store.chain import Chain
from service.store.database import Database, open_database
from service.store.feedback import FeedbackStore, Tally
from service.store.retention import Retention
from service.store.schema import make_ready
from service.store.spool import Spool


@dataclass(frozen=True, slots=True)
class Store:
    """The store as one process uses it.

    Attributes:
        database: the database.
        key: the audit key.
        backlog: what waits for the database.
        audit: writes audit rows.
        feedback: stores feedback.
        retention: deletes what is old.
    """

    database: Database
    key: AuditKey
    backlog: Backlog
    audit: AuditLog
    feedback: FeedbackStore
    retention: Retention

    def close(self) -> None:
        """Move what waits if possible, and close the connections."""
        self.backlog.close()
        self.database.close()


def open_store(
    settings: Settings,
    *,
    clock: Callable[[], datetime],
    on_spooled: Callable[[str], None] = lambda _: None,
    reason_of: Callable[[str, FeedbackItem], str] = lambda _client, _item: "",
    on_feedback: Callable[[Tally], None] = lambda _tally: None,
) -> Store:
    """Open the store, and bring a SQLite file up to date.

    Args:
        settings: where everything is.
        clock: the present instant.
        on_spooled: called with the kind of everything that goes to the spool.
        reason_of: client and feedback item → our word for the override reason.
        on_feedback: hears what became of feedback.

    Raises:
        ConfigurationError: database, audit key or spool folder cannot be used.
    """
    database = open_database(settings.database_url)
    make_ready(settings, database)
    key = load_audit_key(settings)
    process = str(uuid.uuid4())
    backlog = Backlog(database, Spool(settings.spool_dir, process), on_spooled=on_spooled)
    return Store(
        database=database,
        key=key,
        backlog=backlog,
        audit=AuditLog(database, backlog, Chain(key, process), key),
        feedback=FeedbackStore(database, backlog, key, reason_of=reason_of, on_tally=on_feedback),
        retention=Retention(database, key, period=timedelta(days=settings.retention_days), clock=clock),
    )
