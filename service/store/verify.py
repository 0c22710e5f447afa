"""Checking the chains: which rows were changed, moved, taken out or cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from service.store.audit_key import AuditKey
from service.store.chain import Link, is_intact
from service.store.chain_marks import ChainMark

Place = tuple[str, int]
"""Chain and position of a row."""


class BreakKind(Enum):
    """What is wrong; the value is said of the rows of a chain."""

    CHANGED = "changed since written"
    MISSING = "missing"
    MISPLACED = "not following the row before"
    CUT_OFF = "missing at the end"
    MARK_CHANGED = "of unknown extent: the mark of beginning and end was changed"
    MARK_MISSING = "of unknown extent: the mark of beginning and end is missing"


@dataclass(frozen=True, slots=True)
class Break:
    """Something wrong with a chain.

    Attributes:
        chain: id of the chain.
        kind: what is wrong.
        first: position of the first row concerned.
        last: position of the last row concerned.
    """

    chain: str
    kind: BreakKind
    first: int
    last: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        rows = f"row {self.first}" if self.first == self.last else f"rows {self.first} to {self.last}"
        return f"chain {self.chain}: {rows} {self.kind.value}"


def find_breaks(
    key: AuditKey,
    rows: Iterable[tuple[Link, bytes]],
    marks: Mapping[str, ChainMark],
    waiting: Collection[Place] = frozenset(),
) -> Iterator[Break]:
    """Check chains.

    Args:
        key: the key they were sealed with.
        rows: links and contents, ordered by chain and position; read no further than needed.
        marks: where the chains begin and end.
        waiting: places of rows that are known to wait in the spool, which are therefore not missing.
    """
    seen: set[str] = set()
    for chain, of_chain in groupby(rows, key=lambda row: row[0].chain):
        seen.add(chain)
        yield from _of_chain(key, chain, of_chain, marks.get(chain), waiting)
    for chain, mark in marks.items():
        if chain not in seen:
            yield from _of_chain(key, chain, (), mark, waiting)


def _of_chain(
    key: AuditKey,
    chain: str,
    rows: Iterable[tuple[Link, bytes]],
    mark: ChainMark | None,
    waiting: Collection[Place],
) -> Iterator[Break]:
    floor = mark.floor if mark is not None and mark.floor_intact else 0
    following, before = floor, Link(chain, -1, "", "")
    for link, content in rows:
        if link.position > following:
            yield from _missing(chain, BreakKind.MISSING, following, link.position, waiting)
        if not is_intact(key, link, content):
            yield Break(chain, BreakKind.CHANGED, link.position, link.position)
        elif link.position == before.position + 1 and link.previous != before.digest:
            yield Break(chain, BreakKind.MISPLACED, link.position, link.position)
        following, before = max(following, link.position + 1), link
    if mark is None:
        yield Break(chain, BreakKind.MARK_MISSING, 0, following - 1)
    elif not (mark.head_intact and mark.floor_intact):
        yield Break(chain, BreakKind.MARK_CHANGED, mark.floor, mark.head)
    else:
        yield from _missing(chain, BreakKind.CUT_OFF, following, mark.head + 1, waiting)


def _missing(chain: str, kind: BreakKind, first: int, end: int, waiting: Collection[Place]) -> Iterator[Break]:
    """Yield the runs of rows from `first` up to, not including, `end` that do not wait in the spool."""
    start = first
    for position in sorted(place[1] for place in waiting if place[0] == chain and first <= place[1] < end):
        if position > start:
            yield Break(chain, kind, start, position - 1)
        start = position + 1
    if start < end:
        yield Break(chain, kind, start, end - 1)
