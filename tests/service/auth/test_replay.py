"""A token id is good once: across processes while the database is there, within the process while it is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from service.auth.caller import Unauthenticated
from service.auth.replay import ReplayGuard
from service.store.database import Database, DatabaseUnavailableError, open_database
from service.store.tables import jti

ISSUER = "https://ehr.example.org/fhir"


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Keep everybody else from writing."""
    file = database.engine.url.database
    assert file
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


def rows(database: Database) -> int:
    with database.engine.connect() as connection:
        return len(connection.execute(sqlalchemy.select(jti)).all())


def test_another_process_knows_it_too(database: Database, clock: Any, tmp_path: Path) -> None:
    later = clock() + timedelta(minutes=5)
    other = open_database(f"sqlite:///{tmp_path / 'auth.sqlite3'}")
    ReplayGuard(database, clock=clock).use(ISSUER, "one", later)
    with pytest.raises(Unauthenticated):
        ReplayGuard(other, clock=clock).use(ISSUER, "one", later)
    other.close()


def test_while_the_database_is_blocked_the_process_remembers(database: Database, clock: Any) -> None:
    later = clock() + timedelta(minutes=5)
    counted: list[int] = []
    guard = ReplayGuard(database, clock=clock, on_fallback=lambda: counted.append(1))
    with locked(database):
        guard.use(ISSUER, "one", later)
        with pytest.raises(Unauthenticated):
            guard.use(ISSUER, "one", later)
    assert len(counted) == 1
    with pytest.raises(Unauthenticated):  # still known when the database is back
        guard.use(ISSUER, "one", later)
    guard.use(ISSUER, "two", later)
    assert len(counted) == 1


def test_memory_is_bounded_and_drops_what_has_expired_first(
    database: Database, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.auth.replay._MOST_REMEMBERED", 3)
    database.engine.dispose()
    guard = ReplayGuard(Unreachable(database.engine), clock=clock)
    guard.use(ISSUER, "long", clock() + timedelta(hours=1))
    guard.use(ISSUER, "short-1", clock() + timedelta(minutes=1))
    guard.use(ISSUER, "short-2", clock() + timedelta(minutes=1))
    clock.advance(minutes=2)
    guard.use(ISSUER, "next", clock() + timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        guard.use(ISSUER, "long", clock() + timedelta(hours=1))
    guard.use(ISSUER, "short-1", clock() + timedelta(hours=1))
    guard.use(ISSUER, "more", clock() + timedelta(hours=1))  # full of valid ones: the oldest goes
    guard.use(ISSUER, "long", clock() + timedelta(hours=1))


def test_expired_ids_are_deleted(database: Database, clock: Any, monotonic: Any, drained: Any) -> None:
    guard = ReplayGuard(database, clock=clock, monotonic=monotonic)
    guard.use(ISSUER, "old", clock() + timedelta(minutes=5))
    clock.advance(minutes=9)
    monotonic.now += 61
    guard.use(ISSUER, "new", clock() + timedelta(minutes=5))
    drained(database)
    assert rows(database) == 2  # another instance's clock may be behind, and there the first is still valid
    clock.advance(minutes=2)
    monotonic.now += 61
    guard.use(ISSUER, "newest", clock() + timedelta(minutes=5))
    drained(database)
    assert rows(database) == 2


class Unreachable(Database):
    """A database that is never there."""

    def run(self, work: Any, *, limit_s: float = 0) -> Any:  # noqa: ARG002
        raise DatabaseUnavailableError
