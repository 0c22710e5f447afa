"""A failed case says what happened instead, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.cases.run import run_case
from cds_hooks.cases.verdict import verdict, verdict_of_cards
from cds_hooks.chart.chart import Reader
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.loader import Knowledge

SENTENCE = "ALT just above three times the upper limit of normal"


@pytest.fixture(scope="module")
def case() -> Case:
    return next(case for case in load_cases() if case.sentence == SENTENCE)


def judge(case: Case, reader: Reader, knowledge: Knowledge) -> list[str]:
    return verdict(case, run_case(case, reader, knowledge), knowledge)


def test_a_missing_card_is_explained_by_what_the_rule_saw(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    (failure,) = judge(replace(case, expect={"liverTestsOverdue": Indicator.INFO}, only=False), reader, knowledge)
    assert failure.startswith("liverTestsOverdue should be info, but there is no card: passed: ")
    assert "It saw: " in failure
    assert "121 U/L 2026-02-27" in failure


def test_another_urgency_is_named(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    (failure,) = judge(replace(case, expect={"hepatotoxicity": Indicator.CRITICAL}), reader, knowledge)
    assert failure.startswith("hepatotoxicity should be critical, but is warning: ")


def test_a_card_nobody_expected_is_named(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    for quiet in (replace(case, expect={}), replace(case, expect={}, only=False, silent=("hepatotoxicity",))):
        (failure,) = judge(quiet, reader, knowledge)
        assert failure.startswith("hepatotoxicity should be silent, but is warning: ")


def test_missing_words_are_named(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    (failure,) = judge(replace(case, says={"hepatotoxicity": ("122 U/L",)}), reader, knowledge)
    assert failure.startswith("hepatotoxicity should say '122 U/L', but says: ")


def test_unwanted_words_are_named(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    assert not judge(replace(case, says_not={"hepatotoxicity": ("122 U/L",)}), reader, knowledge)
    (failure,) = judge(replace(case, says_not={"hepatotoxicity": ("121 U/L",)}), reader, knowledge)
    assert failure.startswith("hepatotoxicity should not say '121 U/L', but says: ")


def card(topic: str, indicator: str, summary: str) -> dict[str, Any]:
    return {"summary": summary, "indicator": indicator, "source": {"label": "label", "topic": {"code": topic}}}


def test_the_cards_of_a_response_are_judged_alike(case: Case) -> None:
    good = card("hepatotoxicity", "warning", "ALT 121 U/L of 2026-02-27 is above 3 x ULN")
    assert verdict_of_cards(case, [good]) == []
    assert verdict_of_cards(case, []) == ["hepatotoxicity should be warning, but there is no card"]
    assert verdict_of_cards(case, [good, card("neutropenia", "critical", "ANC low")]) == [
        "neutropenia should be silent, but is critical: ANC low"
    ]
