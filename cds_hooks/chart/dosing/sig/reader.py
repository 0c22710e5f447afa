"""From the items of a sig to phases, each with amounts at a frequency and a course."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from ..rate import SILENT, Course, Rate, rate_of
from .frequency import Unclear, compose_course, compose_rate
from .items import (
    COURSE_ITEMS,
    RATE_ITEMS,
    CourseItem,
    CycleDays,
    CycleLength,
    Interval,
    Item,
    Length,
    Marker,
    OnOff,
    PerDay,
    RateItem,
    SigAmount,
    SigStrength,
    SigTotal,
)
from .scan import scan

_SHORTEST_CYCLE_DAYS = 14.0
_SUBSTANTIAL = (SigAmount, *RATE_ITEMS)
_SPOKEN = (*_SUBSTANTIAL, *COURSE_ITEMS)


class SigGroup(Struct, frozen=True):
    """Amounts taken together at one frequency.

    `parts` are added ("one 20 mg and one 5 mg capsule"); `restated` are further mentions of the same amount.
    `joined`: "and" links this group to the one before.
    """

    parts: tuple[SigAmount, ...]
    rate: Rate | None
    restated: tuple[SigAmount, ...] = ()
    joined: bool = False


class SigPhase(Struct, frozen=True):
    """Groups that run side by side, and their course."""

    groups: tuple[SigGroup, ...]
    course: Course


class SigReading(Struct, frozen=True):
    """A sig. `reasons` say why it cannot be relied on; then the phases are empty.

    `linked`: the text begins or ends with "then", so that it is one phase among several instructions.
    """

    phases: tuple[SigPhase, ...] = ()
    strengths_mg: tuple[float, ...] = ()
    totals_mg: tuple[float, ...] = ()
    as_needed: bool = False
    linked: bool = False
    reasons: tuple[str, ...] = ()


class FrequencyText(Struct, frozen=True):
    """What the text of a timing code says; `rate` None when it cannot be read as a single frequency."""

    rate: Rate | None
    course: Course
    as_needed: bool


class _Open(Struct):
    """A group being collected."""

    parts: list[SigAmount] = []
    restated: list[SigAmount] = []
    rates: list[RateItem] = []
    joined: bool = False
    times_joined: bool = False


def read_frequency_text(text: str) -> FrequencyText:
    """Read a frequency such as "Every 4 (four) hours as needed"; amounts in it are ignored."""
    reading = read_sig(text)
    if len(reading.phases) == 1 and len(reading.phases[0].groups) == 1:
        phase = reading.phases[0]
        return FrequencyText(phase.groups[0].rate, phase.course, reading.as_needed)
    course = reading.phases[0].course if len(reading.phases) == 1 else SILENT
    return FrequencyText(None, course, reading.as_needed)


def read_sig(text: str, drug_words: AbstractSet[str] = frozenset()) -> SigReading:
    """Read an English sig. `drug_words` are lower-case words naming the ordered drug.

    Nothing is guessed: a number or scheduling word that no pattern claims, or phrases that contradict each other, are
    returned as `reasons`.
    """
    scanned = scan(text, drug_words)
    items = [placed.item for placed in scanned.items]
    strengths = tuple(dict.fromkeys(item.mg for item in items if isinstance(item, SigStrength)))
    totals = tuple(dict.fromkeys(item.mg for item in items if isinstance(item, SigTotal)))
    as_needed = Marker.AS_NEEDED in items
    spoken = [item for item in items if _is_spoken(item)]
    linked = bool(spoken) and (spoken[0] is Marker.THEN or spoken[-1] is Marker.THEN)
    phases = _phases(spoken)
    reasons = list(scanned.reasons)
    if isinstance(phases, Unclear):
        reasons.append(phases.reason)
        phases = ()
    groups = sum(len(phase.groups) for phase in phases)
    cycle_numbers = items.count(Marker.CYCLE_NUMBER)
    if cycle_numbers > 1 or (cycle_numbers and groups > 1):
        reasons.append("the dose depends on the number of the cycle")
    if len(strengths) > 1:
        reasons.append("the text names several strengths")
    if reasons:
        return SigReading(as_needed=as_needed, linked=linked, reasons=tuple(reasons))
    return SigReading(phases, strengths, totals, as_needed, linked)


def _is_spoken(item: Item) -> bool:
    return isinstance(item, _SPOKEN) or item is Marker.THEN or item is Marker.AND


def _split(items: Sequence[Item]) -> list[list[Item]]:
    """Split at "then"; a part with neither amount nor frequency completes its neighbour ("then 7 days off")."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if item is Marker.THEN:
            parts.append([])
        else:
            parts[-1].append(item)
    merged: list[list[Item]] = []
    carried: list[Item] = []
    for part in parts:
        substantial = any(isinstance(item, _SUBSTANTIAL) for item in part)
        if substantial:
            merged.append([*carried, *part])
            carried = []
        elif merged:
            merged[-1].extend(part)
        else:
            carried.extend(part)
    if carried and not merged:
        merged.append(carried)
    return merged


