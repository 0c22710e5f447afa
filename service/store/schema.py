"""Bringing the tables up to date.

SQLite is migrated by the service itself, one process at a time; PostgreSQL only by `lencds db upgrade`, so that an
administrator says when. A database that is ahead, because the program was rolled back, is used as it is: migrations
only add (see `service.store.migrations`).
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

import sqlalchemy
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from service.config import ConfigurationError, Settings
from service.store.audit_key import AuditKey, load_audit_key
from service.store.chain_marks import mark_unmarked
from service.store.database import Database, DatabaseUnavailableError
from service.store.file_lock import FileLock
from service.store.migrations import known_revisions

log = structlog.get_logger(__name__)

_ADVISORY_LOCK = 7_267_831
_LOCK_TIMEOUT = "10s"
_BEFORE_CHAIN_MARKS = ("", "0001")


class SchemaState(Enum):
    """How a database stands to this version of the program."""

    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"


def revision_of(connection: Connection) -> str:
    """Return the number of the last step that was applied, "" for a database without migrations."""
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar() or ""


def schema_state(connection: Connection) -> SchemaState:
    """Compare a database with this version of the program."""
    known = known_revisions()
    revision = revision_of(connection)
    if revision == known[-1]:
        return SchemaState.CURRENT
    return SchemaState.BEHIND if revision in ("", *known) else SchemaState.AHEAD


def upgrade(settings: Settings, database: Database) -> SchemaState:
    """Apply the steps that are missing, all or none.

    Processes that start together take turns: on SQLite by a lock file, on PostgreSQL by an advisory lock.

    Args:
        settings: where the SQLite file lies.
        database: the database.

    Returns:
        how the database stood before.

    Raises:
        ConfigurationError: the database cannot be opened or changed; the message names it without its password.
    """
    try:
        if (file := settings.sqlite_file) is not None:
            _create_privately(file)
            key = load_audit_key(settings)
            with FileLock(file.with_name(file.name + ".lock")):
                return database.run_unhurried(lambda connection: _apply(connection, key))
        with database.engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            # Behind a statement that waits for a table lock every writer would wait too.
            connection.execute(sqlalchemy.text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            return _apply(connection, load_audit_key(settings))
    except (SQLAlchemyError, DatabaseUnavailableError, OSError) as error:
        reason = type(error.__cause__ if isinstance(error, DatabaseUnavailableError) else error).__name__
        raise ConfigurationError(
            f"LENCDS_DATABASE_URL: {_shown(settings)} cannot be brought up to date ({reason}). {_advice(settings)}"
        ) from error


def make_ready(settings: Settings, database: Database) -> None:
    """Bring a SQLite file up to date; refuse a PostgreSQL database that is behind.

    A server that cannot be reached does not keep the service from starting: decisions go on, rows are spooled.

    Raises:
        ConfigurationError: the database is behind, or the file cannot be used.
    """
    if (file := settings.sqlite_file) is not None:
        # Most often there is nothing to do, and finding that out needs no lock that a busy or stuck process may hold.
        if not file.exists() or _state_of_file(database) is SchemaState.BEHIND:
            upgrade(settings, database)
        return
    try:
        state = database.run_unhurried(schema_state)
    except DatabaseUnavailableError:
        return
    if state is SchemaState.BEHIND:
        raise ConfigurationError("The tables of the database are behind this version. Run: lencds db upgrade")
    if state is SchemaState.AHEAD:
        log.warning("database was upgraded by a newer version")


def _state_of_file(database: Database) -> SchemaState:
    try:
        with database.reading() as connection:
            return schema_state(connection)
    except SQLAlchemyError:
        return SchemaState.BEHIND  # the attempt to upgrade says what is the matter


def _apply(connection: Connection, key: AuditKey) -> SchemaState:
    from alembic import command  # noqa: PLC0415  half a second that only an upgrade needs to take
    from alembic.config import Config  # noqa: PLC0415

    state, before = schema_state(connection), revision_of(connection)
    if state is SchemaState.BEHIND:
        config = Config()
        config.set_main_option("script_location", "service.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if before in _BEFORE_CHAIN_MARKS:
            mark_unmarked(connection, key)
    return state


def _create_privately(file: Path) -> None:
    """Create the file readable for its owner alone; SQLite gives the same mode to the files it puts beside it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def _shown(settings: Settings) -> str:
    return sqlalchemy.make_url(settings.database_url).render_as_string(hide_password=True)


def _advice(settings: Settings) -> str:
    if settings.uses_sqlite:
        return "The folder must exist or be creatable, have room, and belong to the user who runs the service."
    return (
        "The server must be reachable, its user must be allowed to create tables, and no long transaction may hold the"
        " tables (see pg_stat_activity); then run it again."
    )
