"""The ends of the chains, to be kept outside the database: against them a database that was set back does not pass."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import sqlalchemy

from service.store.audit_key import AuditKey
from service.store.chain_marks import read_marks
from service.store.database import Database
from service.store.tables import audit, audit_chain


@dataclass(frozen=True, slots=True)
class Anchors:
    """The ends of all chains at one time.

    Attributes:
        digests: chain → position and digest of its youngest row.
    """

    digests: dict[str, tuple[int, str]]

    @classmethod
    def take(cls, database: Database, key: AuditKey) -> Anchors:
        """Read the ends from the database, those of chains that were deleted for their age left out."""
        rows = sqlalchemy.select(audit.c.chain, audit.c.position, audit.c.digest).join(
            audit_chain, (audit_chain.c.chain == audit.c.chain) & (audit_chain.c.head == audit.c.position)
        )
        with database.reading() as connection:
            marks = read_marks(connection, key)
            ends = {row.chain: (row.position, row.digest) for row in connection.execute(rows)}
        return cls({chain: end for chain, end in ends.items() if marks[chain].head_intact})

    @classmethod
    def from_json(cls, text: bytes) -> Anchors:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it did not.
        """
        ends = orjson.loads(text)["chains"]
        return cls({str(chain): (int(end["position"]), str(end["digest"])) for chain, end in ends.items()})

    def to_json(self) -> bytes:
        """Return the ends as a JSON document."""
        ends = {chain: {"position": position, "digest": digest} for chain, (position, digest) in self.digests.items()}
        return orjson.dumps({"chains": ends}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def compare(database: Database, key: AuditKey, earlier: Anchors) -> list[str]:
    """Return a sentence for every chain that does not hold the row any more which once was its end.

    A row below the floor of its chain was deleted for its age and is not missed.
    """
    problems: list[str] = []
    with database.reading() as connection:
        marks = read_marks(connection, key)
        for chain, (position, digest) in earlier.digests.items():
            mark = marks.get(chain)
            if mark is not None and mark.floor_intact and mark.floor > position:
                continue
            place = (audit.c.chain == chain) & (audit.c.position == position)
            found = connection.execute(sqlalchemy.select(audit.c.digest).where(place)).scalar()
            if found is None:
                problems.append(f"chain {chain}: row {position} was there when the ends were saved, and is missing")
            elif found != digest:
                problems.append(f"chain {chain}: row {position} is not the one that was saved")
    return problems
