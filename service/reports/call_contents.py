"""What the JSON columns of calls hold, counted in one pass over the rows.

Few calls differ in what was found and where the data came from, so that equal texts are counted first and read once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy
from sqlalchemy import Connection, Select, Text

from service.reports.usage_figures import AT_HAND, INCOMPLETE, NeedCompleteness
from service.reports.usage_queries import utc_day
from service.store.tables import audit

_APART = "\x1f"
"""Stands nowhere in JSON."""


@dataclass(frozen=True, slots=True)
class CallContents:
    """What was found in the calls of a period, and where their data came from.

    Attributes:
        found: topic → calls in which it was found.
        incomplete: day → calls that could not be checked completely.
        completeness: by data need.
    """

    found: dict[str, int]
    incomplete: dict[str, int]
    completeness: tuple[NeedCompleteness, ...]


def call_contents(connection: Connection, within: Callable[[Select[Any]], Select[Any]]) -> CallContents:
    """Count.

    Args:
        connection: of `Database.reading`.
        within: limits a query to the calls of a period.
    """
    # One text for each row: counting them is then the cheapest thing that can be done with so many.
    columns = (utc_day(audit.c.time), *(sqlalchemy.cast(column, Text) for column in (audit.c.topics, audit.c.sources)))
    query: Any = sqlalchemy.select(columns[0] + _APART + columns[1] + _APART + columns[2])
    topics: Counter[tuple[str, str]] = Counter()
    sources: Counter[str] = Counter()
    for text, calls in Counter(connection.execute(within(query)).scalars()).items():
        day, topics_text, sources_text = text.split(_APART)
        topics[day, topics_text] += calls
        sources[sources_text] += calls
    found: Counter[str] = Counter()
    incomplete: Counter[str] = Counter()
    for (day, text), calls in topics.items():
        names = orjson.loads(text)
        for name in names:
            found[name] += calls
        if INCOMPLETE in names:
            incomplete[day] += calls
    return CallContents(dict(found), dict(incomplete), _completeness(sources))


def _completeness(sources: Counter[str]) -> tuple[NeedCompleteness, ...]:
    needs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, calls in sources.items():
        for need, source in orjson.loads(text).items():
            needs[need][source] += calls
    return tuple(
        NeedCompleteness(
            need,
            counts["prefetch"],
            counts["fhir"],
            {cause: calls for cause, calls in sorted(counts.items()) if cause not in AT_HAND},
        )
        for need, counts in sorted(needs.items())
    )
