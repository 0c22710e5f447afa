"""Nobody waits long for the database."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.exc import IntegrityError, OperationalError

from service.config import ConfigurationError, Settings
from service.store.database import Database, DatabaseUnavailableError, ServerDatabase, open_database
from service.store.schema import is_current, make_ready, upgrade
from service.store.tables import feedback, jti


def insert(connection: sqlalchemy.Connection, name: str = "a") -> None:
    connection.execute(jti.insert().values(issuer="i", jti=name, expires=datetime(2026, 1, 1, tzinfo=UTC)))


def test_sqlite_keeps_committed_rows_when_the_process_dies(database: Database) -> None:
    with database.engine.connect() as connection:
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
        assert 0.1 <= time.monotonic() - started < 0.3
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
    def server(self, database: Database, monotonic: Any) -> ServerDatabase:
        return ServerDatabase(sqlalchemy.create_engine(database.engine.url), monotonic=monotonic)

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


def test_upgrade_creates_a_private_file_and_may_be_repeated(load_settings: Any, tmp_path: Path) -> None:
    settings = load_settings(LENCDS_DATABASE_URL=f"sqlite:///{tmp_path / 'new' / 'folder' / 'x.sqlite3'}")
    database = open_database(settings.database_url)
    for _ in range(2):
        upgrade(settings, database)
    assert is_current(database.engine)
    assert settings.sqlite_file.stat().st_mode & 0o077 == 0
    assert settings.sqlite_file.parent.stat().st_mode & 0o077 == 0
    with database.engine.begin() as connection:
        feedback.drop(connection)
    assert not is_current(database.engine)
    make_ready(settings, database)
    assert is_current(database.engine)


def test_upgrade_says_which_database_it_cannot_open(load_settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = load_settings(LENCDS_DATABASE_URL=f"sqlite:///{tmp_path / 'file' / 'x.sqlite3'}")
    with pytest.raises(ConfigurationError, match=r"LENCDS_DATABASE_URL: sqlite:///.*x\.sqlite3 cannot be opened"):
        upgrade(settings, open_database(settings.database_url))


def test_a_server_that_is_behind_is_refused_and_the_command_named(
    file: Path, monotonic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(
        {"LENCDS_AUTH": "off", "LENCDS_DATABASE_URL": "postgresql://db/x", "LENCDS_AUDIT_KEY": "k" * 32}
    )
    empty = ServerDatabase(sqlalchemy.create_engine(f"sqlite:///{file}"), monotonic=monotonic)
    with pytest.raises(ConfigurationError, match="lencds db upgrade"):
        make_ready(settings, empty)


def test_a_server_that_is_down_does_not_keep_the_service_from_starting(tmp_path: Path) -> None:
    settings = Settings.load(
        {"LENCDS_AUTH": "off", "LENCDS_DATABASE_URL": "postgresql://db/x", "LENCDS_AUDIT_KEY": "k" * 32}
    )
    make_ready(settings, ServerDatabase(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'no' / 'folder' / 'x'}")))
