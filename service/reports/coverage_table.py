"""The statements of the label and what answers for each, in the terminal and as the table of `docs/coverage.md`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cds_hooks.coverage import CoverageRow

_HEAD = """\
# Coverage of the label

Every statement of the safety information of the US label, and what this service makes of it: the topics that rest on
it with the number of clinical cases that expect one of them, the lines of the counselling card that tell it, or why
there is nothing to check. Written by `make coverage`; a test fails when it is out of date or a row is empty.

| Statement | In short | Topics | Cases | Counselling | Otherwise |
|---|---|---|---:|---|---|
"""


def coverage_markdown(rows: Sequence[CoverageRow]) -> str:
    """Return the text of `docs/coverage.md`."""
    lines = (
        f"| {row.key} | {_cell(row.statement.text)} | {_codes(row.topics)} | {row.cases or ''} |"
        f" {_codes(row.reminders)} | {_cell(otherwise(row))} |"
        for row in rows
    )
    return _HEAD + "\n".join(lines) + "\n"


def coverage_view(rows: Sequence[CoverageRow]) -> Table:
    """Return the table for the terminal; rows nothing answers for are red."""
    table = Table(title="Statements of the label", title_justify="left", show_lines=True, expand=True)
    table.add_column("Statement", no_wrap=True)
    table.add_column("In short", ratio=4)
    table.add_column("Topics", ratio=3)
    table.add_column("Cases", justify="right")
    table.add_column("Figures", justify="right")
    table.add_column("Counselling", ratio=2)
    table.add_column("Otherwise", ratio=2)
    for row in rows:
        table.add_row(
            row.key,
            Text(row.statement.text),
            Text("\n".join(row.topics)),
            str(row.cases or ""),
            str(len(row.figures) or ""),
            Text("\n".join(row.reminders)),
            Text(otherwise(row)),
            style="" if row.is_covered else "bold red",
        )
    return table


def otherwise(row: CoverageRow) -> str:
    """Return how a statement is dealt with beside topics and counselling."""
    if row.basis is not None:
        return f"told by the card {row.basis.topic}"
    if row.statement.reference_only:
        return row.statement.reference_only
    return "" if row.is_covered else "nothing answers for it"


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
