"""`lencds burden` prints the tables, or writes them into the page."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from cds_hooks.alert_burden import BEGIN, END
from service.cli import lencds


def burden(*arguments: str) -> Result:
    return CliRunner().invoke(lencds, ["burden", *arguments])


def test_the_tables_are_written_between_the_two_lines_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    written, printed = burden("--update", str(page)), burden()
    assert written.exit_code == printed.exit_code == 0
    assert "72 orders" in printed.output
    assert page.read_text("utf-8") == f"before\n{BEGIN}\n\n{printed.output}\n{END}\nafter\n"


def test_a_page_without_the_two_lines_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("only words\n", "utf-8")
    refused = burden("--update", str(page))
    assert refused.exit_code == 1
    assert "lacks the lines" in refused.output
    assert page.read_text("utf-8") == "only words\n"


def test_knowledge_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    refused = burden("--folder", str(tmp_path))
    assert refused.exit_code == 1
    assert "the knowledge cannot be used" in refused.output
