"""Points in time as a case says them: "12 days ago", "yesterday at 08:00", "in 60 days".

Every case is judged at the same instant, so a case written today means the same in ten years.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cds_hooks.chart.when import parse_when

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""The instant at which every case is evaluated: Monday 2 March 2026, noon, UTC."""

WHEN = "today, now, yesterday, 3 hours ago, 12 days ago [at 08:00], 2 months ago, in 60 days, 2026-01-31 or no date"
"""What a point in time may look like; error messages quote it."""

_MONTHS_PER_YEAR = 12
_RELATIVE = re.compile(
    r"(?:(?P<word>today|yesterday|now|no date)"
    r"|(?P<ago>\d{1,6}) (?P<ago_unit>hour|day|week|month|year)s? ago"
    r"|in (?P<ahead>\d{1,6}) (?P<ahead_unit>hour|day|week|month|year)s?)"
    r"(?: at (?P<clock>(?:[01]\d|2[0-3]):[0-5]\d))?"
)


class PhraseError(ValueError):
    """A phrase of a case cannot be understood; the message quotes it and says what was expected."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time.

    Attributes:
        words: as the case says it.
        fhir: as FHIR writes it: a day when the words name a day, an instant when they name a time; "" for no date.
    """

    words: str
    fhir: str

    def __str__(self) -> str:
        return self.words


def days_ago(days: int) -> Moment:
    """Return the day so many days before the evaluation."""
    return parse_moment(f"{days} days ago")


def parse_moment(words: str) -> Moment:
    """Read a point in time.

    Days, weeks, months and years give a day without a time, unless `at HH:MM` (UTC) follows; hours give an instant.

    Raises:
        PhraseError: not one of the forms of `WHEN`.
    """
    moment = find_moment(words)
    if moment is None:
        raise PhraseError(f"{words!r} is not a point in time; write {WHEN}")
    return moment


def find_moment(words: str) -> Moment | None:
    """Read a point in time; None when the words are none."""
    match = _RELATIVE.fullmatch(words)
    if match is None:  # a year alone is not accepted: it could be a laboratory value
        return Moment(words, words) if "-" in words and parse_when(words) is not None else None
    unit = match["ago_unit"] or match["ahead_unit"] or ""
    if match["clock"] and (unit == "hour" or match["word"] in ("now", "no date")):
        return None
    if match["word"] == "no date":
        return Moment(words, "")
    try:
        if match["word"] == "now" or unit == "hour":
            return Moment(words, _instant(NOW + timedelta(hours=_count(match))))
        day = _day(match, unit)
    except (OverflowError, ValueError):
        return None
    return Moment(words, f"{day.isoformat()}T{match['clock']}:00Z" if match["clock"] else day.isoformat())


def _count(match: re.Match[str]) -> int:
    """Return how many units ahead; negative for the past, 0 for a word."""
    return int(match["ahead"]) if match["ahead"] else -int(match["ago"] or 0)


def _day(match: re.Match[str], unit: str) -> date:
    today, count = NOW.date(), _count(match)
    if match["word"]:
        return today - timedelta(days=1 if match["word"] == "yesterday" else 0)
    if unit in ("day", "week"):
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    months = today.year * _MONTHS_PER_YEAR + today.month - 1 + count * (1 if unit == "month" else _MONTHS_PER_YEAR)
    return today.replace(year=months // _MONTHS_PER_YEAR, month=months % _MONTHS_PER_YEAR + 1)


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
