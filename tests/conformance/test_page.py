"""The page `docs/conformance.md`: every row is there, and is shown by a test or does not apply for a reason."""

from __future__ import annotations

from pathlib import Path

from cds_hooks.protocol.conformance import Area, Duty, duties
from service.reports.conformance_table import conformance_markdown, recorded_tests
from tests.conformance.page import page, shown_by_tests

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
LAST = {"J": 6, "D": 16, "Q": 11, "P": 20, "S": 7, "C": 15, "A": 11, "L": 6, "F": 10, "X": 16, "V": 7}
"""Number of rows of each area of the specification's table."""
BINDING = {"SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "REQUIRED", "CONDITIONAL", "RECOMMENDED"}

ROWS = {row.id: row for area in duties() for row in area.rows}


def test_no_row_is_missing() -> None:
    assert ROWS.keys() == {f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)}


def test_every_row_is_shown_or_does_not_apply() -> None:
    shown = shown_by_tests()
    assert not [row.id for row in ROWS.values() if not row.not_applicable and row.id not in shown]


def test_no_test_carries_an_unknown_row() -> None:
    assert not shown_by_tests().keys() - ROWS.keys()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "docs/conformance.md is out of date: run make conformance"


def test_the_console_knows_the_tests() -> None:
    shown = {row: tuple(tests) for row, tests in shown_by_tests().items()}
    assert recorded_tests() == shown, "service/reports/conformance_tests.yaml is out of date: run make conformance"


def test_the_lines_of_the_page() -> None:
    rows = (Duty("D1", "SHALL", "a | b"), Duty("D2", "MAY", "c", not_applicable="why"))
    text = conformance_markdown([Area("Area", rows)], {"D1": ["test_x.py::test_y", "test_x.py::test_z"]})
    assert "1 rows are shown by tests, 1 do not apply." in text
    assert "| D1 | SHALL | a \\| b | `test_x.py::test_y`<br>`test_x.py::test_z` |" in text
    assert text.endswith("| D2 | MAY | c | not applicable: why |\n")
