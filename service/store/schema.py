"""Creating the tables. Migrations will take this place; their entry points stay `upgrade` and `is_current`."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from service.config import ConfigurationError, Settings
from service.store.database import Database, DatabaseUnavailableError
from service.store.file_lock import FileLock
from service.store.tables import metadata


def is_current(engine: Engine) -> bool:
    """Whether the database has every table and column this version needs."""
    inspector = sqlalchemy.inspect(engine)
    present = set(inspector.get_table_names())
    return all(
        name in present
        and {column.name for column in table.columns} <= {c["name"] for c in inspector.get_columns(name)}
        for name, table in metadata.tables.items()
    )


def upgrade(settings: Settings, database: Database) -> None:
    """Create what is missing.

    Processes that start together take turns: on SQLite by a lock file, on PostgreSQL by an advisory lock.

    Args:
        settings: where the SQLite file lies.
        database: the database.

    Raises:
        ConfigurationError: the database cannot be opened or changed; the message names it without its password.
    """
    try:
        if (file := settings.sqlite_file) is None:
            with database.engine.begin() as connection:
                connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(7267831)"))
                metadata.create_all(connection)
            return
        _create_privately(file)
        with FileLock(file.with_name(file.name + ".lock")):
            metadata.create_all(database.engine)
    except (SQLAlchemyError, OSError) as error:
        shown = sqlalchemy.make_url(settings.database_url).render_as_string(hide_password=True)
        raise ConfigurationError(
            f"LENCDS_DATABASE_URL: {shown} cannot be opened for writing ({type(error).__name__})."
            " The folder must exist or be creatable, and belong to the user who runs the service."
        ) from error


def make_ready(settings: Settings, database: Database) -> None:
    """Bring a SQLite file up to date; refuse a PostgreSQL database that is behind.

    A server that cannot be reached does not keep the service from starting: decisions go on, rows are spooled.

    Raises:
        ConfigurationError: the database is behind, or the file cannot be used.
    """
    if settings.uses_sqlite:
        upgrade(settings, database)
        return
    try:
        current = database.run_unhurried(lambda connection: is_current(connection.engine))
    except DatabaseUnavailableError:
        return
    if not current:
        raise ConfigurationError("The tables of the database are behind this version. Run: lencds db upgrade")


def _create_privately(file: Path) -> None:
    """Create the file readable for its owner alone; SQLite gives the same mode to the files it puts beside it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
