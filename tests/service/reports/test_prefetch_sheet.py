"""The prefetch sheet says what discovery says, and what is lost without a key."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from rich.console import Console

from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.protocol.services import discovery
from service.commands.knowledge import knowledge
from service.reports.prefetch_sheet import prefetch_html, prefetch_markdown, prefetch_rows, prefetch_view

READER = make_reader(load_knowledge())
ROWS = prefetch_rows(READER)
DOCUMENT = Path(__file__).parents[3] / "docs" / "prefetch-sheet.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == prefetch_markdown(ROWS), (
        "docs/prefetch-sheet.md is out of date: make prefetch"
    )


def test_the_sheet_is_what_discovery_says() -> None:
    for service in discovery(READER.needs)["services"]:
        assert {row.key: row.query for row in ROWS} == service["prefetch"]
        assert list(service["prefetch"]) == [row.key for row in ROWS]


def test_every_query_can_be_copied_from_the_document() -> None:
    assert re.findall(r"```\n(.+)\n```", prefetch_markdown(ROWS)) == [row.query for row in ROWS]


def test_what_is_lost() -> None:
    rows = {row.key: row for row in ROWS}
    assert rows["patient"].effect == "Required: without it the service answers 412."
    titles = {topic: entry.title for topic, entry in READER.knowledge.topics.items()}
    assert titles["hepatotoxicity"] in rows["chemistry"].topics
    assert titles["hepatotoxicity"] not in rows["bloodCounts"].topics
    assert set(rows["bloodBank"].topics) == {titles["daratumumabBloodBank"], titles["daratumumabCounselling"]}
    assert rows["bloodBank"].orders == ("lenalidomide", "partner drugs")
    assert rows["chemistry"].grants == ("patient/Observation.rs", "patient/Observation.read")


def test_no_key_is_asked_for_in_vain() -> None:
    assert not [row.key for row in ROWS if not row.required and not row.topics]
    assert not [row.key for row in ROWS if not row.orders]


def test_the_aliases_of_a_client() -> None:
    rows = prefetch_rows(READER, {"chemistry": "LAB-RESULTS"})
    assert [row.key for row in rows if row.resource_type == "Observation"][1] == "LAB-RESULTS"
    assert "## LAB-RESULTS" in prefetch_markdown(rows)


def test_the_page_holds_every_query() -> None:
    text = prefetch_html(ROWS)
    for row in ROWS:
        assert f"<code>{row.query.replace('&', '&amp;')}</code>" in text


def test_the_terminal() -> None:
    console = Console(width=200, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    console.print(prefetch_view(ROWS))
    text = console.export_text()
    assert all(row.key in text for row in ROWS)


@pytest.mark.parametrize(
    ("options", "sign"),
    [((), "Prefetch sheet"), (("--markdown",), "# Prefetch sheet"), (("--html",), "<!doctype html>")],
)
def test_the_command(options: tuple[str, ...], sign: str) -> None:
    result = CliRunner().invoke(knowledge, ["--prefetch", *options])
    assert (result.exit_code, sign in result.output) == (0, True)


def test_the_command_prints_json() -> None:
    rows = orjson.loads(CliRunner().invoke(knowledge, ["--prefetch", "--json"]).output)
    assert [row["query"] for row in rows] == [row.query for row in ROWS]


def test_html_is_of_the_sheet_alone() -> None:
    assert CliRunner().invoke(knowledge, ["--html"]).exit_code == 2


def test_a_key_nothing_rests_on_would_say_so() -> None:
    assert replace(ROWS[1], topics=()).effect == "No check rests on it."
