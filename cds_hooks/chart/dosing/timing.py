"""Frequency and course from a coded FHIR Timing (DSTU2 to R5)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from .bounds import days_in_unit, read_bounds
from .model import Issue, IssueCode, ScheduleKind
from .rate import (
    DAYS_PER_MONTH,
    DAYS_PER_WEEK,
    HOURS_PER_DAY,
    SILENT,
    Course,
    Rate,
    rate_of,
    weekly_rate,
)
from .sig import read_frequency_text
from .timing_events import read_events
from .values import as_number, as_object, as_objects, as_string, as_strings, close

_WEEKDAYS = frozenset(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
_MEALS_UNSPECIFIED = frozenset(("C", "AC", "PC"))
# Frequency 21 in a period of 28 days can only mean days 1 to 21 of 28, and 14 in 21 days 1 to 14 of 21: no even
# spacing gives these. Other counts over weeks (14 in 28) are every other day as well as two weeks of four.
_CYCLES = frozenset(((21, 28), (14, 21)))
_SHORTEST_CYCLE = 14
_SHORTEST_PHASE = 7

_DAILY_CODES = {"QD": 1, "BID": 2, "TID": 3, "QID": 4, "AM": 1, "PM": 1, "BED": 1}
_TIME_OF_DAY_CODES = {"AM": "morning", "PM": "afternoon", "BED": "bedtime"}
_PERIOD_CODES = {"QOD": 2.0, "WK": DAYS_PER_WEEK, "MO": DAYS_PER_MONTH}


class CodedTiming(Struct, frozen=True):
    """What the Timing says: each readable rate with the name of its source, the governing one first."""

    rates: tuple[tuple[str, Rate], ...] = ()
    course: Course = SILENT
    as_needed: bool = False
    issues: tuple[Issue, ...] = ()
    is_entered: bool = False


def read_timing(value: object) -> CodedTiming:
    """Read a Timing; anything that is not one reads as silence.

    `repeat` governs, then `code` (GTSAbbreviation), then the text of the code, then `event`. FHIR lets bounds apply
    whichever of them gives the frequency.
    """
    timing = as_object(value)
    repeat = as_object(timing.get("repeat"))
    rates: list[tuple[str, Rate]] = []
    issues: list[Issue] = []
    course = read_bounds(repeat)
    outcome = _repeat_rate(repeat)
    if isinstance(outcome, Issue):
        issues.append(outcome)
    elif outcome is not None:
        rate, cycle = outcome
        rates.append(("timing.repeat", rate))
        course = replace(course, days_on=cycle[0], cycle_days=cycle[1]) if cycle else course
    as_needed = False
    coded = _code_rate(timing.get("code"))
    if coded is not None:
        rates.append(("timing.code", coded))
    for text in _code_texts(timing.get("code")):
        reading = read_frequency_text(text)
        as_needed = as_needed or reading.as_needed
        if reading.rate is not None:
            rates.append((f"timing.code “{text[:60]}”", reading.rate))
        if not course.is_cyclic and reading.course.is_cyclic:
            course = replace(course, days_on=reading.course.days_on, cycle_days=reading.course.cycle_days)
        course = replace(course, continuous=course.continuous or reading.course.continuous)
    if not rates and not issues:
        by_dates = read_events(as_strings(timing.get("event")))
        if isinstance(by_dates, Issue):
            issues.append(by_dates)
        elif by_dates is not None:
            rates.append(("timing.event", by_dates[0]))
            course = by_dates[1]
    entered = bool(repeat) or timing.get("code") is not None or bool(timing.get("event"))
    return CodedTiming(tuple(rates), course, as_needed, tuple(issues), is_entered=entered)


def _period_unit(repeat: Mapping[str, object]) -> str:
    for name in ("periodUnit", "periodUnits", "unit", "units"):  # R4, DSTU2, and what drafts of both were seen to send
        unit = as_string(repeat.get(name))
        if unit:
            return unit
    return ""


def _unclear(reason: str) -> Issue:
    return Issue(IssueCode.AMBIGUOUS_TIMING, reason)


def _incomplete(reason: str) -> Issue:
    """Return an issue that a readable sig can settle, unlike a contradiction."""
    return Issue(IssueCode.NO_FREQUENCY, reason)


def _repeat_rate(repeat: Mapping[str, object]) -> tuple[Rate, tuple[int, int] | None] | Issue | None:
    """Return the rate of `Timing.repeat` with the cycle it may express; None when it names no frequency."""
    for name in ("frequency", "frequencyMax", "period", "periodMax"):
        number = as_number(repeat.get(name))
        if repeat.get(name) is not None and (number is None or number <= 0):
            return _incomplete(f"timing.repeat.{name} is not a positive number")
    frequency, period = as_number(repeat.get("frequency")), as_number(repeat.get("period"))
    times = frozenset(as_strings(repeat.get("timeOfDay")))
    events = frozenset(as_strings(repeat.get("when")))
    weekdays = frozenset(day.lower()[:3] for day in as_strings(repeat.get("dayOfWeek")))
    if weekdays - _WEEKDAYS:
        return _unclear("timing.repeat.dayOfWeek names an unknown day")
    if frequency is None and period is None and not (times or events or weekdays):
        return None
    unit_days = days_in_unit(_period_unit(repeat))
    if period is not None and unit_days is None:
        return _incomplete("the period of the frequency has no known unit")
    if period is None and frequency is not None and not (times or events or weekdays):
        return _incomplete("a frequency is given without its period")
    period_days = 1.0 if period is None or unit_days is None else period * unit_days
    marks = len(times) or len(events - _MEALS_UNSPECIFIED)
    if frequency is None and not marks and events:
        return _incomplete("meals are named, but not how many")
    daily = close(period_days, 1.0)
    if frequency is not None and marks and daily and marks > frequency:
        return _unclear("frequency and the times of day differ")
    if frequency is not None and times and daily and not close(len(times), frequency):
        return _unclear("frequency and the times of day differ")
    count = frequency if frequency is not None else float(marks or 1)
    if weekdays:
        outcome = _on_weekdays(weekdays, count, period_days, stated=frequency is not None)
    else:
        outcome = _spaced(repeat, count, period_days, unit_days)
    if isinstance(outcome, Issue):
        return outcome
    rate, cycle = outcome
    return replace(rate, times_of_day=times or (events - _MEALS_UNSPECIFIED)), cycle


def _spaced(
    repeat: Mapping[str, object], count: float, period_days: float, unit_days: float | None
) -> tuple[Rate, tuple[int, int] | None] | Issue:
    most = max(count, as_number(repeat.get("frequencyMax")) or count)
    longest = max(period_days, (as_number(repeat.get("periodMax")) or 0.0) * (unit_days or 0.0))
    if period_days >= _SHORTEST_CYCLE and _SHORTEST_PHASE <= count < period_days:
        cycle = (round(count), round(period_days))
        if cycle not in _CYCLES or not close(count, cycle[0]):
            return _unclear(f"{count:g} doses in {period_days:g} days do not tell the days of treatment")
        return Rate(1.0, 1.0, ScheduleKind.DAILY), cycle
    rate = rate_of(most, period_days, low=count / longest)
    return (rate, None) if rate is not None else _unclear("the frequency is not usable")


def _on_weekdays(
    weekdays: frozenset[str], count: float, period_days: float, *, stated: bool
) -> tuple[Rate, tuple[int, int] | None] | Issue:
    days = len(weekdays)
    if close(period_days, 1.0):
        return weekly_rate(weekdays, count), None
    if close(period_days, DAYS_PER_WEEK):
        if not stated:
            return weekly_rate(weekdays, 1.0), None
        if close(count % days, 0):
            return weekly_rate(weekdays, count / days), None
    return _unclear("frequency and days of the week differ")


def _code_rate(value: object) -> Rate | None:
    """Return the rate of a GTSAbbreviation code; unknown systems use other meanings and are not looked at."""
    for concept in as_objects(value):
        for coding in as_objects(concept.get("coding")):
            system = as_string(coding.get("system")).lower()
            if not system or "gtsabbreviation" in system or "timing-abbreviation" in system:
                rate = _abbreviation(as_string(coding.get("code")).upper())
                if rate is not None:
                    return rate
    return None


def _abbreviation(code: str) -> Rate | None:
    if code in _DAILY_CODES:
        rate = rate_of(_DAILY_CODES[code], 1.0)
        mark = _TIME_OF_DAY_CODES.get(code)
        return replace(rate, times_of_day=frozenset((mark,))) if rate is not None and mark else rate
    if code in _PERIOD_CODES:
        return rate_of(1, _PERIOD_CODES[code])
    if code.startswith("Q") and code.endswith("H") and code[1:-1].isascii() and code[1:-1].isdigit():
        return rate_of(1, int(code[1:-1][:4]) / HOURS_PER_DAY)
    return None


def _code_texts(value: object) -> list[str]:
    texts: list[str] = []
    for concept in as_objects(value):
        texts.append(as_string(concept.get("text")))
        texts.extend(as_string(coding.get("display")) for coding in as_objects(concept.get("coding")))
    return list(dict.fromkeys(text for text in texts if text))
