"""The state of an analyte is that of its newest result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_hooks.chart.labs import LabProblem, LabResult, LabState, assess, newest_first
from cds_hooks.chart.when import parse_when


def result(when: str | None, value: float = 1.0, **fields: Any) -> LabResult:
    return LabResult("anc", f"Observation/{when}", parse_when(when), value, **fields)


NORMAL = result("2025-06-10T08:00:00Z", 4.0)
UNREADABLE = result("2025-06-19T08:00:00Z", problem=LabProblem.UNKNOWN_UNIT)
PRELIMINARY = result("2025-06-19T08:00:00Z", 0.3, preliminary=True)


def test_absent(now: datetime) -> None:
    lab = assess((), now=now, max_age_days=7)
    assert (lab.state, lab.latest, lab.latest_readable, lab.current, lab.latest_value, lab.age_days) == (
        LabState.ABSENT, None, None, None, None, None,
    )  # fmt: skip


def test_current(now: datetime) -> None:
    lab = assess((NORMAL,), now=now, max_age_days=30)
    assert lab.state is LabState.CURRENT
    assert lab.latest is lab.latest_readable is lab.current is lab.latest_value is NORMAL
    assert lab.age_days == 10


@pytest.mark.parametrize(
    ("newest", "state"), [(UNREADABLE, LabState.UNINTERPRETABLE), (PRELIMINARY, LabState.PRELIMINARY)]
)
def test_a_newer_result_that_cannot_clear_is_not_hidden_by_an_older_normal_one(
    newest: LabResult, state: LabState, now: datetime
) -> None:
    lab = assess(newest_first((NORMAL, newest)), now=now, max_age_days=30)
    assert lab.state is state
    assert lab.latest is newest
    assert lab.latest_readable is NORMAL
    assert lab.current is None


def test_an_older_unreadable_result_does_not_hide_a_newer_normal_one(now: datetime) -> None:
    newer = result("2025-06-20T08:00:00Z", 4.0)
    lab = assess(newest_first((UNREADABLE, newer)), now=now, max_age_days=30)
    assert (lab.state, lab.latest, lab.latest_readable) == (LabState.CURRENT, newer, newer)


def test_a_preliminary_value_may_alarm(now: datetime) -> None:
    lab = assess(newest_first((NORMAL, PRELIMINARY)), now=now, max_age_days=30)
    assert lab.latest_value is PRELIMINARY
    assert PRELIMINARY.is_below(1.0)


@pytest.mark.parametrize(
    ("when", "days", "state"),
    [
        ("2025-06-13", 7, LabState.CURRENT),
        ("2025-06-13T00:00:01Z", 7, LabState.CURRENT),
        ("2025-06-12T23:59:59Z", 7, LabState.STALE),
        ("2025-06-12", 7, LabState.STALE),
        ("2025-06-20", 0, LabState.CURRENT),
        ("2025-06-19", 0, LabState.STALE),
        ("2025-06-21", 0, LabState.CURRENT),  # date of tomorrow: a day that has begun further west
        ("2025-06", 30, LabState.CURRENT),  # a month counts from its first day
        ("2025-06", 18, LabState.STALE),
        ("2025", 169, LabState.STALE),
    ],
)
def test_age_is_counted_in_calendar_days_inclusively(when: str, days: int, state: LabState, now: datetime) -> None:
    assert assess((result(when),), now=now, max_age_days=days).state is state


def test_old_and_unreadable_is_stale(now: datetime) -> None:
    lab = assess((result("2024-06-19", problem=LabProblem.UNKNOWN_UNIT),), now=now, max_age_days=30)
    assert lab.state is LabState.STALE


def test_a_date_in_the_future_is_never_current(now: datetime) -> None:
    future = result("2025-07-01T08:00:00Z", problem=LabProblem.FUTURE_DATE)
    lab = assess(newest_first((future, NORMAL)), now=now, max_age_days=30)
    assert (lab.state, lab.latest, lab.latest_readable) == (LabState.UNINTERPRETABLE, future, NORMAL)


def test_an_undated_result_describes_the_state_only_if_alone(now: datetime) -> None:
    undated = result(None, problem=LabProblem.NO_DATE)
    assert assess((undated,), now=now, max_age_days=30).state is LabState.UNINTERPRETABLE
    assert assess(newest_first((undated, NORMAL)), now=now, max_age_days=30).latest is NORMAL


def test_states_and_problems_have_words_keys() -> None:
    assert {state.value for state in LabState} == {"current", "stale", "absent", "preliminary", "uninterpretable"}
    assert all(problem.value.isidentifier() for problem in LabProblem)
