"""Points in time as FHIR writes them: a year, a month, a day, or an instant with its zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct

from cds_hooks.chart.fhir import as_mapping, as_text

_FORM = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<clock>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?P<zone>Z|z|[+-]\d\d:?\d\d)?)?)?)?"
)
_DAY = timedelta(days=1)


class When(Struct, frozen=True, order=True):
    """A FHIR date, dateTime or instant.

    Attributes:
        start: first moment it may mean (UTC; a time without a zone is read as UTC).
        end: first moment it no longer means (UTC), so a date without a time spans its whole day.
        has_time: whether a time of day was given.
    """

    start: datetime
    end: datetime
    has_time: bool

    @property
    def day(self) -> date:
        """The calendar day (UTC) on which it starts."""
        return self.start.date()

    @property
    def last_day(self) -> date:
        """The last calendar day (UTC) it may mean: 31 December for a year alone."""
        return self.day if self.has_time else (self.end - timedelta(microseconds=1)).date()

    def days_before(self, now: datetime) -> int:
        """Return whole calendar days from this day to `now`'s day; negative for the future."""
        return (now.astimezone(UTC).date() - self.day).days

    def age(self, now: datetime) -> timedelta:
        """Return the time elapsed since the last moment this may mean that is not after `now`, so that a date
        without a time is given the benefit of its whole day; negative for the future."""
        latest = self.start if self.has_time else min(max(self.start, now), self.end)
        return now - latest

    def is_future(self, now: datetime) -> bool:
        """Whether it certainly lies after `now`."""
        return self.start > now

    def __str__(self) -> str:
        if not self.has_time:
            return self.start.date().isoformat()
        return self.start.replace(tzinfo=None).isoformat(" ", "minutes") + " UTC"


def parse_when(value: Any) -> When | None:
    """Read a FHIR date, dateTime or instant.

    Args:
        value: `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDThh:mm[:ss[.f]][zone]`; anything else gives None.
    """
    match = _FORM.fullmatch(as_text(value)) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        if match["clock"]:
            moment = datetime.fromisoformat(match[0].upper())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            return When(moment, moment, has_time=True)
        year, month, day = int(match["year"]), match["month"], match["day"]
        first = datetime(year, int(month or 1), int(day or 1), tzinfo=UTC)
        if day:
            last = first + _DAY
        elif month:
            last = (first + 31 * _DAY).replace(day=1)
        else:
            last = first.replace(year=year + 1)
    except (ValueError, OverflowError):
        return None
    return When(first, last, has_time=False)


def period_start(period: Any) -> When | None:
    """Return the start of a FHIR Period."""
    return parse_when(as_mapping(period).get("start"))


def period_end(period: Any) -> When | None:
    """Return the end of a FHIR Period."""
    return parse_when(as_mapping(period).get("end"))


def first_when(resource: Mapping[str, Any], *fields: str) -> When | None:
    """Return the first readable date among `fields`; a field holding a Period counts with its end, else its start."""
    for field in fields:
        value = resource.get(field)
        if value is None:
            continue
        when = (period_end(value) or period_start(value)) if isinstance(value, Mapping) else parse_when(value)
        if when is not None:
            return when
    return None


def whole_years(birth: When, now: datetime) -> int:
    """Return completed years of age at `now`; a birth date known to the month or year counts from its first day."""
    today = now.astimezone(UTC).date()
    had_birthday = (today.month, today.day) >= (birth.day.month, birth.day.day)
    return today.year - birth.day.year - (0 if had_birthday else 1)
