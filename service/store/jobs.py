"""Jobs that one process does for all: whoever notes first in the database that it begins, does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from service.store.tables import job

PRUNE = "prune"


@dataclass(frozen=True, slots=True)
class JobRun:
    """How a job went.

    Attributes:
        started: when it began.
        finished: when it ended; None while it runs, or when its process ended first.
        result: what came of it.
    """

    started: datetime
    finished: datetime | None
    result: str


def last_due(now: datetime, at: time) -> datetime:
    """Return the last instant at which a daily job was due.

    Args:
        now: the present instant.
        at: time of the day, UTC.
    """
    today = datetime.combine(now.astimezone(UTC).date(), at, tzinfo=UTC)
    return today if today <= now else today - timedelta(days=1)


def claim(connection: Connection, name: str, *, due: datetime, now: datetime) -> bool:
    """Note that a job begins, unless it began since it was due; true for one process alone.

    Args:
        connection: its transaction must be committed before the job begins.
        name: which job.
        due: since when it is due.
        now: the present instant.
    """
    insert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(job)
    claimed = insert.values(name=name, started=now, finished=None, result="").on_conflict_do_update(
        index_elements=["name"],
        set_={"started": now, "finished": None, "result": ""},
        where=job.c.started < due,
    )
    return connection.execute(claimed.returning(job.c.name)).first() is not None


def finish(connection: Connection, name: str, *, result: str, now: datetime) -> None:
    """Note that a job ended.

    Args:
        connection: a transaction.
        name: which job.
        result: what came of it, in a few words.
        now: the present instant.
    """
    connection.execute(job.update().where(job.c.name == name).values(finished=now, result=result))


def last_run(connection: Connection, name: str) -> JobRun | None:
    """Return how a job went the last time; None when it never ran."""
    columns = sqlalchemy.select(job.c.started, job.c.finished, job.c.result)
    row = connection.execute(columns.where(job.c.name == name)).first()
    return JobRun(row.started, row.finished, row.result) if row is not None else None
