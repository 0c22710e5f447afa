"""The short form of `make soak`, and that the judges of its answers can find fault."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.soak import soak
from benchmarks.soak_calls import complete_or_said, exactly, no_cards, refused

Json = dict[str, Any]


def answer(*topics: str) -> Json:
    return {"cards": [{"source": {"topic": {"code": topic}}} for topic in topics]}


def test_nothing_is_lost_and_nothing_is_wrong_while_everything_around_fails() -> None:
    result = soak(10, callers=2, phase_s=1.0, pause_s=0.02)
    assert result.log.wrong == []
    assert result.missing == []
    assert result.log.acknowledged, "no call with cards was answered"
    assert result.rows >= len(result.log.acknowledged)
    assert result.kills >= 1
    assert result.locks >= 1
    assert all(memory for memory in result.memory_mb), "a killed worker was not replaced"
    assert {name.partition(":")[0] for name in result.log.statuses} >= {"irrelevant, 6 kB", "relevant, prefetched"}


@pytest.mark.parametrize(
    ("status", "body", "is_wrong"),
    [
        (200, answer("neutropenia", "renalDose"), False),
        (200, answer("neutropenia"), True),
        (200, answer("neutropenia", "checkIncomplete"), False),
        (200, answer("digoxinMonitoring", "checkIncomplete"), True),
        (200, answer(), True),
        (412, {}, False),
        (500, {}, True),
    ],
)
def test_what_is_fetched_is_complete_or_said_not_to_be(status: int, body: Json, is_wrong: bool) -> None:
    assert bool(complete_or_said(frozenset({"neutropenia", "renalDose"}))(status, body)) is is_wrong


def test_judges_find_fault() -> None:
    assert exactly(frozenset({"renalDose"}))(200, answer("renalDose")) == ""
    assert exactly(frozenset({"renalDose"}))(200, answer("renalDose", "checkIncomplete"))
    assert exactly(frozenset({"renalDose"}))(500, {})
    assert no_cards(200, {"cards": []}) == ""
    assert no_cards(200, answer("renalDose"))
    assert no_cards(500, {})
    assert refused(400, {}) == ""
    assert refused(200, {"cards": []})
