"""Comparators, and the order of results."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.labs import LabProblem, LabResult, Outcome, newest_first
from cds_hooks.chart.when import parse_when


def result(value: float | None = 1.0, comparator: Any = "", **fields: Any) -> LabResult:
    defaults: dict[str, Any] = {"analyte": "anc", "reference": "Observation/1", "when": parse_when("2025-06-19")}
    return LabResult(**{**defaults, "value": value, "comparator": comparator, **fields})


@pytest.mark.parametrize(
    ("comparator", "value", "limit", "below", "above"),
    [
        ("", 0.999, 1.0, True, False),
        ("", 1.0, 1.0, False, False),
        ("", 1.001, 1.0, False, True),
        ("<", 0.5, 1.0, True, False),
        ("<", 1.0, 1.0, True, False),
        ("<", 5.0, 3.0, None, None),
        ("<", 5.0, 5.0, True, False),
        ("<=", 1.0, 1.0, None, False),
        ("<=", 0.9, 1.0, True, False),
        ("<=", 5.0, 3.0, None, None),
        (">", 5.0, 8.0, None, None),
        (">", 5.0, 5.0, False, True),
        (">", 5.0, 3.0, False, True),
        (">=", 5.0, 5.0, False, None),
        (">=", 5.0, 3.0, False, True),
        (">=", 5.0, 8.0, None, None),
    ],
)
def test_comparators(comparator: str, value: float, limit: float, below: bool | None, above: bool | None) -> None:
    lab = result(value, comparator)
    assert lab.is_below(limit) is below
    assert lab.is_above(limit) is above
    assert lab.is_at_least(limit) is (None if below is None else not below)
    assert lab.is_at_most(limit) is (None if above is None else not above)


@pytest.mark.parametrize("lab", [result(None), result(0.1, problem=LabProblem.IMPLAUSIBLE)])
def test_what_cannot_be_read_settles_nothing(lab: LabResult) -> None:
    assert [lab.is_below(5), lab.is_above(0), lab.is_at_least(0), lab.is_at_most(5)] == [None] * 4


@given(
    st.sampled_from(["", "<", "<=", ">=", ">"]),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 40).map(lambda halves: halves / 2),
)
def test_an_answer_holds_for_every_true_value_the_comparator_allows(
    comparator: str, value: int, limit: int, true_value: float
) -> None:
    allowed = {
        "": true_value == value,
        "<": true_value < value,
        "<=": true_value <= value,
        ">=": true_value >= value,
        ">": true_value > value,
    }
    if allowed[comparator]:
        lab = result(value, comparator)
        assert lab.is_below(limit) in (None, true_value < limit)
        assert lab.is_above(limit) in (None, true_value > limit)


def test_order_is_newest_first_and_undated_last() -> None:
    old, new, undated = (
        result(1, when=parse_when("2025-06-01")),
        result(2, when=parse_when("2025-06-19T10:00:00Z")),
        result(3, when=None, problem=LabProblem.NO_DATE),
    )
    for order in permutations((old, new, undated)):
        assert newest_first(order) == (new, old, undated)


def test_at_the_same_time_the_later_issue_then_the_clearer_result_comes_first() -> None:
    ranked = (
        result(1, issued=parse_when("2025-06-20")),
        result(2),
        result(3, preliminary=True),
        result(4, problem=LabProblem.UNKNOWN_UNIT),
    )
    for order in permutations(ranked):
        assert newest_first(order) == ranked


def test_at_the_same_time_positive_comes_before_negative() -> None:
    ranked = tuple(
        result(None, qualitative=outcome) for outcome in (Outcome.POSITIVE, Outcome.INDETERMINATE, Outcome.NEGATIVE)
    )
    for order in permutations(ranked):
        assert newest_first(order) == ranked


def test_equal_results_count_once() -> None:
    assert newest_first([result(), result(), result(2.0)]) == newest_first([result(2.0), result()])
    assert len(newest_first([result(), result()])) == 1
