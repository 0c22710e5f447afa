"""The first page: is it used, is it fast, is it heeded, does the data arrive."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response
from markupsafe import Markup

from cds_hooks.knowledge.loader import Knowledge
from service.reports.charts import Bar, bars, columns, lines, swatch
from service.reports.percentiles import Latency
from service.reports.usage import clients, usage
from service.reports.usage_figures import Usage
from service.web.console.period import DAYS, Choice, chosen
from service.web.console.words import OUTCOMES, outcome_words, reason_words, source_words, topic_title
from service.web.pages.rendering import page
from service.wiring import Services

_SERIES = tuple(f"var(--series-{number})" for number in range(1, 7))
_REST = "var(--series-rest)"
_OTHERS = "other topics"
_MOST_BARS = 12

OUTCOME_COLOURS = {
    outcome_words("cards"): "var(--series-1)",
    outcome_words("no-cards"): _REST,
    outcome_words("silent"): "var(--series-5)",
    outcome_words("partner-inactive"): "var(--series-2)",
    outcome_words("patient-missing"): "var(--critical)",
}
LATENCY_COLOURS = {"half": "var(--series-1)", "95 %": "var(--series-2)", "99 %": "var(--series-4)"}
ANSWER_COLOURS = {"accepted": "var(--good)", "overridden": "var(--warning-mark)", "not answered": _REST}
SOURCE_COLOURS = {"prefetched": "var(--series-1)", "fetched": "var(--series-3)", "missing": "var(--critical)"}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with what its colours mean and the table that says the same.

    Attributes:
        key: its name in the page.
        title: what it shows.
        about: how to read it.
        drawing: the chart.
        legend: name and swatch of each colour.
        head: names of the table's columns; those after the first are right-aligned if they hold numbers.
        rows: rows of the table.
    """

    key: str
    title: str
    about: str
    drawing: Markup
    legend: tuple[tuple[str, Markup], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


def register_overview(blueprint: Blueprint, services: Services) -> None:
    """Add the page."""
    knowledge = services.order_check.reader.knowledge
    titles = {need.key: need.title for need in services.order_check.reader.needs.values()}

    @blueprint.get("/")
    def overview() -> Response:
        choice, now = chosen(), services.clock()
        with services.database.reading() as connection:
            figures = usage(connection, choice.period(now))
            names = clients(connection)
        return page(
            "console/overview.html",
            choice=choice,
            lengths=DAYS,
            clients=names,
            usage=figures,
            answers=_answers(figures),
            charts=charts(figures, choice, now, knowledge, titles) if figures.calls else (),
        )


def charts(
    figures: Usage, choice: Choice, now: datetime, knowledge: Knowledge, titles: Mapping[str, str]
) -> tuple[Chart, ...]:
    """Return the charts of the overview.

    Args:
        figures: the numbers.
        choice: the period they are of.
        now: the present instant.
        knowledge: titles of topics and words of override reasons.
        titles: data need → its title.
    """
    days = choice.dates(now)
    return (
        _calls(figures, days),
        _latency(figures, days),
        _cards(figures, days, knowledge),
        _responses(figures, knowledge),
        _completeness(figures, titles),
    )


def _calls(figures: Usage, days: Sequence[str]) -> Chart:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in figures.outcomes_by_day:
        counts[one.day][outcome_words(one.outcome)] += one.calls
    names = _present(counts, [*OUTCOMES.values()])
    rows = [Bar(_short(day), {name: counts[day][name] for name in names}) for day in days]
    return Chart(
        "calls",
        "Calls by day",
        "Calls that concerned lenalidomide or a drug that meets it. Calls about other drugs are answered at once and"
        " leave no row.",
        columns("Calls by day and outcome", rows, OUTCOME_COLOURS),
        _legend(names, OUTCOME_COLOURS),
        ("Day", *(name.capitalize() for name in names)),
        tuple((day, *(counts[day][name] for name in names)) for day in days),
    )


def _latency(figures: Usage, days: Sequence[str]) -> Chart:
    by_day = {one.day: one.latency for one in figures.days}
    took = [by_day.get(day, Latency()) for day in days]
    values = {
        "half": [one.p50_ms for one in took],
        "95 %": [one.p95_ms for one in took],
        "99 %": [one.p99_ms for one in took],
    }
    return Chart(
        "latency",
        "How long calls took",
        "Half, 95 % and 99 % of the calls of a day were answered within this time, in milliseconds.",
        lines("Time within which calls were answered, by day", [_short(day) for day in days], values, LATENCY_COLOURS,
              "ms"),
        _legend(tuple(values), LATENCY_COLOURS),
        ("Day", "Calls", "Half, ms", "95 %, ms", "99 %, ms", "Longest, ms"),
        tuple(
            (one.day, one.calls, *(_ms(value) for value in (
                one.latency.p50_ms, one.latency.p95_ms, one.latency.p99_ms, one.latency.max_ms)))
            for one in figures.days
        ),
    )  # fmt: skip


def _cards(figures: Usage, days: Sequence[str], knowledge: Knowledge) -> Chart:
    most = [one.topic for one in figures.topics if one.cards][: len(_SERIES)]
    names = {topic: topic_title(topic, knowledge) for topic in most}
    colours = dict(zip(names.values(), _SERIES, strict=False)) | {_OTHERS: _REST}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in figures.cards_by_day:
        counts[one.day][names.get(one.topic, _OTHERS)] += one.cards
    shown = _present(counts, [*names.values(), _OTHERS])
    rows = [Bar(_short(day), {name: counts[day][name] for name in shown}) for day in days]
    return Chart(
        "cards",
        "Cards by topic",
        "Cards returned, by day. The six topics with most cards have a colour of their own.",
        columns("Cards by day and topic", rows, colours),
        _legend(shown, colours),
        ("Day", *shown),
        tuple((day, *(counts[day][name] for name in shown)) for day in days),
    )


def _responses(figures: Usage, knowledge: Knowledge) -> Chart:
    rows, table = [], []
    for one in figures.topics:
        title = topic_title(one.topic, knowledge)
        open_ones = one.cards - one.accepted - one.overridden
        if one.cards:
            parts = {"accepted": one.accepted, "overridden": one.overridden, "not answered": open_ones}
            rows.append(Bar(title, parts))
        reasons = ", ".join(f"{reason_words(reason, knowledge)} {count}" for reason, count in one.reasons.items())
        table.append((
            title, one.found, one.cards, one.accepted, _percent(one.acceptance), one.overridden,
            _percent(one.override_rate), reasons,
        ))  # fmt: skip
    return Chart(
        "answers",
        "What clinicians did with the cards",
        "Accepted: a suggestion of the card was used. The table has all topics, and the reasons given for overriding.",
        bars("Cards by topic and what was done with them", rows[:_MOST_BARS], ANSWER_COLOURS),
        _legend(tuple(ANSWER_COLOURS), ANSWER_COLOURS),
        ("Topic", "Found", "Shown", "Accepted", "Rate", "Overridden", "Rate", "Reasons"),
        tuple(table),
    )


def _completeness(figures: Usage, titles: Mapping[str, str]) -> Chart:
    rows, table = [], []
    for one in figures.completeness:
        title, missing = titles.get(one.need, one.need), sum(one.missing.values())
        rows.append(Bar(title, {"prefetched": one.prefetch, "fetched": one.fhir, "missing": missing}))
        causes = "; ".join(f"{source_words(cause)}: {calls}" for cause, calls in one.missing.items())
        table.append((title, one.prefetch, one.fhir, missing, _percent(one.completeness), causes))
    return Chart(
        "data",
        "Where the data came from",
        "For each need: prefetched by the EHR, fetched from its FHIR server, or missing.",
        bars("Calls by data need and where its data came from", rows, SOURCE_COLOURS),
        _legend(tuple(SOURCE_COLOURS), SOURCE_COLOURS),
        ("Data", "Prefetched", "Fetched", "Missing", "At hand", "Why it was missing"),
        tuple(table),
    )


def _answers(figures: Usage) -> dict[str, int]:
    return {
        "cards": sum(one.cards for one in figures.topics),
        "accepted": sum(one.accepted for one in figures.topics),
        "overridden": sum(one.overridden for one in figures.topics),
    }


def _present(counts: Mapping[str, Counter[str]], order: Sequence[str]) -> tuple[str, ...]:
    """Return the names that occur, known ones in their order first."""
    found = dict.fromkeys(name for day in counts.values() for name in day)
    return tuple(name for name in dict.fromkeys([*order, *found]) if name in found)


def _legend(names: Sequence[str], colours: Mapping[str, str]) -> tuple[tuple[str, Markup], ...]:
    return tuple((name, swatch(colours.get(name, _REST))) for name in names)


def _short(day: str) -> str:
    return day[5:]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
