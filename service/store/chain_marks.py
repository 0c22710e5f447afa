"""Marks of the chains: where each begins and ends, sealed, so that rows cut off at either end are missed.

The head is written in the transaction of the row it names. The floor is moved by the retention alone. Somebody without
the key cannot make a mark; somebody who kept an old one can put it back, which `lencds db verify --against` shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.dialects import postgresql, sqlite

from service.store.audit_key import AuditKey
from service.store.chain import Link
from service.store.tables import audit, audit_chain


@dataclass(frozen=True, slots=True)
class ChainMark:
    """Where a chain begins and ends.

    Attributes:
        chain: id of the chain.
        head: position of the youngest row.
        floor: position of the oldest row that was not deleted for its age.
        head_intact: whether the head is sealed with our key.
        floor_intact: whether the floor is.
    """

    chain: str
    head: int
    floor: int = 0
    head_intact: bool = True
    floor_intact: bool = True


def read_marks(connection: Connection, key: AuditKey) -> dict[str, ChainMark]:
    """Return the marks of all chains by the id of the chain."""
    return {
        row.chain: ChainMark(
            row.chain,
            row.head,
            row.floor,
            key.seal_mark("head", row.chain, row.head) == row.head_seal,
            key.seal_mark("floor", row.chain, row.floor) == row.floor_seal,
        )
        for row in connection.execute(sqlalchemy.select(audit_chain))
    }


def move_head(connection: Connection, key: AuditKey, link: Link) -> None:
    """Note that a row was added; a row that comes late moves nothing."""
    connection.execute(
        _MOVE_HEAD[connection.dialect.name],
        {
            "chain": link.chain,
            "head": link.position,
            "head_seal": key.seal_mark("head", link.chain, link.position),
            "floor": 0,
            "floor_seal": key.seal_mark("floor", link.chain, 0),
        },
    )


def move_floor(connection: Connection, key: AuditKey, chain: str, floor: int) -> None:
    """Note that the rows below a position were deleted for their age."""
    row = audit_chain.c
    connection.execute(
        audit_chain.update()
        .where(row.chain == chain, row.floor < floor)
        .values(floor=floor, floor_seal=key.seal_mark("floor", chain, floor))
    )


def mark_unmarked(connection: Connection, key: AuditKey) -> None:
    """Mark the chains of a database that had no marks yet. Called once, by the upgrade that introduces them."""
    row = audit.c
    ends = sqlalchemy.select(row.chain, sqlalchemy.func.min(row.position), sqlalchemy.func.max(row.position))
    for chain, first, last in connection.execute(ends.group_by(row.chain)).all():
        move_head(connection, key, Link(chain, last, "", ""))
        move_floor(connection, key, chain, first)


def _move_head(dialect: str) -> sqlalchemy.Insert:
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(audit_chain)
    further: ColumnElement[bool] = insert.excluded.head > audit_chain.c.head
    return insert.on_conflict_do_update(
        index_elements=["chain"],
        set_={"head": insert.excluded.head, "head_seal": insert.excluded.head_seal},
        where=further,
    )


_MOVE_HEAD = {dialect: _move_head(dialect) for dialect in ("sqlite", "postgresql")}
