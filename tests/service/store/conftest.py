"""Parts of the store, put together for tests."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.store.audit import AuditLog, AuditRow
from service.store.audit_key import AuditKey
from service.store.chain import Chain
from service.store.database import Database, open_database
from service.store.spool import Spool
from service.store.tables import metadata


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{file}")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def blocked(file: Path) -> Callable[[], AbstractContextManager[None]]:
    """Keeps everybody else from writing, as a hung process would."""

    @contextmanager
    def block() -> Iterator[None]:
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    return block


@pytest.fixture
def key() -> AuditKey:
    return AuditKey(b"k" * 32)


@pytest.fixture
def make_audit(database: Database, key: AuditKey, tmp_path: Path, clock: Any) -> Callable[..., AuditLog]:
    """Makes the audit log of one process."""

    def make(**options: Any) -> AuditLog:
        process = str(uuid.uuid4())
        return AuditLog(
            options.pop("database", database),
            Spool(tmp_path / "spool", process),
            Chain(key, process),
            key,
            retention=timedelta(days=30),
            clock=clock,
            **options,
        )

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
                **changes,
            }
        )

    return make
