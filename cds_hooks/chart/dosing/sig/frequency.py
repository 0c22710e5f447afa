"""Putting the frequency phrases of one amount, and the course phrases of one phase, together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ..model import ScheduleKind
from ..rate import DAYS_PER_WEEK, SILENT, TREATMENT_PHASE_DAYS, Course, Rate, rate_of, weekly_rate
from ..values import close
from .items import (
    Continuous,
    CourseItem,
    CycleDays,
    CycleLength,
    DaysPerWeek,
    Dialysis,
    Interval,
    Length,
    OnOff,
    PerDay,
    PerWeek,
    RateItem,
    TimeOfDay,
    Weekdays,
)

_ItemT = TypeVar("_ItemT")


class Unclear(Struct, frozen=True):
    """Phrases that contradict each other, with the reason."""

    reason: str


_CONFLICT = Unclear("the text gives several frequencies")


def _only(items: Sequence[object], kind: type[_ItemT]) -> list[_ItemT]:
    return list(dict.fromkeys(item for item in items if isinstance(item, kind)))


def compose_rate(items: Sequence[RateItem], *, times_joined: bool) -> Rate | Unclear | None:
    """Return the frequency that all phrases state together, None when there is none.

    `times_joined` tells that "and" stands between them: "in the morning and at bedtime" is twice a day, while two
    times of day without it may be the same administration described twice.
    """
    marks = _only(items, TimeOfDay)
    dialysis = bool(_only(items, Dialysis))
    labels = frozenset(mark.label for mark in marks)
    # q24h and "daily" are the same statement; so are q12h and "twice a day".
    spaced = [item for item in items if isinstance(item, (PerDay, Interval, PerWeek))]
    rates = [rate for rate in (_simple_rate(item) for item in spaced) if rate is not None]
    if len(rates) != len(spaced):
        return Unclear("the frequency makes no sense")
    per_day = next((rate for rate in rates if rate.kind is ScheduleKind.DAILY), None)
    mixed_clock = len({mark.is_clock for mark in marks}) > 1
    if len(marks) > 1 and per_day is None and (mixed_clock or not times_joined):
        return Unclear("several times of day are named")
    weekly = _weekly(items, rates, per_day, len(labels))
    if weekly is not None:
        rate: Rate | Unclear | None = weekly
    elif rates:
        same = all(_same(rate, rates[0]) for rate in rates)
        rate = rates[0] if same else _CONFLICT
    elif marks:
        rate = rate_of(len(labels), 1)
    elif dialysis:
        return Rate(None, 1.0, ScheduleKind.AFTER_DIALYSIS, after_dialysis=True)
    else:
        return None
    if not isinstance(rate, Rate):
        return rate
    if len(labels) > 1 and not mixed_clock and rate.peak < len(labels):
        return _CONFLICT
    return replace(rate, times_of_day=labels, after_dialysis=dialysis)


def _simple_rate(item: PerDay | Interval | PerWeek) -> Rate | None:
    if isinstance(item, PerDay):
        return rate_of(item.high, 1.0, low=item.low) if item.low <= item.high else None
    if isinstance(item, PerWeek):
        return rate_of(item.times, DAYS_PER_WEEK, low=item.times / DAYS_PER_WEEK)
    if not 0 < item.shortest <= item.longest:
        return None
    return rate_of(1.0, item.shortest, low=1.0 / item.longest)


def _same(left: Rate, right: Rate) -> bool:
    if left.per_day is None or right.per_day is None:
        return False
    return close(left.per_day, right.per_day) and left.is_range == right.is_range


def _weekly(items: Sequence[object], rates: list[Rate], per_day: Rate | None, times: int) -> Rate | Unclear | None:
    """Return the rate on named or counted days of the week, None when the text has none."""
    named = frozenset().union(*(item.days for item in items if isinstance(item, Weekdays)))
    counted = {item.days for item in items if isinstance(item, DaysPerWeek)}
    if not named and not counted:
        return None
    others = [rate for rate in rates if rate is not per_day and not (per_day and _same(rate, per_day))]
    days = float(len(named)) if named else counted.copy().pop()
    per_week = [rate.per_day * DAYS_PER_WEEK for rate in others if rate.per_day is not None]
    # "Three times a week on Mon, Wed, Fri" and "weekly on Mondays" say the same thing twice.
    if any(not close(count, days) for count in (*per_week, *counted)) or not 0 < days <= DAYS_PER_WEEK:
        return _CONFLICT
    if per_day is not None and (others or len(named) == 1):
        return _CONFLICT  # "daily … on Monday" may be the first day of a daily treatment
    each_day = per_day.per_day if per_day is not None and per_day.per_day is not None else float(max(times, 1))
    if named:
        return weekly_rate(named, each_day)
    rate = rate_of(each_day * days, DAYS_PER_WEEK)
    return _CONFLICT if rate is None else replace(rate, peak=each_day)


def compose_course(items: Sequence[CourseItem]) -> tuple[Course, Interval | None] | Unclear:
    """Return days on and off, and the spacing that a list of days implies ("days 1, 3, 5")."""
    listed, on_off = _only(items, CycleDays), _only(items, OnOff)
    lengths = {item.days for item in items if isinstance(item, Length)}
    cycles = {item.days for item in items if isinstance(item, CycleLength)}
    cycles |= {item.cycle for item in listed if item.cycle is not None}
    phases: set[int] = {item.on for item in on_off if item.on is not None}
    spacing: Interval | None = None
    if len({item.days for item in listed}) > 1:
        return Unclear("the text lists different days of the cycle")
    if listed:
        days_on = _days_on(listed[0].days)
        if isinstance(days_on, Unclear):
            return days_on
        phases.add(days_on[0])
        spacing = days_on[1]
    rests = {item.off for item in on_off if item.off is not None}
    if not phases and (rests or cycles) and len(lengths) == 1:
        phases.add(int(min(lengths)))
    if rests and len(phases) == 1:
        last_day = listed[0].days[-1] if listed else min(phases)
        cycles |= {last_day + rest for rest in rests}
    if (
        len(phases) > 1
        or len(cycles) > 1
        or (rests and not phases)
        or any(on > max(cycles, default=on) for on in phases)
    ):
        return Unclear("days on and off contradict each other")
    if phases:
        return Course(days_on=phases.pop(), cycle_days=cycles.pop() if cycles else None), spacing
    if len(lengths) > 1:
        return Unclear("the text gives several durations")
    length = min(lengths, default=None)
    # "Continuously for 21 days" describes the days of treatment, not a treatment without rest days.
    continuous = bool(_only(items, Continuous)) and not (length is not None and length <= TREATMENT_PHASE_DAYS)
    if length is None and not continuous:
        return SILENT, None
    return Course(continuous=continuous, length_days=length, certain_days=length), None


def _days_on(days: tuple[int, ...]) -> tuple[int, Interval | None] | Unclear:
    gaps = {later - earlier for earlier, later in pairwise(days)}
    if len(gaps) <= 1 and gaps != {1} and len(days) > 1:
        gap = float(gaps.pop())
        return days[-1] - days[0] + 1, Interval(gap, gap)
    inside = set(days)
    lonely = [day for day in days if day - 1 not in inside and day + 1 not in inside]
    if lonely and len(days) > 1:
        return Unclear("the listed days follow no pattern")
    return len(days), None
