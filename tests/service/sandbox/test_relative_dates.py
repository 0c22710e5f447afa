from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sandbox.relative_dates import resolve_date, resolve_dates

NOW = datetime(2026, 3, 5, 14, 30, 59, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("@now", "2026-03-05T14:30:59Z"),
        ("@-5h", "2026-03-05T09:30:59Z"),
        ("@+12h", "2026-03-06T02:30:59Z"),
        ("@-3d", "2026-03-02"),
        ("@-0d", "2026-03-05"),
        ("@+20d", "2026-03-25"),
        ("@-3dT08:30", "2026-03-02T08:30:00Z"),
        ("@-67y", "1959-03-05"),
        ("@-67y-40d", "1959-01-24"),
        ("@-1yT23:59", "2025-03-05T23:59:00Z"),
    ],
)
def test_notation(written: str, expected: str) -> None:
    assert resolve_date(written, NOW) == expected


@pytest.mark.parametrize("written", ["@", "@-", "@-3", "@3d", "@-3dT8:30", "@T08:30", "@-3d-1y", "@now-3d", "@-5h-3d"])
def test_a_misspelt_date_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a relative date"):
        resolve_date(written, NOW)


@pytest.mark.parametrize("written", ["@-3dT24:00", "@-3dT08:61", "@-5000y"])
def test_an_impossible_date_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"range|must be"):
        resolve_date(written, NOW)


def test_a_leap_day_moves_to_the_28th() -> None:
    assert resolve_date("@-1y", datetime(2024, 2, 29, tzinfo=UTC)) == "2023-02-28"


def test_the_moment_is_counted_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert resolve_date("@-0d", datetime(2026, 3, 6, 1, tzinfo=tokyo)) == "2026-03-05"


def test_the_moment_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        resolve_date("@now", datetime(2026, 3, 5))  # noqa: DTZ001


def test_dates_are_found_anywhere_and_nothing_else_is_touched() -> None:
    value = {"a": ["@-1d", {"b": "@now"}], "c": "mail@example.org", "d": 5, "e": None, "f": True}
    resolved = resolve_dates(value, NOW)
    assert resolved == {**value, "a": ["2026-03-04", {"b": "2026-03-05T14:30:59Z"}]}
    assert value["a"] == ["@-1d", {"b": "@now"}]


@given(st.integers(0, 3000))
def test_days_count_back_one_by_one(days: int) -> None:
    assert resolve_date(f"@-{days}d", NOW) == (NOW.date() - timedelta(days=days)).isoformat()
