"""How long a coded Timing goes on: bounds and counts of `Timing.repeat`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime

from msgspec import Struct
from msgspec.structs import replace

from .rate import DAYS_PER_MONTH, DAYS_PER_WEEK, DAYS_PER_YEAR, HOURS_PER_DAY, SILENT, Course
from .values import as_number, as_object, as_string

_SECONDS_PER_DAY = 86400.0
_FULL_DATE_LENGTH = len("2024-01-31")
_DURATION_DAYS: dict[str, float] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / _SECONDS_PER_DAY),
    **dict.fromkeys(("min", "minute", "minutes"), 60 / _SECONDS_PER_DAY),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1 / HOURS_PER_DAY),
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), DAYS_PER_WEEK),
    **dict.fromkeys(("mo", "month", "months"), DAYS_PER_MONTH),
    **dict.fromkeys(("a", "yr", "year", "years"), DAYS_PER_YEAR),
}


def days_in_unit(unit: str) -> float | None:
    """Return the days in one UCUM or plain-word unit of time, None when the unit is not one."""
    return _DURATION_DAYS.get(unit.strip().lower().strip("{}"))


def duration_days(value: object) -> float | None:
    """Return a FHIR Duration (or Quantity of time) in days; None without a positive value and a known unit."""
    duration = as_object(value)
    number = as_number(duration.get("value"))
    if number is None or number <= 0 or as_string(duration.get("comparator")):
        return None
    for token in (as_string(duration.get("code")), as_string(duration.get("unit"))):
        days = days_in_unit(token)
        if days is not None:
            return number * days
    return None


class Span(Struct, frozen=True):
    """A Period of dates: first and last instant, None where open; `whole_days` when both ends are plain dates."""

    start: datetime | None
    end: datetime | None
    whole_days: bool = False

    def precedes(self, other: Span) -> bool:
        """Return whether this ends before, or as, the other starts."""
        return self.end is not None and other.start is not None and self.end <= other.start


def read_span(value: object) -> Span:
    """Read a FHIR Period; partial or malformed dates read as open."""
    period = as_object(value)
    start, start_is_date = _instant(as_string(period.get("start")))
    end, end_is_date = _instant(as_string(period.get("end")))
    return Span(start, end, whole_days=start_is_date and end_is_date)


def read_bounds(repeat: Mapping[str, object]) -> Course:
    """Return the length of treatment that bounds and counts state; a period with only a start says nothing."""
    course = SILENT
    for name in ("boundsDuration", "boundsQuantity"):
        days = duration_days(repeat.get(name))
        if days is not None:
            course = Course(length_days=days, certain_days=days)
    limits = as_object(repeat.get("boundsRange"))
    if limits:
        low, high = duration_days(limits.get("low")), duration_days(limits.get("high"))
        course = Course(length_days=high if high is not None else low, certain_days=low)
    span = read_span(repeat.get("boundsPeriod"))
    if span.start is not None and span.end is not None and span.end > span.start:
        days = (span.end - span.start).total_seconds() / _SECONDS_PER_DAY
        # The last date counts in FHIR, but is often computed as start plus length: certain is only the difference.
        course = Course(length_days=days + 1 if span.whole_days else float(math.ceil(days)), certain_days=days)
    count = as_number(repeat.get("count"))
    return course if count is None or count <= 0 else replace(course, doses=count)


def _instant(text: str) -> tuple[datetime | None, bool]:
    if len(text) < _FULL_DATE_LENGTH:
        return None, False
    try:
        if len(text) == _FULL_DATE_LENGTH:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC), True
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None, False
    # Without an offset only differences matter here, and both ends then lack it.
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)), False
