"""FHIR dates and instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.when import first_when, parse_when, period_end, whole_years

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end", "has_time"),
    [
        ("2026", "2026-01-01T00:00", "2027-01-01T00:00", False),
        ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00", False),
        ("2024-02-29", "2024-02-29T00:00", "2024-03-01T00:00", False),
        ("2026-03-02T08:30:00Z", "2026-03-02T08:30", "2026-03-02T08:30", True),
        ("2026-03-02T08:30:00.123456789+02:00", "2026-03-02T06:30:00.123456", "2026-03-02T06:30:00.123456", True),
        ("2026-03-02T08:30", "2026-03-02T08:30", "2026-03-02T08:30", True),
        ("2026-03-02T23:30:00-0500", "2026-03-03T04:30", "2026-03-03T04:30", True),
    ],
)
def test_precision_is_kept(text: str, start: str, end: str, has_time: bool) -> None:
    when = parse_when(text)
    assert when is not None
    assert when.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert when.end == datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert when.has_time is has_time


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13", "2026-02-30", "2026-03-02T25:00Z", "02.03.2026", None, 2026, [], {"start": "2026"},
     "2026-03-02T08:30:00+99:00", "0000", "20260302"],
)  # fmt: skip
def test_anything_else_is_no_date(text: object) -> None:
    assert parse_when(text) is None


def test_days_count_by_calendar() -> None:
    late_yesterday = parse_when("2026-03-01T23:59:00Z")
    assert late_yesterday is not None
    assert late_yesterday.days_before(NOW) == 1
    assert late_yesterday.age(NOW) == timedelta(hours=12, minutes=1)


def test_a_date_without_time_has_the_benefit_of_its_whole_day() -> None:
    yesterday, today = parse_when("2026-03-01"), parse_when("2026-03-02")
    assert yesterday is not None
    assert today is not None
    assert yesterday.age(NOW) == timedelta(hours=12)
    assert today.age(NOW) == timedelta(0)


def test_the_future_is_known() -> None:
    today, tomorrow = parse_when("2026-03-02"), parse_when("2026-03-03")
    assert today is not None
    assert tomorrow is not None
    assert not today.is_future(NOW)
    assert tomorrow.is_future(NOW)


@pytest.mark.parametrize(
    ("birth", "years"), [("1966-03-02", 60), ("1966-03-03", 59), ("1966", 60), ("2026-03-02", 0), ("2004-02-29", 22)]
)
def test_completed_years(birth: str, years: int) -> None:
    when = parse_when(birth)
    assert when is not None
    assert whole_years(when, NOW) == years


def test_the_end_of_a_period_counts() -> None:
    resource = {"effectivePeriod": {"start": "2026-01-01", "end": "2026-01-03"}, "issued": "2026-02-01T00:00:00Z"}
    found = first_when(resource, "effectiveDateTime", "effectivePeriod", "issued")
    assert found == parse_when("2026-01-03")
    assert period_end({"start": "2026"}) is None


@given(st.integers(-2_000_000_000, 6_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_every_instant_survives(moment: datetime) -> None:
    when = parse_when(moment.isoformat())
    assert when is not None
    assert when.start == moment


@given(st.text())
def test_any_text_is_read_or_not(text: str) -> None:
    parse_when(text)
