"""Where two statements about the same dose differ, in words that name both values."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from .amount import Amount
from .model import ScheduleKind
from .rate import Course, Rate
from .text_dose import same_rate
from .values import close, figure


def compare_amounts(coded: Amount | None, text: Amount | None) -> list[str]:
    """Return the difference of coded and written amount of one administration."""
    if coded is None or text is None:
        return []
    if coded.high_mg is not None and text.high_mg is not None:
        if close(coded.high_mg, text.high_mg):
            return []
        return [f"dose: the coded field says {coded.describe()}, the text {text.describe()}"]
    if coded.capsules is not None and text.capsules is not None and not close(coded.capsules, text.capsules):
        return [
            f"capsules: the coded field says {figure(coded.capsules)}, the text {figure(text.capsules)} for one dose"
        ]
    return []


def compare_rates(rates: Sequence[tuple[str, Rate]]) -> list[str]:
    """Return where a rate differs from the first one; each comes with the name of its source."""
    if not rates:
        return []
    name, first = rates[0]
    return [
        f"frequency: {name} says {first.describe()}, {other} {rate.describe()}"
        for other, rate in rates[1:]
        # "After dialysis" beside a frequency says when, not how often.
        if not same_rate(first, rate) and rate.per_day is not None and first.per_day is not None
    ]


def compare_courses(coded: Course, text: Course, rate: Rate | None) -> list[str]:
    """Return where days on and off differ, bounds and counts included.

    Bounds that span whole cycles are the validity of the order and contradict no cycle.
    """
    if coded.is_cyclic and text.is_cyclic:
        pairs = ((coded.days_on, text.days_on), (coded.cycle_days, text.cycle_days))
        if any(left is not None and right is not None and left != right for left, right in pairs):
            return [f"schedule: the coded field says {_cycle(coded)}, the text {_cycle(text)}"]
        return []
    if coded.is_cyclic and text.continuous:
        return [f"schedule: the coded field says {_cycle(coded)}, the text continuous"]
    if text.is_cyclic and coded.continuous:
        return [f"schedule: the coded field says continuous, the text {_cycle(text)}"]
    if text.is_cyclic:
        return _bounds_against_cycle(coded, text, rate)
    if text.length_days is not None and coded.length_days is not None and coded.length_days < text.length_days:
        lengths = f"{figure(coded.length_days)} days, the text {figure(text.length_days)}"
        return [f"duration: the coded field says {lengths}"]
    per_day = rate.per_day if rate is not None else None
    if text.length_days is not None and coded.doses is not None and per_day:
        expected = text.length_days * per_day
        if not close(expected, coded.doses):
            return [f"duration: the coded field says {figure(coded.doses)} doses, the text {figure(expected)}"]
    return []


def _bounds_against_cycle(coded: Course, text: Course, rate: Rate | None) -> list[str]:
    on, cycle = text.days_on, text.cycle_days
    if on is None or (rate is not None and rate.kind is not ScheduleKind.DAILY):
        return []
    length, certain = coded.length_days, coded.certain_days
    if length is not None and length < on:
        return [f"schedule: the coded field ends after {figure(length)} days, the text says {_cycle(text)}"]
    if certain is not None and length is not None and cycle is not None and on < certain and length < cycle:
        return [f"schedule: the coded field says {figure(length)} days without rest, the text {_cycle(text)}"]
    per_day = rate.per_day if rate is not None else None
    if coded.doses is not None and per_day and coded.doses % (on * per_day) > 0:
        return [f"schedule: the coded field says {figure(coded.doses)} doses, the text {_cycle(text)}"]
    return []


def merge_course(coded: Course, text: Course | None, rate: Rate | None) -> Course:
    """Return the course that holds: a coded cycle, then days on and off in the text, then the earlier end.

    A text with days on and off describes the treatment more closely than bounds, which are often the validity of the
    order; so does a sig "for 21 days" beside bounds of a year.
    """
    if text is None or coded.is_cyclic:
        return coded
    if text.is_cyclic or text.continuous:
        return replace(text, length_days=coded.length_days, certain_days=coded.certain_days, doses=coded.doses)
    certain = coded.days_or_doses(rate.per_day if rate is not None else None)
    if text.length_days is None or (certain is not None and certain <= text.length_days):
        return coded
    return text


def _cycle(course: Course) -> str:
    if course.cycle_days is None:
        return f"{course.days_on} days on"
    return f"{course.days_on} of {course.cycle_days} days"
