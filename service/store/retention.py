"""Deleting what is older than the retention period: audit rows with their cards, and feedback.

A chain loses its oldest rows only, and its floor is moved in the same transaction, so that the check of the chains
knows which rows are gone by right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy
from sqlalchemy import Connection

from service.store.audit_key import AuditKey
from service.store.chain_marks import move_floor
from service.store.database import Database
from service.store.tables import audit, feedback

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was deleted.

    Attributes:
        calls: audit rows, their cards not counted.
        feedback: feedback items.
    """

    calls: int = 0
    feedback: int = 0


class Retention:
    """Deletes what is old, a few hundred rows at a time, so that nobody waits long for the database."""

    def __init__(self, database: Database, key: AuditKey, *, period: timedelta, clock: Callable[[], datetime]) -> None:
        """Put the parts together.

        Args:
            database: where the rows are.
            key: seals the floors of the chains.
            period: how long rows are kept.
            clock: the present instant.
        """
        self._database, self._key, self._period, self._clock = database, key, period, clock

    def due(self) -> Pruned:
        """Return how much `prune` would delete now.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database cannot be read.
        """
        before = self._clock() - self._period
        with self._database.reading() as connection:
            calls = sum(_count(connection, chain, _end_of_old(connection, chain, before)) for chain in
                        _chains_with_old(connection, before))  # fmt: skip
            old = sqlalchemy.select(sqlalchemy.func.count()).where(feedback.c.received < before)
            return Pruned(calls, connection.execute(old).scalar_one())

    def prune(self, on_deleted: Callable[[int], None] = lambda _: None) -> Pruned:
        """Delete what is older than the retention period.

        Args:
            on_deleted: called with the number of rows after each portion.

        Raises:
            DatabaseUnavailableError: the database is down; what was not deleted waits for the next time.
        """
        before = self._clock() - self._period
        calls = items = 0
        for chain in self._database.run_unhurried(partial(_chains_with_old, before=before)):
            while batch := self._database.run_unhurried(
                partial(_delete_oldest, key=self._key, chain=chain, before=before)
            ):
                calls += batch
                on_deleted(batch)
        while batch := self._database.run_unhurried(partial(_delete_feedback, before=before)):
            items += batch
            on_deleted(batch)
        return Pruned(calls, items)


def _chains_with_old(connection: Connection, before: datetime) -> list[str]:
    old = sqlalchemy.select(audit.c.chain).where(audit.c.time < before).distinct()
    return list(connection.execute(old).scalars())


def _end_of_old(connection: Connection, chain: str, before: datetime) -> int:
    """Return the position of the oldest row to keep; the rows of a chain are in the order of time, but for a call."""
    row = audit.c
    kept = sqlalchemy.select(sqlalchemy.func.min(row.position)).where(row.chain == chain, row.time >= before)
    last = sqlalchemy.select(sqlalchemy.func.max(row.position)).where(row.chain == chain)
    if (first_kept := connection.execute(kept).scalar()) is not None:
        return int(first_kept)
    youngest = connection.execute(last).scalar()
    return 0 if youngest is None else int(youngest) + 1


def _count(connection: Connection, chain: str, end: int) -> int:
    rows = sqlalchemy.select(sqlalchemy.func.count()).where(audit.c.chain == chain, audit.c.position < end)
    return connection.execute(rows).scalar_one()


def _delete_oldest(connection: Connection, key: AuditKey, chain: str, before: datetime) -> int:
    row = audit.c
    end = _end_of_old(connection, chain, before)
    portion = (
        sqlalchemy.select(row.position)
        .where(row.chain == chain, row.position < end)
        .order_by(row.position)
        .limit(_BATCH)
    )
    positions = list(connection.execute(portion).scalars())
    if not positions:
        return 0
    floor = positions[-1] + 1
    deleted = connection.execute(audit.delete().where(row.chain == chain, row.position < floor)).rowcount
    move_floor(connection, key, chain, floor)
    return deleted


def _delete_feedback(connection: Connection, before: datetime) -> int:
    oldest = sqlalchemy.select(feedback.c.id).where(feedback.c.received < before).limit(_BATCH)
    return connection.execute(feedback.delete().where(feedback.c.id.in_(oldest))).rowcount
