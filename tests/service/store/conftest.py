"""Parts of the store, put together for tests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from service.store.audit import AuditLog, AuditRow
from service.store.audit_key import AuditKey
from service.store.backlog import Backlog
from service.store.chain import Chain
from service.store.database import Database, ServerDatabase
from service.store.spool import Spool
from service.store.tables import metadata


@pytest.fixture
def blocked(database: Database) -> Callable[[], AbstractContextManager[None]]:
    """Keeps everybody else from writing, as a hung process would."""

    @contextmanager
    def block() -> Iterator[None]:
        engine = sqlalchemy.create_engine(database.engine.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("BEGIN")
                connection.exec_driver_sql(f"LOCK TABLE {', '.join(metadata.tables)} IN ACCESS EXCLUSIVE MODE")
            try:
                yield
            finally:
                connection.exec_driver_sql("ROLLBACK")
        engine.dispose()
        recovered(database)

    return block


def recovered(database: Database) -> None:
    """Let a server that was blocked finish what it still has to do, and forget that it failed."""
    if isinstance(database, ServerDatabase):
        deadline = time.monotonic() + 10
        while database._threads._work_queue.qsize() or database.engine.pool.checkedout():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        database._resting_until = float("-inf")


class PatientLog(AuditLog):
    """Waits for a slow machine: only where the database is blocked do rows go to the spool."""

    def record(self, row: AuditRow, *, limit_s: float = 20.0) -> None:
        super().record(row, limit_s=limit_s)


@pytest.fixture
def key() -> AuditKey:
    return AuditKey(b"k" * 32)


@pytest.fixture
def make_audit(database: Database, key: AuditKey, tmp_path: Path) -> Callable[..., AuditLog]:
    """Makes the audit log of one process."""

    def make(**options: Any) -> AuditLog:
        used, process = options.pop("database", database), str(uuid.uuid4())
        backlog = Backlog(used, Spool(tmp_path / "spool", process), **options)
        return PatientLog(used, backlog, Chain(key, process), key)

    return make


@pytest.fixture
def row(clock: Any) -> Callable[..., AuditRow]:
    """Makes an audit row."""

    def make(**changes: Any) -> AuditRow:
        return AuditRow(
            **{
                "time": clock(),
                "client": "st-elsewhere",
                "service_id": "lenalidomide-order-sign",
                "hook": "order-sign",
                "hook_instance": "3f1dde72-162b-11ec-99e8-0050568b7be6",
                "patient_hmac": "0" * 64,
                "outcome": "cards",
                "topics": {"neutropenia": "critical", "cbcOverdue": "warning"},
                "cards": {str(uuid.uuid4()): "neutropenia"},
                "knowledge_hash": "abc",
                "sources": {"bloodCounts": "prefetch"},
                "fhir_requests": 2,
                "fhir_ms": 12.34567,
                "total_ms": 20,
                "rules": {"neutropenia": {"result": "fired"}},
                "version": "1.0",
                **changes,
            }
        )

    return make
