"""The table of `docs/coverage.md`."""

from __future__ import annotations

from pathlib import Path

from cds_hooks.cases.case import load_cases
from cds_hooks.coverage import CoverageRow, coverage
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.knowledge.schema import Source, Statement, StatementBasis
from service.reports.coverage_table import coverage_markdown, otherwise

DOCUMENT = Path(__file__).parents[3] / "docs" / "coverage.md"


def test_the_document_is_up_to_date() -> None:
    written = coverage_markdown(coverage(load_knowledge(), load_cases()))
    assert DOCUMENT.read_text("utf-8") == written, "docs/coverage.md is out of date: run make coverage"


def _row(statement: Statement, **content: object) -> CoverageRow:
    return CoverageRow("S-01", statement, **{"topics": (), "cases": 0, "figures": (), "reminders": (), **content})  # type: ignore[arg-type]


def test_a_row_of_the_table() -> None:
    row = _row(Statement("a | b", Source("label", "1")), topics=("one", "two"), cases=3, reminders=("line",))
    assert coverage_markdown([row]).splitlines()[-1] == "| S-01 | a \\| b | `one`, `two` | 3 | `line` |  |"


def test_what_is_said_when_there_is_no_topic() -> None:
    source = Source("label", "1")
    assert otherwise(_row(Statement("x", source, basis=StatementBasis("one", "words")))) == "told by the card one"
    assert otherwise(_row(Statement("x", source, reference_only="frequencies"))) == "frequencies"
    assert otherwise(_row(Statement("x", source))) == "nothing answers for it"
    assert otherwise(_row(Statement("x", source), cases=1)) == ""
