"""FHIR dates as intervals: `2026-03` is the whole of March, `2026-03-05T08:30Z` is one minute."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

_DATE_TIME = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_MICROSECOND_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Interval:
    """All instants from `low` up to, but not including, `high`."""

    low: datetime
    high: datetime


def parse_interval(text: str) -> Interval:
    """Return the interval that a FHIR date, dateTime or instant stands for; without a zone it is read as UTC.

    Raises:
        ValueError: `text` is none of these.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a FHIR date or dateTime")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if day is None:
            first = datetime(int(year), int(month or 1), 1, tzinfo=UTC)
            return Interval(first, _first_of_next_month(first) if month else _first_of_next_year(first))
        calendar_day = date(int(year), int(month), int(day)).isoformat()
        if hour is None:
            return _starting_at(datetime.fromisoformat(calendar_day).replace(tzinfo=UTC), timedelta(days=1))
        digits = (fraction or "")[:_MICROSECOND_DIGITS]
        clock = f"{hour}:{minute}:{second or '00'}.{digits:0<{_MICROSECOND_DIGITS}}"
        low = datetime.fromisoformat(f"{calendar_day}T{clock}{zone or 'Z'}").astimezone(UTC)
        if digits:
            return _starting_at(low, timedelta(microseconds=10 ** (_MICROSECOND_DIGITS - len(digits))))
        return _starting_at(low, timedelta(seconds=1) if second else timedelta(minutes=1))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"'{text}' is not a date of the calendar") from error


def interval_of(element: Any) -> Interval | None:
    """Return the interval of a date, dateTime, instant or Period element, or None if it holds no readable date."""
    try:
        if isinstance(element, str):
            return parse_interval(element)
        if isinstance(element, Mapping) and ("start" in element or "end" in element):
            low = parse_interval(element["start"]).low if "start" in element else EARLIEST
            high = parse_interval(element["end"]).high if "end" in element else LATEST
            return Interval(low, high)
    except (ValueError, TypeError):
        return None
    return None


def _first_of_next_month(first: datetime) -> datetime:
    month_at_most = timedelta(days=31)
    return (first + month_at_most).replace(day=1) if first <= LATEST - month_at_most else LATEST


def _first_of_next_year(first: datetime) -> datetime:
    return first.replace(year=first.year + 1) if first.year < LATEST.year else LATEST


def _starting_at(low: datetime, length: timedelta) -> Interval:
    return Interval(low, low + length if low <= LATEST - length else LATEST)


def _equal(search: Interval, target: Interval) -> bool:
    return search.low <= target.low and target.high <= search.high


def _later(search: Interval, target: Interval) -> bool:
    return target.high > search.high


def _earlier(search: Interval, target: Interval) -> bool:
    return target.low < search.low


COMPARISONS: Mapping[str, Callable[[Interval, Interval], bool]] = {
    "eq": _equal,
    "ne": lambda search, target: not _equal(search, target),
    "gt": _later,
    "lt": _earlier,
    "ge": lambda search, target: _later(search, target) or _equal(search, target),
    "le": lambda search, target: _earlier(search, target) or _equal(search, target),
    "sa": lambda search, target: target.low >= search.high,
    "eb": lambda search, target: target.high <= search.low,
}
"""Search prefixes. The search value comes first, the value of the resource second.

As in FHIR R4, a target that straddles the search value is at once greater and less than it.
"""
