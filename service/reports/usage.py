"""Is it used, is it fast, is it heeded: numbers over the audit rows and the feedback, for the command line and the
console.

Only calls that concerned one of our drugs leave a row, so these are the calls counted here. Everything is counted by
the database; only counts come over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Select, func

from service.reports.percentiles import Latency, latency
from service.reports.usage_figures import (
    AT_HAND,
    INCOMPLETE,
    DayCalls,
    DayCards,
    NeedCompleteness,
    OutcomeCount,
    Period,
    TopicUse,
    Usage,
)
from service.reports.usage_queries import members, tenths, utc_day
from service.store.tables import audit, card, feedback


def usage(connection: Connection, period: Period) -> Usage:
    """Count everything about a period.

    Args:
        connection: of `Database.reading`, so that all numbers are of one state of the database.
        period: which calls.
    """
    days, overall = _days(connection, period)
    return Usage(
        period=period,
        calls=sum(day.calls for day in days),
        with_cards=sum(day.with_cards for day in days),
        incomplete=sum(day.incomplete for day in days),
        latency=overall,
        days=days,
        outcomes=outcomes(connection, period),
        topics=topics(connection, period),
        cards_by_day=cards_by_day(connection, period),
        completeness=completeness(connection, period),
        feedback_without_card=_feedback_without_card(connection, period),
    )


def outcomes(connection: Connection, period: Period) -> tuple[OutcomeCount, ...]:
    """Count calls by client, hook and outcome."""
    group = (audit.c.client, audit.c.hook, audit.c.outcome)
    query = sqlalchemy.select(*group, func.count()).group_by(*group).order_by(*group)
    return tuple(OutcomeCount(*row) for row in connection.execute(_within(query, period)))


def cards_by_day(connection: Connection, period: Period) -> tuple[DayCards, ...]:
    """Count returned cards by day and topic."""
    day = utc_day(audit.c.time).label("day")
    query = sqlalchemy.select(day, card.c.topic, func.count()).join(card, card.c.audit_id == audit.c.id)
    query = query.group_by(day, card.c.topic).order_by(day, card.c.topic)
    return tuple(DayCards(*row) for row in connection.execute(_within(query, period)))


def completeness(connection: Connection, period: Period) -> tuple[NeedCompleteness, ...]:
    """Count where needed data came from, need by need."""
    counts = _counted_members(connection, period, audit.c.sources, with_values=True)
    needs: dict[str, dict[str, int]] = defaultdict(dict)
    for need, source, calls in counts:
        needs[need][source] = calls
    return tuple(
        NeedCompleteness(
            need,
            sources.get("prefetch", 0),
            sources.get("fhir", 0),
            {cause: calls for cause, calls in sources.items() if cause not in AT_HAND},
        )
        for need, sources in sorted(needs.items())
    )


def topics(connection: Connection, period: Period) -> tuple[TopicUse, ...]:
    """Count what became of the cards, topic by topic, most cards first."""
    found = {topic: calls for topic, _, calls in _counted_members(connection, period, audit.c.topics)}
    shown: dict[str, dict[str, int]] = defaultdict(dict)
    query = sqlalchemy.select(card.c.topic, card.c.indicator, func.count()).join(audit, card.c.audit_id == audit.c.id)
    for topic, indicator, cards in connection.execute(_within(query.group_by(card.c.topic, card.c.indicator), period)):
        shown[topic][indicator] = cards
    accepted: dict[str, int] = defaultdict(int)
    reasons: dict[str, dict[str, int]] = defaultdict(dict)
    for topic, is_accepted, reason, cards in connection.execute(_responses(period)):
        if is_accepted:
            accepted[topic] += cards
        else:
            reasons[topic][reason or "none"] = reasons[topic].get(reason or "none", 0) + cards
    names = sorted(found.keys() | shown.keys(), key=lambda topic: (-sum(shown[topic].values()), topic))
    return tuple(
        TopicUse(
            topic,
            found.get(topic, 0),
            sum(shown[topic].values()),
            shown[topic],
            accepted[topic],
            sum(reasons[topic].values()),
            dict(sorted(reasons[topic].items(), key=lambda item: (-item[1], item[0]))),
        )
        for topic in names
    )


def clients(connection: Connection) -> tuple[str, ...]:
    """Return the names of all clients that ever called."""
    return tuple(connection.execute(sqlalchemy.select(audit.c.client).distinct().order_by(audit.c.client)).scalars())


def _days(connection: Connection, period: Period) -> tuple[tuple[DayCalls, ...], Latency]:
    day = utc_day(audit.c.time).label("day")
    total = _durations(connection, period, day, audit.c.total_ms)
    fhir = _durations(connection, period, day, audit.c.fhir_ms, audit.c.fhir_requests > 0)
    with_cards = _per_day(connection, period, day, audit.c.outcome == "cards")
    one = members(audit.c.topics, connection.dialect)
    flagged: Any = sqlalchemy.select(day, func.count()).select_from(audit).join(one, sqlalchemy.true())
    flagged = _within(flagged.where(one.c.key == INCOMPLETE).group_by(day), period)
    incomplete: dict[str, int] = {row[0]: row[1] for row in connection.execute(flagged)}
    overall: dict[float, int] = defaultdict(int)
    for durations in total.values():
        for value, calls in durations.items():
            overall[value] += calls
    days = tuple(
        DayCalls(
            name,
            sum(total[name].values()),
            with_cards.get(name, 0),
            incomplete.get(name, 0),
            latency(total[name]),
            latency(fhir.get(name, {})),
        )
        for name in sorted(total)
    )
    return days, latency(overall)


def _durations(
    connection: Connection, period: Period, day: Any, column: Any, *conditions: ColumnElement[bool]
) -> dict[str, dict[float, int]]:
    value = tenths(column)
    query = sqlalchemy.select(day, value, func.count()).where(*conditions).group_by(day, value)
    found: dict[str, dict[float, int]] = defaultdict(dict)
    for name, duration, calls in connection.execute(_within(query, period)):
        found[name][float(duration)] = calls
    return found


def _per_day(connection: Connection, period: Period, day: Any, condition: ColumnElement[bool]) -> dict[str, int]:
    query = sqlalchemy.select(day, func.count()).where(condition).group_by(day)
    return {row[0]: row[1] for row in connection.execute(_within(query, period))}


def _counted_members(
    connection: Connection, period: Period, column: Any, *, with_values: bool = False
) -> Sequence[tuple[str, str, int]]:
    """Count calls by the members of a JSON column: key, value ("" unless asked for), calls."""
    one = members(column, connection.dialect)
    value: Any = one.c.value if with_values else sqlalchemy.literal("")
    group = (one.c.key, one.c.value) if with_values else (one.c.key,)
    query = sqlalchemy.select(one.c.key, value, func.count()).select_from(audit).join(one, sqlalchemy.true())
    return [
        (str(row[0]), str(row[1]), int(row[2])) for row in connection.execute(_within(query.group_by(*group), period))
    ]


def _responses(period: Period) -> Select[Any]:
    """Count answered cards by topic, whether one of their suggestions was accepted, and override reason."""
    accepted = func.max(sqlalchemy.case((feedback.c.outcome == "accepted", 1), else_=0)).label("accepted")
    per_card = _within(
        sqlalchemy.select(card.c.topic, accepted, func.max(feedback.c.reason).label("reason"))
        .select_from(card)
        .join(audit, card.c.audit_id == audit.c.id)
        .join(feedback, (feedback.c.card == card.c.uuid) & (feedback.c.client == card.c.client))
        .group_by(card.c.uuid, card.c.topic),
        period,
    ).subquery()
    group = (per_card.c.topic, per_card.c.accepted, per_card.c.reason)
    return sqlalchemy.select(*group, func.count()).group_by(*group)


def _feedback_without_card(connection: Connection, period: Period) -> int:
    row = feedback.c
    query = sqlalchemy.select(func.count()).where(
        row.received >= period.since,
        row.received < period.until,
        ~sqlalchemy.exists().where(card.c.uuid == row.card),
    )
    if period.client:
        query = query.where(row.client == period.client)
    if period.service_id:
        query = query.where(row.service_id == period.service_id)
    return connection.execute(query).scalar_one()


def _within(query: Select[Any], period: Period) -> Select[Any]:
    query = query.where(audit.c.time >= period.since, audit.c.time < period.until)
    if period.client:
        query = query.where(audit.c.client == period.client)
    return query.where(audit.c.service_id == period.service_id) if period.service_id else query