def _phases(items: Sequence[Item]) -> tuple[SigPhase, ...] | Unclear:
    phases: list[SigPhase] = []
    for part in _split(items):
        phase = _phase(part)
        if isinstance(phase, Unclear):
            return phase
        if phases and not any(group.parts for group in phase.groups):
            previous = phases[-1].groups
            if len(previous) != 1:
                return Unclear("it is not clear which amount goes on")
            groups = tuple(replace(group, parts=previous[0].parts) for group in phase.groups)
            phase = replace(phase, groups=groups)
        phases.append(phase)
    return tuple(phases)


def _phase(items: list[Item]) -> SigPhase | Unclear:
    course_items: list[CourseItem] = [item for item in items if isinstance(item, COURSE_ITEMS)]
    has_cycle = any(isinstance(item, (CycleDays, OnOff, Length)) for item in course_items)
    rest: list[Item] = []
    for item in items:
        if isinstance(item, Interval) and has_cycle and item.shortest == item.longest >= _SHORTEST_CYCLE_DAYS:
            course_items.append(CycleLength(int(item.shortest)))  # "d1-21 daily, q28d"
        else:
            rest.append(item)
    composed = compose_course(course_items)
    if isinstance(composed, Unclear):
        return composed
    course, spacing = composed
    groups: list[SigGroup] = []
    for raw in _collect(rest):
        rates: list[RateItem] = (
            raw.rates if spacing is None else [*(r for r in raw.rates if r != PerDay(1, 1)), spacing]
        )
        rate = compose_rate(rates, times_joined=raw.times_joined)
        if isinstance(rate, Unclear):
            return rate
        if rate is None and raw.parts and any(isinstance(item, CycleDays) for item in course_items):
            rate = rate_of(1, 1)  # "25 mg on days 1-21": the days are named, as in "on Mondays"
        groups.append(SigGroup(tuple(raw.parts), rate, tuple(raw.restated), raw.joined))
    return SigPhase(tuple(groups), course)


def _collect(items: list[Item]) -> list[_Open]:
    """Assign every frequency to the amount it follows; phrases before the first amount belong to that."""
    groups: list[_Open] = []
    current = _Open()
    joined = False
    for item in items:
        if item is Marker.AND:
            joined = True
        elif isinstance(item, SigAmount):
            if current.parts and current.rates:
                groups.append(current)
                current = _Open(parts=[item], joined=joined)
            elif current.parts and not joined:
                current.restated.append(item)
            else:
                current.parts.append(item)
            joined = False
        elif isinstance(item, RATE_ITEMS):
            current.times_joined = current.times_joined or (joined and bool(current.rates))
            current.rates.append(item)
            joined = False
    if current.parts or current.rates:
        groups.append(current)
    return groups
