"""The report of clinical cases."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cds_hooks.cases.case import load_base_charts, load_cases
from cds_hooks.chart.chart import Reader, make_reader
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.loader import load_knowledge
from service.reports.case_report import (
    ToldCase,
    base_chart_sources,
    case_report_html,
    case_report_markdown,
    chart_in_words,
    tell,
)

CASES = [case for case in load_cases() if case.subject == "liver"]
SENTENCE = "ALT just above three times the upper limit of normal"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return make_reader(load_knowledge())


@pytest.fixture(scope="module")
def told(reader: Reader) -> tuple[ToldCase, ...]:
    return tell(CASES, reader)


def test_base_charts_are_shown_as_written() -> None:
    sources = base_chart_sources(load_base_charts())
    assert list(sources) == list(load_base_charts())
    assert sources["mmFirstOrder"].startswith("  mmFirstOrder:\n    about: Man of 60")
    assert "mmContinuing" not in sources["mmFirstOrder"]
    assert not any(line.lstrip().startswith("#") for text in sources.values() for line in text.splitlines())


def test_a_chart_in_words_leaves_out_what_is_listed_beside() -> None:
    case = next(case for case in CASES if case.sentence == SENTENCE)
    assert chart_in_words(case) == (
        "based_on: mmContinuing\nlabs:\n  alt: 121 U/L, 3 days ago, upper limit 40\n"
        'says: {hepatotoxicity: ["121 U/L", "2026-02-27"]}'
    )


def test_a_case_in_markdown(told: tuple[ToldCase, ...], reader: Reader) -> None:
    text = case_report_markdown(told, {"mmContinuing": "mmContinuing: …"}, reader.knowledge)
    assert f"{len(CASES)} cases, all are as expected." in text
    part = text.partition(f"### {SENTENCE}\n")[2].partition("\n###")[0]
    assert (
        "* Expected: hepatotoxicity (warning)\n* Must not appear: anything else\n* Said: **warning** hepatotoxicity: "
        in part
    )
    assert "ALT 121 U/L" in part


def test_a_page_is_well_formed_and_its_links_lead_somewhere(told: tuple[ToldCase, ...], reader: Reader) -> None:
    page = case_report_html(told, base_chart_sources(load_base_charts()), reader.knowledge)
    open_tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  signature of html.parser
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Tags().feed(page)
    assert not open_tags
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert page.count("<article") == len(CASES)


def test_a_failure_is_shown(reader: Reader) -> None:
    case = replace(CASES[0], expect={"hepatotoxicity": Indicator.CRITICAL}, sentence="Wrong <b>")
    told = tell([case], reader)
    assert "**Fails**: hepatotoxicity should be critical" in case_report_markdown(told, {}, reader.knowledge)
    page = case_report_html(told, {}, reader.knowledge)
    assert "1 are not as expected" in page
    assert "class=fails" in page
    assert "Wrong &lt;b&gt;" in page
