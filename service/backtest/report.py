"""The report of a backtest as one self-contained HTML page."""

from __future__ import annotations

from datetime import datetime
from importlib import resources

from jinja2 import Environment, StrictUndefined

from service.backtest.files import ReadCounts
from service.backtest.summary import Summary
from service.order_check import service_version
from service.reports.charts import Bar, bars, columns


def report_html(
    summary: Summary, counts: ReadCounts, *, source: str, knowledge: str, against: str, made: datetime
) -> str:
    """Return the page.

    Args:
        summary: what was found.
        counts: what was read.
        source: the records, in words.
        knowledge: the present knowledge, in words.
        against: the knowledge compared with, "" for none.
        made: when the report is made.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(resources.files("service.backtest").joinpath("report.html").read_text("utf-8"))
    indicators = list(summary.by_indicator())
    return template.render(
        summary=summary,
        counts=counts,
        source=source,
        knowledge=knowledge,
        against=against,
        made=f"{made:%Y-%m-%d %H:%M %Z}",
        version=service_version(),
        burden=summary.burden(),
        topics_chart=bars(
            "Cards by topic",
            [Bar(row.topic, {one: row.by_indicator.get(one, 0) for one in indicators}) for row in summary.topics()],
        ),
        months_chart=columns(
            "Cards by month",
            [Bar(month, {one: count[one] for one in indicators}) for month, count in sorted(summary.by_month.items())],
        ),
        burden_chart=columns(
            "Clinician-days by number of cards",
            [Bar(str(cards), {"clinician-days": days}) for cards, days in summary.burden_histogram().items()],
        ),
    )
