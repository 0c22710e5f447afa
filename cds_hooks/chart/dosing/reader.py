"""The dose of an order: all its dosage instructions together."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from .line import LineReading, code_line, read_line, read_text
from .model import (
    UNKNOWN_SCHEDULE,
    Combination,
    Dose,
    DoseOrigin,
    Instruction,
    Issue,
    IssueCode,
    Schedule,
    ScheduleKind,
)
from .rate import Course, Rate, schedule_of
from .sig.normalise import normalise
from .text_dose import same_rate, times_differ, weekdays_differ
from .values import as_number, as_object, as_objects, as_string, close, figure

MAX_TEXT_LENGTH = 200
_SHORTEST_NAME = 4
_WORD = re.compile(r"[a-z][a-z-]+")
# Words of a product display that name no drug.
# fmt: off
_FORM_WORDS = frozenset((
    "oral", "capsule", "capsules", "hard", "tablet", "tablets", "solution", "pack", "each", "daily", "dose", "take",
    "with", "from", "extended", "release", "film", "coated", "brand", "generic", "product", "unit", "units",
))
# fmt: on


def read_dose(order: Mapping[str, object], *, strength_mg: float | None, drug_names: Collection[str] = ()) -> Dose:
    """Read the dose of a medication order, statement, dispense or administration.

    `order`: a FHIR resource as JSON, DSTU2 to R5 (`dosageInstruction` or `dosage`). `strength_mg`: mg per capsule of
    the product, None when unknown. `drug_names`: names of the drug that a sig may use ("Revlimid 25 mg daily"); the
    display of the order's own medication counts too. Never raises on odd JSON: what cannot be read is reported in
    `Dose.unreadable`.
    """
    order = as_object(order)
    strength = as_number(strength_mg)
    if strength is not None and strength <= 0:
        strength = None
    rendered = as_string(order.get("renderedDosageInstruction"))
    raw = as_objects(order.get("dosageInstruction")) or as_objects(order.get("dosage"))
    if not raw and rendered:
        raw = [{"text": rendered}]
    if not raw:
        return _unentered(Issue(IssueCode.NO_DOSAGE, "the order has no dosage instruction"))
    coded = [code_line(index, line, strength, rendered) for index, line in enumerate(raw)]
    words = _drug_words(order, drug_names) if any(line.texts for line in coded) else frozenset[str]()
    shared = len(coded) > 1 and len({line.texts for line in coded}) == 1 and bool(coded[0].texts)
    text_of_order = read_text(coded[0].texts, strength, words) if shared else None
    if text_of_order is not None and not any(line.is_complete or line.amount.is_entered for line in coded):
        # The sig of the whole order is repeated in every instruction and is all there is: read it once.
        coded, shared, text_of_order = coded[:1], False, None
    lines = [read_line(line, strength, words, text_is_shared=shared) for line in coded]
    text = _shown_text([text for line in coded for text in line.texts])
    entered = any(line.coded.amount.is_entered or line.coded.texts for line in lines)
    lines, dropped = _without_notes_and_restatements(lines)
    dose = _combine(lines, dropped)
    if text_of_order is not None and text_of_order.average_mg is not None and dose.average_mg_per_day is not None:
        average = text_of_order.average_mg
        safety = max(dose.safety_mg_per_day or 0.0, average)
        differs = not close(average, dose.average_mg_per_day)
        said = f"daily dose: the coded fields say {figure(dose.average_mg_per_day)} mg, the text {figure(average)} mg"
        contradictions = (*dose.contradictions, said) if differs else dose.contradictions
        dose = replace(dose, safety_mg_per_day=safety, contradictions=contradictions)
    return replace(dose, text=text, is_entered=entered)


def _unentered(issue: Issue) -> Dose:
    return Dose(
        single_mg=None,
        average_mg_per_day=None,
        highest_mg_per_day=None,
        safety_mg_per_day=None,
        safety_single_mg=None,
        schedule=UNKNOWN_SCHEDULE,
        as_needed=False,
        combination=Combination.SINGLE,
        origin=DoseOrigin.NONE,
        text="",
        is_entered=False,
        unreadable=(issue,),
    )


def _drug_words(order: Mapping[str, object], drug_names: Collection[str]) -> AbstractSet[str]:
    names = list(drug_names)
    medication = as_object(order.get("medication"))
    for concept in (order.get("medicationCodeableConcept"), medication.get("concept")):
        names.append(as_string(as_object(concept).get("text")))
        names += [as_string(coding.get("display")) for coding in as_objects(as_object(concept).get("coding"))]
    for reference in (order.get("medicationReference"), medication.get("reference"), medication):
        names.append(as_string(as_object(reference).get("display")))
    words = {word for name in set(names) for word in _WORD.findall(normalise(name)) if len(word) >= _SHORTEST_NAME}
    return words - _FORM_WORDS


def _shown_text(texts: Sequence[str]) -> str:
    shown = "; ".join(dict.fromkeys(texts))
    return shown if len(shown) <= MAX_TEXT_LENGTH else shown[: MAX_TEXT_LENGTH - 1].rstrip() + "…"


def _without_notes_and_restatements(lines: list[LineReading]) -> tuple[list[LineReading], list[Issue]]:
    """Drop instructions that only comment on another one, or say the same once more in words.

    Days of the cycle in a comment ("take on days 1-21 of 28" as a second instruction) are kept with the dose.
    """
    doses = [line for line in lines if not line.is_note]
    if not doses or len(lines) == 1:
        return lines[:1] if not doses else lines, []
    notes = [line for line in lines if line.is_note]
    stated = {line.text_course for line in notes if line.text_course is not None}
    courses = [course for course in stated if course.is_cyclic or course.continuous]
    if len(courses) == 1:
        for line in doses:
            line.phases = [[_with_course(one, courses[0]) for one in phase] for phase in line.phases]
    if any(line.as_needed for line in notes):
        for line in doses:
            _mark_as_needed(line)
    kept: list[LineReading] = []
    dropped: list[Issue] = []
    # An instruction with coded fields is the original, wherever it stands.
    for line in sorted(doses, key=lambda line: not line.coded.amount.is_entered):
        if not line.coded.amount.is_entered and any(_restates(line, other) for other in kept):
            dropped.append(Issue(IssueCode.RESTATED, "an instruction repeats another one in words and is not added"))
        else:
            kept.append(line)
    kept.sort(key=lambda line: line.coded.index)
    return kept, dropped


def _mark_as_needed(line: LineReading) -> None:
    if line.as_needed or line.coded.not_as_needed:
        return
    line.as_needed = True
    issue = Issue(IssueCode.AS_NEEDED, "a comment says that it is taken as needed")
    line.phases = [
        [replace(one, as_needed=True, average_mg_per_day=None, unreadable=(*one.unreadable, issue)) for one in phase]
        for phase in line.phases
    ]


def _with_course(instruction: Instruction, course: Course) -> Instruction:
    """Give an instruction the days on and off that a comment states, unless it states its own."""
    schedule = instruction.schedule
    if schedule.explicit and schedule.days_on is not None:
        return instruction
    kind = schedule.kind
    if kind in (ScheduleKind.DAILY, ScheduleKind.CONTINUOUS):
        kind = ScheduleKind.CYCLIC if course.is_cyclic else ScheduleKind.CONTINUOUS
    stated = schedule_of(None, course)
    merged = replace(schedule, kind=kind, days_on=stated.days_on, cycle_days=stated.cycle_days, explicit=True)
    return replace(instruction, schedule=merged)


def _restates(line: LineReading, other: LineReading) -> bool:
    """Return whether a line without coded amount says once more, in words, what another one says."""
    if line.coded.texts and line.coded.texts == other.coded.texts and not line.coded.timing.rates:
        return True
    mine, theirs = _average(line), _average(other)
    if not other.coded.amount.is_entered or mine is None or theirs is None or not close(mine, theirs):
        return False
    if len(line.rates) != 1 or len(other.rates) != 1 or times_differ([*line.rates, *other.rates]):
        return False
    (first,), (second,) = line.rates, other.rates
    return first is not None and second is not None and same_rate(first, second)


def _sum_or_none(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 9) if known and len(known) == len(values) else None


def _max_or_none(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def _average(line: LineReading) -> float | None:
    return _max_or_none([_sum_or_none([i.average_mg_per_day for i in phase]) for phase in line.phases])


class _Joined(Struct, frozen=True):
    """Lines grouped into sequential phases, and how that was decided."""

    phases: list[list[LineReading]]
    combination: Combination
    remarks: list[Issue]
    perhaps_concurrent: bool = False


def _join(lines: list[LineReading]) -> _Joined:
    """Decide whether instructions follow each other or run side by side.

    FHIR: different `sequence` numbers follow each other, equal ones run together. Without them, periods that do not
    overlap and a "then" in a sig tell a sequence; otherwise instructions are concurrent, which is the higher dose.
    """
    if len(lines) == 1:
        return _Joined([lines], Combination.SINGLE, [])
    sequences = [line.coded.sequence for line in lines]
    stated = sorted({number for number in sequences if number is not None})
    if None not in sequences and len(stated) > 1:
        phases = [[line for line in lines if line.coded.sequence == number] for number in stated]
        remarks = [_sequential("by their sequence numbers")]
        doubtful = times_differ([rate for line in lines for rate in line.rates]) or _overlap(lines)
        if doubtful:
            phrase = "times of day or dates suggest that the instructions run side by side; the sum is the upper bound"
            remarks.append(Issue(IssueCode.PHASES_UNCERTAIN, phrase))
        return _Joined(phases, Combination.SEQUENTIAL, remarks, perhaps_concurrent=doubtful)
    by_start = sorted(lines, key=lambda line: line.coded.span.start.timestamp() if line.coded.span.start else 0.0)
    spans = [line.coded.span for line in by_start]
    if all(earlier.precedes(later) for earlier, later in pairwise(spans)):
        return _Joined([[line] for line in by_start], Combination.SEQUENTIAL, [_sequential("by their dates")])
    if any(line.linked for line in lines):
        return _Joined([[line] for line in lines], Combination.SEQUENTIAL, [_sequential("by “then” in the text")])
    remark = Issue(IssueCode.CONCURRENT, f"{len(lines)} instructions are taken side by side and added")
    return _Joined([lines], Combination.CONCURRENT, [remark])


def _sequential(how: str) -> Issue:
    return Issue(IssueCode.SEQUENTIAL, f"the instructions follow each other {how}; the highest governs")


def _overlap(lines: list[LineReading]) -> bool:
    spans = [line.coded.span for line in lines]
    if any(span.start is None or span.end is None for span in spans):
        return False
    pairs = ((a, b) for position, a in enumerate(spans) for b in spans[position + 1 :])
    return any(not a.precedes(b) and not b.precedes(a) for a, b in pairs)


def _combine(lines: list[LineReading], dropped: list[Issue]) -> Dose:
    joined = _join(lines)
    averages: list[float | None] = []
    highs: list[float | None] = []
    safeties: list[float | None] = []
    instructions: list[Instruction] = []
    number = 0
    for phase in joined.phases:
        averages.append(_sum_or_none([_average(line) for line in phase]))
        highs.append(_highest(phase))
        safeties.append(_sum_or_none([line.safety_mg_per_day for line in phase]))
        depth = max((len(line.phases) for line in phase), default=1)
        for line in phase:
            for inner, members in enumerate(line.phases):
                instructions += [replace(member, phase=number + inner) for member in members]
        number += depth
    combination, remarks = joined.combination, [*joined.remarks]
    if combination is Combination.SINGLE and len(instructions) > 1:
        several_phases = len(lines[0].phases) > 1
        combination = Combination.SEQUENTIAL if several_phases else Combination.CONCURRENT
        code = IssueCode.SEQUENTIAL if several_phases else IssueCode.CONCURRENT
        how = "phases that follow each other; the highest governs" if several_phases else "amounts that are added"
        remarks.append(Issue(code, f"the text names {how}"))
    unreadable = tuple(dict.fromkeys(issue for instruction in instructions for issue in instruction.unreadable))
    average = _max_or_none(averages) if not unreadable else None
    safety = _max_or_none(safeties)
    if joined.perhaps_concurrent:
        safety = _sum_or_none(safeties)
    singles = [i.single_mg for i in instructions if i.single_mg is not None]
    safe_singles = [line.safety_single_mg for line in lines if line.safety_single_mg is not None]
    remarks += [remark for line in lines for remark in line.remarks] + dropped
    return Dose(
        single_mg=max(singles, default=None),
        average_mg_per_day=average,
        highest_mg_per_day=_max_or_none(highs),
        safety_mg_per_day=safety,
        safety_single_mg=max([*singles, *safe_singles], default=None),
        schedule=_schedule(instructions),
        as_needed=any(line.as_needed for line in lines),
        combination=combination,
        origin=_origin(instructions),
        text="",
        is_entered=True,
        contradictions=tuple(dict.fromkeys(said for line in lines for said in line.contradictions)),
        unreadable=unreadable,
        remarks=tuple(dict.fromkeys(remarks)),
        instructions=tuple(instructions),
    )


def _highest(lines: list[LineReading]) -> float | None:
    """Return the most mg on one day of lines that run side by side: per weekday where all name weekdays."""
    pairs: list[tuple[Instruction, Rate | None]] = []
    for line in lines:
        flat = [instruction for phase in line.phases for instruction in phase]
        pairs += list(zip(flat, line.rates, strict=True))
    if weekdays_differ([rate for _, rate in pairs]):
        return _max_or_none([instruction.highest_mg_per_day for instruction, _ in pairs])
    return _sum_or_none(
        [
            _max_or_none([_sum_or_none([member.highest_mg_per_day for member in phase]) for phase in line.phases])
            for line in lines
        ]
    )


def _schedule(instructions: list[Instruction]) -> Schedule:
    """Return the schedule of the instruction that matters most: highest average, then the one that is explicit."""
    if not instructions:
        return UNKNOWN_SCHEDULE
    leading = max(instructions, key=lambda i: (i.average_mg_per_day or 0.0, i.single_mg or 0.0, i.schedule.explicit))
    peers = [i.schedule for i in instructions if i.phase == leading.phase]
    explicit = [schedule for schedule in peers if schedule.explicit]
    if len(peers) > 1 and len({(s.days_on, s.cycle_days) for s in explicit}) == 1 and len(explicit) == len(peers):
        return explicit[0] if len({s.kind for s in explicit}) == 1 else replace(explicit[0], kind=ScheduleKind.OTHER)
    if len(peers) > 1 and len(explicit) == 1 and leading.schedule.kind is ScheduleKind.DAILY:
        return explicit[0]
    return leading.schedule


def _origin(instructions: list[Instruction]) -> DoseOrigin:
    origins = {instruction.origin for instruction in instructions} - {DoseOrigin.NONE}
    if not origins:
        return DoseOrigin.NONE
    return origins.pop() if len(origins) == 1 else DoseOrigin.MIXED
