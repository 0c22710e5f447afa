"""How often (Rate) and on which days (Course) a drug is taken, and the Schedule that follows from both."""

from __future__ import annotations

import math

from msgspec import Struct

from .model import UNKNOWN_SCHEDULE, Schedule, ScheduleKind
from .values import close, figure

HOURS_PER_DAY = 24.0
DAYS_PER_WEEK = 7.0
# The lengths UCUM gives to `mo` and `a`.
DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
EVERY_OTHER_DAY_PERIOD = 2.0
# The label's treatment phase: a daily course that goes on for longer is no days 1 to 21 of 28.
TREATMENT_PHASE_DAYS = 21
LABEL_CYCLE_DAYS = 28


class Rate(Struct, frozen=True):
    """Administrations over time.

    `per_day`: administrations per day, averaged over the treatment phase; None when the dosing days are known only by
    name ("after dialysis"). `peak`: most administrations on one calendar day. `low_per_day` differs from `per_day`
    for a range ("1 to 2 times a day"). `weekdays` are FHIR codes (mon … sun), `times_of_day` labels or clock times.
    """

    per_day: float | None
    peak: float
    kind: ScheduleKind
    low_per_day: float | None = None
    weekdays: frozenset[str] = frozenset()
    times_of_day: frozenset[str] = frozenset()
    after_dialysis: bool = False

    @property
    def is_range(self) -> bool:
        """Whether the order leaves the frequency open between two values."""
        return self.per_day is not None and self.low_per_day is not None and not close(self.per_day, self.low_per_day)

    def describe(self) -> str:
        """Return the frequency in words."""
        if self.per_day is None:
            return "after dialysis"
        if self.kind is ScheduleKind.EVERY_OTHER_DAY:
            return "every other day"
        if self.kind is ScheduleKind.WEEKLY and close(self.per_day * DAYS_PER_WEEK, 1):
            return "once a week"
        if self.per_day < 1:
            return f"{figure(self.per_day * DAYS_PER_WEEK)} per week"
        return f"{figure(self.per_day)} per day"


class Course(Struct, frozen=True):
    """What an order says of days on, days off and the end.

    `days_on` of `cycle_days`: treatment days of a cycle. `continuous`: continuity is said in words. `length_days`: the
    bounds or the duration, `certain_days` the shortest length these can mean (dates say neither whether the last day
    counts nor at what hour). `doses`: a stated number of administrations.
    """

    days_on: int | None = None
    cycle_days: int | None = None
    continuous: bool = False
    length_days: float | None = None
    certain_days: float | None = None
    doses: float | None = None

    @property
    def is_cyclic(self) -> bool:
        """Whether days of a cycle are stated."""
        return self.days_on is not None

    def days_or_doses(self, per_day: float | None) -> float | None:
        """Return the shortest certain number of days this lasts, from the bounds or from the count of doses."""
        by_count = None if self.doses is None or not per_day else self.doses / per_day
        known = [days for days in (self.certain_days, by_count) if days is not None]
        return min(known) if known else None


SILENT = Course()


def rate_of(frequency: float, period_days: float, *, low: float | None = None) -> Rate | None:
    """Return `frequency` administrations every `period_days` days; None when either is not positive.

    `low` is the lowest number per day when a range was given.
    """
    if frequency <= 0 or period_days <= 0 or not math.isfinite(frequency / period_days):
        return None
    per_day = frequency / period_days
    if period_days < 1:
        # With five hours between doses, five fall on one calendar day although the average is 4.8.
        peak = frequency * math.ceil(round(1 / period_days, 9))
    else:
        peak = float(math.ceil(round(per_day, 9))) if period_days > 1 else frequency
    return Rate(per_day=per_day, peak=peak, kind=_kind(frequency, period_days), low_per_day=low)


def weekly_rate(weekdays: frozenset[str], times: float) -> Rate:
    """Return `times` administrations on each of the named weekdays."""
    days = len(weekdays)
    kind = ScheduleKind.DAYS_OF_WEEK
    if days == 1:
        kind = ScheduleKind.WEEKLY
    elif days == int(DAYS_PER_WEEK):
        kind = ScheduleKind.DAILY
    return Rate(per_day=times * days / DAYS_PER_WEEK, peak=times, kind=kind, weekdays=weekdays)


def _kind(frequency: float, period_days: float) -> ScheduleKind:
    per_day = frequency / period_days
    if per_day > 1 or close(per_day, 1):
        return ScheduleKind.DAILY
    if close(frequency, 1) and close(period_days, EVERY_OTHER_DAY_PERIOD):
        return ScheduleKind.EVERY_OTHER_DAY
    if close(period_days, DAYS_PER_WEEK):
        return ScheduleKind.WEEKLY if close(frequency, 1) else ScheduleKind.DAYS_OF_WEEK
    return ScheduleKind.OTHER


def schedule_of(rate: Rate | None, course: Course) -> Schedule:
    """Return the schedule: the rate decides the kind, the course the days on and off."""
    days_on, cycle = course.days_on, course.cycle_days
    continuous = course.continuous
    if days_on is not None and days_on >= (cycle if cycle is not None else LABEL_CYCLE_DAYS):
        continuous, days_on = True, None
    after_dialysis = rate is not None and rate.after_dialysis
    if rate is not None and rate.kind is not ScheduleKind.DAILY:
        return Schedule(rate.kind, days_on, cycle, explicit=True, after_dialysis=after_dialysis)
    if days_on is not None:
        return Schedule(ScheduleKind.CYCLIC, days_on, cycle, explicit=True, after_dialysis=after_dialysis)
    if continuous:
        return Schedule(ScheduleKind.CONTINUOUS, None, cycle, explicit=True, after_dialysis=after_dialysis)
    if rate is None:
        return UNKNOWN_SCHEDULE
    certain = course.days_or_doses(rate.per_day)
    if certain is not None and certain > TREATMENT_PHASE_DAYS:
        return Schedule(ScheduleKind.CONTINUOUS, explicit=True, after_dialysis=after_dialysis)
    length = course.length_days if course.length_days is not None else certain
    return Schedule(
        ScheduleKind.DAILY, None if length is None else max(1, round(length)), after_dialysis=after_dialysis
    )
