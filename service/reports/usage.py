"""Is it used, is it fast, is it heeded: numbers over the audit rows and the feedback, for the command line and the
console.

Only calls that concerned one of our drugs leave a row, so these are the calls counted here. The figures of a month
with tens of thousands of calls are a matter of some hundred milliseconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Select, func

from service.reports.call_contents import call_contents
from service.reports.percentiles import Latency, latency
from service.reports.usage_figures import (
    DayCalls,
    DayCards,
    DayOutcome,
    OutcomeCount,
    Period,
    TopicUse,
    Usage,
)
from service.reports.usage_queries import tenths, utc_day
from service.store.tables import audit, card, feedback


def usage(connection: Connection, period: Period) -> Usage:
    """Count everything about a period.

    Args:
        connection: of `Database.reading`, so that all numbers are of one state of the database.
        period: which calls.
    """
    contents = call_contents(connection, lambda query: _within(query, period))
    counted = _outcomes(connection, period)
    by_day = _day_outcomes(counted)
    days, overall = _days(connection, period, by_day, contents.incomplete)
    cards = _cards(connection, period)
    return Usage(
        period=period,
        calls=sum(day.calls for day in days),
        with_cards=sum(day.with_cards for day in days),
        incomplete=sum(day.incomplete for day in days),
        latency=overall,
        days=days,
        outcomes=_client_outcomes(counted),
        outcomes_by_day=by_day,
        topics=_topics(connection, period, contents.found, cards),
        cards_by_day=_by_day(cards),
        completeness=contents.completeness,
        feedback_without_card=_feedback_without_card(connection, period),
    )


def _outcomes(connection: Connection, period: Period) -> Counter[tuple[str, str, str, str]]:
    """Count calls by day, client, hook and outcome."""
    group = (utc_day(audit.c.time), audit.c.client, audit.c.hook, audit.c.outcome)
    rows = connection.execute(_within(sqlalchemy.select(*group, func.count()).group_by(*group), period))
    return Counter({(day, client, hook, outcome): calls for day, client, hook, outcome, calls in rows})


def _client_outcomes(counted: Counter[tuple[str, str, str, str]]) -> tuple[OutcomeCount, ...]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for (_, client, hook, outcome), calls in counted.items():
        counts[client, hook, outcome] += calls
    return tuple(OutcomeCount(*group, calls) for group, calls in sorted(counts.items()))


def _day_outcomes(counted: Counter[tuple[str, str, str, str]]) -> tuple[DayOutcome, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for (day, _, _, outcome), calls in counted.items():
        counts[day, outcome] += calls
    return tuple(DayOutcome(*group, calls) for group, calls in sorted(counts.items()))


def _cards(connection: Connection, period: Period) -> tuple[tuple[str, str, str, int], ...]:
    """Count returned cards by day, topic and indicator."""
    day = utc_day(audit.c.time).label("day")
    group = (day, card.c.topic, card.c.indicator)
    query = sqlalchemy.select(*group, func.count()).select_from(audit).join(card, card.c.audit_id == audit.c.id)
    return tuple(
        (row[0], row[1], row[2], row[3])
        for row in connection.execute(_within(query.group_by(*group).order_by(*group), period))
    )


def _by_day(cards: Iterable[tuple[str, str, str, int]]) -> tuple[DayCards, ...]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for day, topic, _, count in cards:
        counts[day, topic] += count
    return tuple(DayCards(day, topic, count) for (day, topic), count in counts.items())


def _topics(
    connection: Connection,
    period: Period,
    found: Mapping[str, int],
    cards: Iterable[tuple[str, str, str, int]],
) -> tuple[TopicUse, ...]:
    """Return what became of the cards, topic by topic, most cards first."""
    shown: dict[str, dict[str, int]] = defaultdict(dict)
    for _, topic, indicator, count in cards:
        shown[topic][indicator] = shown[topic].get(indicator, 0) + count
    accepted: dict[str, int] = defaultdict(int)
    reasons: dict[str, dict[str, int]] = defaultdict(dict)
    for topic, is_accepted, reason, answered in connection.execute(_responses(period)):
        if is_accepted:
            accepted[topic] += answered
        else:
            reasons[topic][reason or "none"] = reasons[topic].get(reason or "none", 0) + answered
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


def _days(
    connection: Connection, period: Period, outcomes: Iterable[DayOutcome], incomplete: Mapping[str, int]
) -> tuple[tuple[DayCalls, ...], Latency]:
    total: dict[str, Counter[float]] = defaultdict(Counter)
    fhir: dict[str, Counter[float]] = defaultdict(Counter)
    columns = (utc_day(audit.c.time), tenths(audit.c.total_ms), tenths(audit.c.fhir_ms), audit.c.fhir_requests)
    for day, total_tenths, fhir_tenths, fhir_requests in connection.execute(
        _within(sqlalchemy.select(*columns), period)
    ):
        total[day][total_tenths] += 1
        if fhir_requests:
            fhir[day][fhir_tenths] += 1
    with_cards = {one.day: one.calls for one in outcomes if one.outcome == "cards"}
    days = tuple(
        DayCalls(
            day,
            calls.total(),
            with_cards.get(day, 0),
            incomplete.get(day, 0),
            latency(calls),
            latency(fhir.get(day, {})),
        )
        for day, calls in sorted(total.items())
    )
    overall: Counter[float] = Counter()
    for calls in total.values():
        overall.update(calls)
    return days, latency(overall)


def _responses(period: Period) -> Select[Any]:
    """Count answered cards by topic, whether one of their suggestions was accepted, and override reason."""
    accepted = func.max(sqlalchemy.case((feedback.c.outcome == "accepted", 1), else_=0)).label("accepted")
    per_card = (
        sqlalchemy.select(card.c.topic, accepted, func.max(feedback.c.reason).label("reason"))
        .select_from(card)
        .join(feedback, (feedback.c.card == card.c.uuid) & (feedback.c.client == card.c.client))
        # A join would make SQLite begin with the feedback, and look up every call of all times.
        .where(card.c.audit_id.in_(_within(sqlalchemy.select(audit.c.id), period)))
        .group_by(card.c.uuid, card.c.topic)
        .subquery()
    )
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
