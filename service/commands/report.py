"""`lencds report`: is it used, is it fast, is it heeded."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click
import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from service.config import ConfigurationError, Settings
from service.reports.percentiles import Latency
from service.reports.usage import clients, usage
from service.reports.usage_figures import Period, Usage
from service.store.database import open_database
from service.store.schema import make_ready

_DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command(
    epilog="\b\nExamples:\n  lencds report --days 7\n  lencds report --since 2026-01-01 --until 2026-04-01 --client"
    " st-elsewhere\n  lencds report --csv topics > topics.csv"
)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 36_500), help="The last so many days.")
@click.option("--since", type=_DATE, help="From this day on (UTC) instead.")
@click.option("--until", type=_DATE, help="Up to this day, not including it; default: now.")
@click.option("--client", default="", help="Of this client only.")
@click.option("--service", "service_id", default="", help="Of this service id only.")
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON document.")
@click.option(
    "--csv", "csv_table", type=click.Choice(["days", "topics", "cards", "completeness"]), help="One table as CSV."
)
def report(
    days: int,
    since: datetime | None,
    until: datetime | None,
    client: str,
    service_id: str,
    as_json: bool,
    csv_table: str | None,
) -> None:
    """Show calls, latency, cards, acceptance, overrides with reasons, and how complete the data was.

    Counts the calls that concerned one of our drugs; others leave no row. Rates are per card shown: a card nobody
    answered is neither accepted nor overridden.
    """
    if as_json and csv_table:
        raise click.UsageError("choose --json or --csv, not both")
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    start = since.replace(tzinfo=UTC) if since else end - timedelta(days=days)
    if start >= end:
        raise click.UsageError("--since must be before --until")
    figures = _figures(Period(since=start, until=end, client=client, service_id=service_id))
    if as_json:
        click.echo(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2))
    elif csv_table:
        csv.writer(sys.stdout, lineterminator="\n").writerows(_rows(figures, csv_table))
    else:
        _show(figures)


def _figures(period: Period) -> Usage:
    settings = Settings.load(serving=False)
    database = open_database(settings.database_url)
    try:
        make_ready(settings, database)
        console = Console(stderr=True)
        with console.status("Counting …") if console.is_terminal else nullcontext(), database.reading() as connection:
            known = clients(connection)
            if period.client and period.client not in known:
                names = ", ".join(known) or "none yet"
                raise ConfigurationError(f"No call of a client '{period.client}' is recorded. Clients: {names}")
            return usage(connection, period)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"LENCDS_DATABASE_URL: the database did not answer ({type(error).__name__}). Is it running, and is this"
            " the database of the service?"
        ) from error
    finally:
        database.close()


def _rows(figures: Usage, table: str) -> Iterable[tuple[object, ...]]:
    match table:
        case "days":
            yield "day", "calls", "with_cards", "incomplete", "p50_ms", "p95_ms", "p99_ms", "max_ms", "fhir_p95_ms"
            for day in figures.days:
                took = day.latency
                yield (
                    *(day.day, day.calls, day.with_cards, day.incomplete),
                    *(took.p50_ms, took.p95_ms, took.p99_ms, took.max_ms, day.fhir.p95_ms),
                )
        case "topics":
            yield "topic", "found", "cards", "accepted", "overridden", "acceptance", "override_rate", "reasons"
            for topic in figures.topics:
                yield (
                    *(topic.topic, topic.found, topic.cards, topic.accepted, topic.overridden),
                    *(_decimal(topic.acceptance), _decimal(topic.override_rate), _listed(topic.reasons)),
                )
        case "cards":
            yield "day", "topic", "cards"
            for one in figures.cards_by_day:
                yield one.day, one.topic, one.cards
        case "completeness":
            yield "need", "prefetch", "fhir", "completeness", "missing"
            for need in figures.completeness:
                yield need.need, need.prefetch, need.fhir, _decimal(need.completeness), _listed(need.missing)


def _show(figures: Usage) -> None:
    console = Console()
    period = figures.period
    whose = f", client {period.client}" if period.client else ""
    console.print(f"[bold]{period.since:%Y-%m-%d %H:%M} to {period.until:%Y-%m-%d %H:%M} UTC{whose}[/]")
    if not figures.calls:
        console.print("No call in this period concerned one of our drugs. A longer one: --days 365")
        return
    console.print(
        f"{figures.calls} calls, {_percent(figures.with_cards, figures.calls)} with cards,"
        f" {_percent(figures.incomplete, figures.calls)} not checked completely; {_took(figures.latency)}"
    )
    if figures.feedback_without_card:
        console.print(f"{figures.feedback_without_card} feedback items are about cards that are not known.")
    console.print(_table("Calls by client", ("Client", "Hook", "Outcome", "Calls"), [
        (one.client, one.hook, one.outcome, str(one.calls)) for one in figures.outcomes
    ]))  # fmt: skip
    console.print(_table("Cards", ("Topic", "Found", "Shown", "Accepted", "Overridden", "Reasons"), [
        (
            one.topic, str(one.found), str(one.cards), _share(one.accepted, one.acceptance),
            _share(one.overridden, one.override_rate), _listed(one.reasons),
        )
        for one in figures.topics
    ]))  # fmt: skip
    console.print(_table("Data", ("Need", "Prefetched", "Fetched", "At hand", "Missing because"), [
        (one.need, str(one.prefetch), str(one.fhir), f"{one.completeness:.1%}", _listed(one.missing))
        for one in figures.completeness
    ]))  # fmt: skip
    console.print(_table("Days", ("Day", "Calls", "With cards", "Incomplete", "p50 ms", "p95 ms", "p99 ms"), [
        (
            one.day, str(one.calls), str(one.with_cards), str(one.incomplete), _ms(one.latency.p50_ms),
            _ms(one.latency.p95_ms), _ms(one.latency.p99_ms),
        )
        for one in figures.days
    ]))  # fmt: skip


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        numeric = column.endswith("ms") or column in ("Calls", "Found", "Shown", "Prefetched", "Fetched", "At hand")
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _took(took: Latency) -> str:
    return f"half within {_ms(took.p50_ms)} ms, 95 % within {_ms(took.p95_ms)} ms, 99 % within {_ms(took.p99_ms)} ms"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def _share(count: int, rate: float | None) -> str:
    return str(count) if rate is None else f"{count} ({rate:.0%})"


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda one: -one[1]))
