"""What CDS Hooks asks for and how it is shown, as the page `docs/conformance.md` and for the console."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec
import yaml

from cds_hooks.protocol.conformance import Area, Duty

_HEAD = """\
# Conformance with CDS Hooks

What CDS Hooks 2.0.1 asks of a service, row by row, and the tests that show it. Of version 3 the service has what no
client of 2.0 can trip over. The rows are data (`cds_hooks/protocol/conformance.yaml`), the tests are in
`tests/conformance`. Written by `make conformance`; a test fails when this page is out of date or a row has no test.

*Tolerate*: a client may do this, and the service bears with it. *Open*: the specification leaves it to the service.

"""


@cache
def recorded_tests() -> Mapping[str, tuple[str, ...]]:
    """Return row id → names of the tests that show it, as recorded when the table was last written."""
    text = resources.files("service.reports").joinpath("conformance_tests.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, tuple[str, ...]])


def conformance_markdown(areas: Iterable[Area], shown: Mapping[str, Sequence[str]]) -> str:
    """Return the text of the page.

    Args:
        areas: the table of duties.
        shown: row id → names of the tests that carry it.
    """
    areas = tuple(areas)
    rows = [row for area in areas for row in area.rows]
    aside = sum(bool(row.not_applicable) for row in rows)
    parts = [f"{_HEAD}{len(rows) - aside} rows are shown by tests, {aside} do not apply.\n"]
    for area in areas:
        parts.append(f"\n## {area.area}\n\n| Row | Verb | Duty | Shown by |\n|---|---|---|---|\n")
        parts += [_line(row, shown.get(row.id, ())) for row in area.rows]
    return "".join(parts)


def _line(row: Duty, tests: Sequence[str]) -> str:
    how = f"not applicable: {row.not_applicable}" if row.not_applicable else "<br>".join(f"`{name}`" for name in tests)
    return f"| {row.id} | {row.verb} | {_cell(row.duty)} | {_cell(how)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
