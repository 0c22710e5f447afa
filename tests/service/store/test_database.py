"""Nobody waits long for the database."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.exc import IntegrityError, OperationalError

from service.store.database import Database, DatabaseUnavailableError, ServerDatabase, open_database
from service.store.tables import jti


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "x.sqlite3")
    database = open_database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    yield database
    database.close()


def insert(connection: sqlalchemy.Connection, name: str = "a") -> None:
    connection.execute(jti.insert().values(issuer="i", jti=name, expires=datetime(2026, 1, 1, tzinfo=UTC)))


def test_sqlite_keeps_committed_rows_when_the_process_dies(sqlite: Database) -> None:
    with sqlite.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_broken_constraint_is_told_and_undone(database: Database) -> None:
    database.run(insert)
    with pytest.raises(IntegrityError):
        database.run(lambda connection: (insert(connection, "b"), insert(connection, "a")))
    assert len(database.run(lambda connection: connection.execute(sqlalchemy.select(jti)).all())) == 1


def test_a_blocked_file_costs_no_more_than_the_limit(database: Database, blocked: Any) -> None:
    with blocked():
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailableError):
            database.run(insert)
        assert 0.1 <= time.monotonic() - started < 0.4
        assert not database.is_reachable()
    assert database.is_reachable()


def test_threads_that_come_at_once_all_get_their_turn(database: Database) -> None:
    failures: list[Exception] = []

    def write(thread: int) -> None:
        try:
            for number in range(20):
                database.run(lambda connection, name=f"{thread}-{number}": insert(connection, name), limit_s=5)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(database.run(lambda connection: connection.execute(sqlalchemy.select(jti)).all())) == 160


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"this is not a database" * 100)
    database = open_database(f"sqlite:///{tmp_path / 'x'}")
    with pytest.raises(DatabaseUnavailableError):
        database.run(insert)


def test_failures_in_the_background_harm_nobody(database: Database, drained: Any) -> None:
    database.later(lambda: 1 / 0)
    database.later(lambda: database.run(insert))
    drained(database)
    assert len(database.run(lambda connection: connection.execute(sqlalchemy.select(jti)).all())) == 1


class TestServer:
    """The rules for a database server, tried on SQLite connections."""

    @pytest.fixture
    def server(self, sqlite: Database, monotonic: Any) -> ServerDatabase:
        return ServerDatabase(sqlalchemy.create_engine(sqlite.engine.url), monotonic=monotonic)

    def test_work_is_done(self, server: ServerDatabase) -> None:
        assert server.run(lambda connection: connection.execute(sqlalchemy.text("SELECT 7")).scalar()) == 7
        server.run(insert)
        with pytest.raises(IntegrityError):
            server.run(insert)

    def test_work_that_takes_too_long_is_not_waited_for(self, server: ServerDatabase, monotonic: Any) -> None:
        go_on = threading.Event()
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailableError, match="too long"):
            server.run(lambda _connection: go_on.wait(5), limit_s=0.05)
        with pytest.raises(DatabaseUnavailableError, match="a moment ago"):
            server.run(insert)
        assert time.monotonic() - started < 0.5
        go_on.set()
        monotonic.now += 2
        server.run(insert, limit_s=5)

    def test_after_a_failure_it_is_left_alone_for_a_second(self, server: ServerDatabase, monotonic: Any) -> None:
        def fail(_connection: Any) -> None:
            raise OperationalError("x", None, Exception())

        with pytest.raises(DatabaseUnavailableError, match="OperationalError"):
            server.run(fail)
        with pytest.raises(DatabaseUnavailableError, match="a moment ago"):
            server.run(insert)
        monotonic.now += 2
        server.run(insert)
