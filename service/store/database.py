"""The database, and the rule that no caller waits long for it.

SQLite works in the caller's thread, one transaction at a time in this process: its own way of waiting for a lock is
unfair, and eight threads that compete for it starve each other. PostgreSQL works in threads of its own, so that the
limit also holds when a network swallows packets; after a failure it is left alone for a second, and the calls of that
second do not wait for it at all.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
import sqlalchemy
import structlog
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from service.config import ConfigurationError

log = structlog.get_logger(__name__)

T = TypeVar("T")

WRITE_LIMIT_S = 0.1
"""How long a hook call waits for one write."""

_UNHURRIED_S = 10.0
_SQLITE_WAIT_S = 0.02
_COOL_DOWN_S = 1.0
_THREADS = 8
_ROWS_AT_ONCE = 500


class DatabaseUnavailableError(Exception):
    """The database did not do the work, or not in time. It may still be doing it: work must bear to be repeated."""


class Database(ABC):
    """Runs pieces of work in transactions, each within a time limit."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._background = ThreadPoolExecutor(1, thread_name_prefix="database-later")

    @abstractmethod
    def run(self, work: Callable[[Connection], T], *, limit_s: float = WRITE_LIMIT_S) -> T:
        """Do some work in one transaction.

        Args:
            work: what to do with the connection; its transaction is committed when it returns.
            limit_s: how long to wait.

        Returns:
            what `work` returned.

        Raises:
            DatabaseUnavailableError: it failed, took too long, or failed a moment ago.
            sqlalchemy.exc.IntegrityError: the work broke a constraint.
        """

    def later(self, work: Callable[[], object]) -> None:
        """Call `work` from a background thread, one after the other; failures are logged."""
        self._background.submit(self._quietly, work)

    def run_unhurried(self, work: Callable[[Connection], T]) -> T:
        """Do some work for which no call waits; otherwise like `run`."""
        return self.run(work, limit_s=_UNHURRIED_S)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Provide a connection for a long read of one state of the database that keeps nobody from writing."""
        options: dict[str, Any] = {"reading": True, "yield_per": _ROWS_AT_ONCE}
        if self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        with self.engine.connect().execution_options(**options) as connection:
            yield connection

    def is_reachable(self) -> bool:
        """Whether the database answers within the limit."""
        try:
            self.run(lambda connection: connection.execute(sqlalchemy.text("SELECT 1")).all())
        except DatabaseUnavailableError:
            return False
        return True

    def close(self) -> None:
        """Close all connections. Background work under way is finished, the rest is dropped."""
        self._background.shutdown(wait=True, cancel_futures=True)
        self.engine.dispose()

    def _transact(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    @staticmethod
    def _quietly(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  nobody waits for the result; the next occasion tries again
            log.warning("background work on the database failed", error_type=type(error).__name__)


class SqliteDatabase(Database):
    """A SQLite file: WAL mode, `synchronous=NORMAL`.

    A committed row survives the end of the process, also by SIGKILL; only a power cut may take the last ones. Where
    that matters, use PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        """Prepare the engine; no connection is made yet."""
        engine = _engine(url, connect_args={"timeout": _SQLITE_WAIT_S, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        super().__init__(engine)
        self._turn = threading.Lock()
        self._writer: Connection | None = None

    def run(self, work: Callable[[Connection], T], *, limit_s: float = WRITE_LIMIT_S) -> T:
        """Do some work in one transaction, in this thread; see `Database.run`."""
        deadline = time.monotonic() + limit_s
        while True:
            if not self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise DatabaseUnavailableError("other threads are writing")
            try:
                return self._transact(work)
            except IntegrityError:
                raise
            except (SQLAlchemyError, sqlite3.Error) as error:  # the bare ones come from preparing a new connection
                if not _is_locked(error) or time.monotonic() >= deadline:
                    raise DatabaseUnavailableError(type(error).__name__) from error
            finally:
                # Between two attempts others may try: work that can wait long must not keep calls waiting.
                self._turn.release()

    def close(self) -> None:
        """Close all connections; see `Database.close`."""
        self._background.shutdown(wait=True, cancel_futures=True)  # it may be writing
        with self._turn:
            self._forget_writer()
        super().close()

    def _transact(self, work: Callable[[Connection], T]) -> T:
        """Use the one connection that writes. Taking it from the pool and giving it back would take as long again."""
        if self._writer is None:
            self._writer = self.engine.connect()
        try:
            with self._writer.begin():
                return work(self._writer)
        except IntegrityError:
            raise
        except BaseException:
            self._forget_writer()
            raise

    def _forget_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _is_locked(error: Exception) -> bool:
    """Whether another process has the write lock; BEGIN IMMEDIATE says so before any work was done."""
    cause = error.orig if isinstance(error, OperationalError) else error
    return isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode == sqlite3.SQLITE_BUSY


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once, without waiting, if another wrote between.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")


class ServerDatabase(Database):
    """PostgreSQL. Work that took too long is not undone: it may be committed afterwards."""

    def __init__(self, engine: Engine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Prepare the threads.

        Args:
            engine: an engine whose connections may be used from several threads.
            monotonic: clock for the pause after a failure.
        """
        super().__init__(engine)
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="database")
        self._resting_until = float("-inf")

    def run(self, work: Callable[[Connection], T], *, limit_s: float = WRITE_LIMIT_S) -> T:
        """Do some work in one transaction, in another thread; see `Database.run`."""
        if self._monotonic() < self._resting_until:
            raise DatabaseUnavailableError("failed a moment ago")
        future = self._threads.submit(self._transact, work)
        try:
            return future.result(timeout=limit_s)
        except IntegrityError:
            raise
        except WaitedTooLong as error:
            future.cancel()
            self._rest("timeout")
            raise DatabaseUnavailableError("took too long") from error
        except SQLAlchemyError as error:
            self._rest(type(error).__name__)
            raise DatabaseUnavailableError(type(error).__name__) from error

    def close(self) -> None:
        """Close all connections; see `Database.close`."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _rest(self, why: str) -> None:
        now = self._monotonic()
        if now >= self._resting_until:
            log.warning("database unavailable", reason=why)
        self._resting_until = now + _COOL_DOWN_S


def _engine(url: str, **options: Any) -> Engine:
    return sqlalchemy.create_engine(
        url, json_serializer=lambda value: orjson.dumps(value).decode(), json_deserializer=orjson.loads, **options
    )


def open_database(url: str) -> Database:
    """Return the database at an SQLAlchemy URL; no connection is made yet.

    Raises:
        ConfigurationError: the driver of this database is not installed.
    """
    if sqlalchemy.make_url(url).get_backend_name() == "sqlite":
        return SqliteDatabase(url)
    try:
        engine = _engine(
            url,
            pool_size=_THREADS,
            pool_timeout=1,
            pool_recycle=1800,
            connect_args={"connect_timeout": 2, "tcp_user_timeout": 5000},
        )
    except ModuleNotFoundError as error:
        raise ConfigurationError("LENCDS_DATABASE_URL needs a driver. Run: pip install 'psycopg[binary]'") from error
    return ServerDatabase(engine)
