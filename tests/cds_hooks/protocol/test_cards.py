"""Cards as the specification and one large EHR vendor want them, and chart text that stays text."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from cds_hooks.cases.case import Case, load_base_charts
from cds_hooks.cases.run import run_case
from cds_hooks.chart.chart import make_reader
from cds_hooks.findings import Basis, CreateTest, Fact, Finding, UpdateDose
from cds_hooks.knowledge.loader import load_knowledge, placeholders
from cds_hooks.knowledge.schema import Source
from cds_hooks.markdown import escape
from cds_hooks.protocol.cards import SUMMARY_LIMIT, cards
from cds_hooks.protocol.client_profile import PROFILES, CardOptions
from cds_hooks.protocol.suggestions import MAXIMUM

KNOWLEDGE = load_knowledge()
READER = make_reader(KNOWLEDGE)
DRAFT = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "status": "draft",
    "dosageInstruction": [{"text": "25 mg once daily", "doseAndRate": [{"doseQuantity": {"value": 25, "unit": "mg"}}]}],
}
HOSTILE = (
    "<script>alert(1)</script> *b* _i_ **B** ~~s~~ [x](javascript:alert(1)) ![y](https://evil.example/z.png) `c` # h "
    "| a | &lt;b&gt; \\* https://evil.example www.evil.example eve@evil.example"
)


def finding(topic: str = "neutropenia", variant: str = "hold", **changes: Any) -> Finding:
    """Return a finding whose placeholders are filled."""
    values = dict.fromkeys(placeholders(KNOWLEDGE.topics[topic].variants[variant]), "0.9")
    return replace(Finding(topic, variant, values), **changes)


def rendered(*findings: Finding, options: CardOptions | None = None) -> list[dict[str, Any]]:
    ids = count(1)
    return cards(
        findings,
        KNOWLEDGE,
        options or CardOptions(),
        patient_id="p-1",
        user_id="Practitioner/7",
        service_version="1.2.3",
        new_uuid=lambda: str(uuid.UUID(int=next(ids))),
    )


def of_a_case(name: str, **changes: Any) -> list[dict[str, Any]]:
    """Return the cards of a base chart, all of them real."""
    base = load_base_charts()[name]
    chart = dataclasses.replace(base.chart, **changes)
    case = Case(base.about, "cards", base.place, (), name, "order-sign", chart, {}, (), False, {}, "")
    return rendered(*run_case(case, READER, KNOWLEDGE).findings)


def members(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from members(child, f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from members(child, f"{path}[{index}]")


# --- layout -----------------------------------------------------------------------------------------------------------


def test_the_parts_of_a_card() -> None:
    fact = Fact("ANC", "0.9 10*3/uL", "2026-02-28", "Observation/1", "preliminary")
    basis = Basis("hold below this ANC", "< 1,000/µL", Source("usLabel", "2.1"), verified=False)
    one = finding(facts=(fact,), basis=(basis, basis), suggestions=(CreateTest("completeBloodCount"),), options=("A",))
    (card,) = rendered(one)
    assert set(card) == {
        "uuid", "summary", "detail", "indicator", "source", "overrideReasons", "suggestions", "selectionBehavior",
    }  # fmt: skip
    assert card["indicator"] == "critical"
    headings = re.findall(r"^\*\*(.+)\*\*$", card["detail"], re.MULTILINE)
    assert headings == ["What was seen", "Limits applied", "Options", "Basis"]
    assert r"* ANC: 0.9 10\*3/uL (2026-02-28, preliminary, `Observation/1`)" in card["detail"].splitlines()
    assert card["detail"].count("hold below this ANC") == 1
    assert "2.1). Not yet verified against the current US label" in card["detail"]
    options = card["detail"].partition("**Options**")[2].partition("**Basis**")[0].split("\n* ")[1:]
    assert [option.strip() for option in options][-2:] == ["A", "Continue as ordered, and note the reason."]
    assert f"Knowledge {KNOWLEDGE.version}, service 1.2.3." in card["detail"]


def test_parts_without_content_have_no_heading() -> None:
    (card,) = rendered(finding())
    assert "**What was seen**" not in card["detail"]
    assert "**Limits applied**" not in card["detail"]
    assert "**Options**" in card["detail"]


def test_cards_keep_the_order_of_the_findings_and_have_ids_of_their_own() -> None:
    shown = rendered(finding(), finding("cbcOverdue", "overdue"), finding("counselling", "firstOrder"))
    assert [card["source"]["topic"]["code"] for card in shown] == ["neutropenia", "cbcOverdue", "counselling"]
    assert [card["indicator"] for card in shown] == ["critical", "warning", "info"]
    assert len({str(uuid.UUID(card["uuid"])) for card in shown}) == len(shown)


@pytest.mark.parametrize("name", ["mmFirstOrder", "pembrolizumabDraft", "digoxinDraft", "fertileWomanFirstOrder"])
def test_real_cards_have_no_empty_member_and_no_placeholder_left(name: str) -> None:
    shown = of_a_case(name, labs={}, procedures=())
    assert shown
    for card in shown:
        empty = [path for path, value in members(card) if value in (None, "", [], {})]
        assert not empty
        assert not re.search(r"\{\w+\}", card["summary"] + card["detail"])
        assert "<" not in re.sub(r"\\<", "", card["detail"]), "no HTML"


# --- summary ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [20, 200])
def test_a_summary_is_shorter_than_140_characters(length: int) -> None:
    (card,) = rendered(finding(values={**finding().values, "value": "9" * length}))
    assert len(card["summary"]) < SUMMARY_LIMIT
    assert card["summary"].endswith("…") is (length == 200)


def test_a_summary_is_one_line_of_plain_text() -> None:
    (card,) = rendered(finding(values={**finding().values, "value": "a*b\n\tc"}))
    assert "a*b c" in card["summary"]


# --- chart text -------------------------------------------------------------------------------------------------------


def test_chart_text_is_never_taken_for_markup() -> None:
    fact = Fact("Drug", HOSTILE, HOSTILE, f"Observation/{HOSTILE}", HOSTILE)
    one = finding(
        values={**finding().values, "reason": HOSTILE},
        facts=(fact,),
        options=(HOSTILE,),
        basis=(Basis(HOSTILE, HOSTILE, Source("design", "x"), verified=True),),
    )
    (card,) = rendered(one)
    assert card["detail"].count(escape(HOSTILE)) == 7
    outside_code = re.sub(r"`[^`]*`", "", card["detail"].replace(escape(HOSTILE), ""))
    assert "evil" not in outside_code


def test_escaped_text_reads_as_it_was() -> None:
    escaped = escape(HOSTILE)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped) == HOSTILE
    for mark in re.finditer(r"[`*_\[\]<>|#~&@]|:(?=//)", escaped):
        assert escaped[mark.start() - 1] == "\\", escaped[mark.start() :]


def test_escaped_text_is_one_line() -> None:
    assert escape("a\n\n# b\r\n\t- c") == r"a \# b - c"


def test_a_markdown_reader_sees_the_text_alone() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    html = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"* seen: {escape(HOSTILE)}")
    (text,) = re.findall(r"<li>seen: (.*)</li>", html)
    assert "<" not in text
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, character)
    assert text == HOSTILE


def test_a_reference_cannot_leave_its_code_span() -> None:
    (card,) = rendered(finding(facts=(Fact("ANC", "1", reference="Observation/`x` **b**"),)))
    assert "(`Observation/x **b**`)" in card["detail"]


# --- source, topics, override reasons ---------------------------------------------------------------------------------


def test_every_topic_has_a_code_some_vendors_accept_and_an_absolute_source() -> None:
    assert urlsplit(KNOWLEDGE.override_reasons.topic_system).scheme
    for code, topic in KNOWLEDGE.topics.items():
        (card,) = rendered(finding(code, next(iter(topic.variants))))
        source = card["source"]
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", source["topic"]["code"])
        assert source["topic"] == {
            "system": KNOWLEDGE.override_reasons.topic_system,
            "code": code,
            "display": topic.title,
        }
        assert urlsplit(source["url"]).scheme in ("http", "https")
        assert urlsplit(source["url"]).netloc
        assert source["label"]


def test_override_reasons_have_code_system_and_display() -> None:
    (card,) = rendered(finding("cbcOverdue", "overdue"))
    reasons = card["overrideReasons"]
    assert [reason["code"] for reason in reasons][:2] == ["outsideTest", "testOrdered"]
    assert {reason["code"] for reason in reasons} >= set(KNOWLEDGE.override_reasons.common)
    for reason in reasons:
        assert reason["system"] == KNOWLEDGE.override_reasons.system
        assert reason["display"]


def test_override_reasons_in_the_codes_of_a_site() -> None:
    codes = {"outsideTest": ("urn:oid:1.2.3", "21"), "testOrdered": ("", "22")}
    (card,) = rendered(finding("cbcOverdue", "overdue"), options=CardOptions(override_code_map=codes))
    outside, ordered, *others = card["overrideReasons"]
    assert (outside["system"], outside["code"]) == ("urn:oid:1.2.3", "21")
    assert (ordered["system"], ordered["code"]) == (KNOWLEDGE.override_reasons.system, "22")
    assert outside["display"] == KNOWLEDGE.override_reasons.reasons["outsideTest"].display
    assert {reason["code"] for reason in others} == set(KNOWLEDGE.override_reasons.common)


# --- what a client wants ----------------------------------------------------------------------------------------------


def test_topics_a_client_does_not_want_are_left_out() -> None:
    options = CardOptions(disabled_topics=frozenset({"cbcOverdue"}))
    shown = rendered(finding(), finding("cbcOverdue", "overdue"), options=options)
    assert [card["source"]["topic"]["code"] for card in shown] == ["neutropenia"]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_selection_behaviour_goes_with_suggestions_and_only_with_them(profile: Any) -> None:
    update = UpdateDose(DRAFT, None, 10, 1, "10 mg once daily")
    options = CardOptions(profile, action_code_map={"inr": ("urn:site", "INR")})
    bare, test, dose = rendered(
        finding(), finding(suggestions=(CreateTest("inr"),)), finding(suggestions=(update,)), options=options
    )
    assert "suggestions" not in bare
    assert "selectionBehavior" not in bare
    assert (len(test["suggestions"]), test["selectionBehavior"]) == (1, profile.selection_behavior)
    assert ("suggestions" in dose) is ("selectionBehavior" in dose) is profile.medication_update


def test_at_most_three_suggestions() -> None:
    (card,) = rendered(finding(suggestions=(CreateTest("inr"),) * 5))
    assert len(card["suggestions"]) == MAXIMUM
    assert len({suggestion["uuid"] for suggestion in card["suggestions"]} | {card["uuid"]}) == MAXIMUM + 1
