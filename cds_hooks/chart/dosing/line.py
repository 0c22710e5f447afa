"""One dosageInstruction: coded fields and sig brought together.

Coded fields govern, field by field; the sig fills what they leave out. Where both say something and it differs, both
values are named as a contradiction and the higher one is kept for the safety figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from .amount import Amount, CodedAmount, read_coded_amount
from .bounds import Span, read_span
from .compare import compare_amounts, compare_courses, compare_rates, merge_course
from .model import DoseOrigin, Instruction, Issue, IssueCode
from .rate import Course, Rate, schedule_of
from .sig import read_sig
from .sig.normalise import display_text
from .text_dose import TextDose, TextPhase, resolve
from .timing import CodedTiming, read_timing
from .values import as_flag, as_number, as_object, as_objects, as_string, close, figure


class CodedLine(Struct, frozen=True):
    """The coded fields of one dosageInstruction, and its texts in order of importance."""

    index: int
    sequence: int | None
    amount: CodedAmount
    timing: CodedTiming
    as_needed: bool
    not_as_needed: bool
    texts: tuple[str, ...]
    span: Span

    @property
    def rate(self) -> Rate | None:
        """The governing coded rate."""
        return self.timing.rates[0][1] if self.timing.rates else None

    @property
    def is_complete(self) -> bool:
        """Whether amount and frequency are both coded."""
        return self.amount.amount is not None and self.amount.amount.high_mg is not None and self.rate is not None

    @property
    def is_contradictory(self) -> bool:
        """Whether coded fields contradict themselves, so that a sig must not decide between them."""
        codes = {issue.code for issue in (*self.amount.issues, *self.timing.issues)}
        return bool(codes & {IssueCode.AMBIGUOUS_DOSE, IssueCode.AMBIGUOUS_TIMING})


class LineReading(Struct):
    """What one dosageInstruction amounts to.

    `phases`: instructions side by side, per sequential phase of the sig (one phase when coded fields govern).
    `safety_mg_per_day`, `safety_single_mg`: highest plausible figures, None where no bound can be given.
    """

    coded: CodedLine
    phases: list[list[Instruction]]
    rates: list[Rate | None]
    linked: bool = False
    as_needed: bool = False
    contradictions: list[str] = []
    remarks: list[Issue] = []
    safety_mg_per_day: float | None = None
    safety_single_mg: float | None = None
    is_note: bool = False
    text_course: Course | None = None


def code_line(
    index: int, instruction: Mapping[str, object], strength_mg: float | None, rendered: str = ""
) -> CodedLine:
    """Read the coded fields of a dosageInstruction; `rendered` is the sig of the order where it has none itself."""
    additional = [
        *as_objects(instruction.get("additionalInstruction")),
        *as_objects(instruction.get("additionalInstructions")),
    ]
    texts = [as_string(instruction.get("text")), as_string(instruction.get("patientInstruction"))]
    if not any(texts):
        texts.append(rendered)
    texts += [_concept_text(concept) for concept in additional]
    sequence = as_number(instruction.get("sequence"))
    timing = read_timing(instruction.get("timing"))
    flags = [as_flag(instruction.get(name)) for name in ("asNeededBoolean", "asNeeded")]
    reasons = [*as_objects(instruction.get("asNeededCodeableConcept")), *as_objects(instruction.get("asNeededFor"))]
    repeat = as_object(as_object(instruction.get("timing")).get("repeat"))
    shown = dict.fromkeys(display_text(text) for text in texts if text)
    return CodedLine(
        index=index,
        sequence=int(sequence) if sequence is not None and sequence.is_integer() else None,
        amount=read_coded_amount(instruction, strength_mg),
        timing=timing,
        as_needed=True in flags or any(reasons) or timing.as_needed,
        not_as_needed=False in flags,
        texts=tuple(text for text in shown if text),
        span=read_span(repeat.get("boundsPeriod")),
    )


def read_text(texts: tuple[str, ...], strength_mg: float | None, drug_words: AbstractSet[str]) -> TextDose:
    """Read the texts of an instruction as one sig; texts that contradict each other are ambiguous."""
    return resolve(read_sig(". ".join(text.rstrip(". ") for text in texts), drug_words), strength_mg)


def read_line(
    line: CodedLine, strength_mg: float | None, drug_words: AbstractSet[str], *, text_is_shared: bool = False
) -> LineReading:
    """Bring coded fields and texts of one dosageInstruction together.

    `text_is_shared`: every instruction of the order repeats the sig of the whole order, so it is not compared here.
    """
    text = read_text(line.texts, strength_mg, drug_words)
    single_texts = [text] if len(line.texts) == 1 else [read_text((t,), strength_mg, drug_words) for t in line.texts]
    as_needed = line.as_needed or (text.as_needed and not line.not_as_needed)
    reading = LineReading(line, [], [], linked=text.linked, as_needed=as_needed, text_course=text.course)
    reading.is_note = _is_note(line, text)
    reading.contradictions += [*line.amount.contradictions, *compare_rates(line.timing.rates)]
    if text.as_needed and line.not_as_needed:
        reading.contradictions.append("as needed: the text says so, the coded field denies it")
    if text_is_shared and (len(text.groups) > 1 or line.is_complete):
        course_only = tuple(TextPhase((), phase.course) for phase in text.phases[:1] if text.course is not None)
        _read_coded(line, TextDose(course_only), reading)
    elif len(text.groups) > 1 and not line.is_complete and not line.is_contradictory:
        _read_text_phases(line, text, reading)
    else:
        _read_coded(line, text, reading)
    if not text_is_shared:
        for one in single_texts:
            _compare(line, one, reading)
    blamed = any(
        i.code is IssueCode.AMBIGUOUS_TEXT for phase in reading.phases for one in phase for i in one.unreadable
    )
    if text.reasons and not blamed:
        phrase = f"the text was not used: {'; '.join(text.reasons)}"
        reading.remarks.append(Issue(IssueCode.TEXT_NOT_READ, phrase))
    _add_amount_remarks(reading, text, strength_mg)
    _add_safety(line, reading, [] if text_is_shared else [text, *single_texts])
    return reading


def _is_note(line: CodedLine, text: TextDose) -> bool:
    """Return whether an instruction only adds a remark or the days of the cycle to another one."""
    coded = line.amount.is_entered or bool(line.timing.rates) or bool(line.timing.issues)
    return not coded and not text.has_amount and not text.reasons and all(g.rate is None for g in text.groups)


def _read_coded(line: CodedLine, text: TextDose, reading: LineReading) -> None:
    """Read one amount at one frequency, coded fields before the sig."""
    only = text.only if not line.is_contradictory else None
    coded = line.amount.amount
    issues: list[Issue] = []
    amount: Amount | None = None
    from_text = False
    if coded is not None and coded.high_mg is not None:
        amount = coded
        reading.remarks += line.amount.issues
    elif only is not None and only.amount is not None and only.amount.high_mg is not None:
        amount, from_text = only.amount, True
        reading.remarks += [Issue(IssueCode.FIELD_NOT_READ, issue.phrase) for issue in line.amount.issues]
    else:
        amount = coded if coded is not None else (only.amount if only is not None else None)
        issues += line.amount.issues or _no_amount(amount, text)
    rate, rate_from_text = line.rate, False
    if rate is None and only is not None and only.rate is not None:
        rate, rate_from_text = only.rate, True
        reading.remarks += [Issue(IssueCode.FIELD_NOT_READ, issue.phrase) for issue in line.timing.issues]
    elif rate is None:
        issues += line.timing.issues or [Issue(IssueCode.NO_FREQUENCY, "no frequency is stated")]
    course = merge_course(line.timing.course, text.course, rate)
    if issues and text.reasons:
        issues.append(Issue(IssueCode.AMBIGUOUS_TEXT, f"the text is ambiguous: {'; '.join(text.reasons)}"))
    origin = _origin(amount, from_text=from_text)
    if amount is not None and rate is not None and from_text is not rate_from_text:
        origin = DoseOrigin.MIXED
    if only is not None and only.rate is not None and only.rate.after_dialysis and rate is not None:
        rate = replace(rate, after_dialysis=True)
    reading.phases = [[_instruction(line, amount, rate, course, reading.as_needed, origin, issues)]]
    reading.rates = [rate]


def _read_text_phases(line: CodedLine, text: TextDose, reading: LineReading) -> None:
    """Read a sig that names several amounts or phases; the coded fields are incomplete."""
    reading.remarks += [
        Issue(IssueCode.FIELD_NOT_READ, issue.phrase) for issue in (*line.amount.issues, *line.timing.issues)
    ]
    coded = line.amount.amount
    named = [group.amount.high_mg for group in text.groups if group.amount is not None]
    if coded is not None and coded.high_mg is not None and not any(mg and close(mg, coded.high_mg) for mg in named):
        reading.contradictions.append(f"dose: the coded field says {coded.describe()}, the text does not")
    for number, phase in enumerate(text.phases):
        instructions: list[Instruction] = []
        for group in phase.groups:
            issues: list[Issue] = []
            if group.amount is None or group.amount.high_mg is None:
                issues += _no_amount(group.amount, text)
            if group.rate is None:
                issues.append(Issue(IssueCode.NO_FREQUENCY, "no frequency is stated for a part of the sig"))
            course = merge_course(line.timing.course, phase.course, group.rate)
            origin = _origin(group.amount, from_text=True)
            instructions.append(
                _instruction(line, group.amount, group.rate, course, reading.as_needed, origin, issues, phase=number)
            )
            reading.rates.append(group.rate)
        reading.phases.append(instructions)


def _no_amount(amount: Amount | None, text: TextDose) -> list[Issue]:
    if amount is not None:
        phrase = f"{amount.describe()}, but the strength of a capsule is not known"
        return [Issue(IssueCode.CAPSULES_WITHOUT_STRENGTH, phrase)]
    if text.reasons:
        return [Issue(IssueCode.NO_DOSE, "no dose is coded")]
    return [Issue(IssueCode.NO_DOSE, "no dose is stated")]


def _origin(amount: Amount | None, *, from_text: bool) -> DoseOrigin:
    if amount is None or amount.high_mg is None:
        return DoseOrigin.NONE
    if from_text:
        return DoseOrigin.STRENGTH_AND_TEXT if amount.via_strength else DoseOrigin.TEXT
    return DoseOrigin.STRENGTH if amount.via_strength else DoseOrigin.STRUCTURED


def _instruction(
    line: CodedLine,
    amount: Amount | None,
    rate: Rate | None,
    course: Course,
    as_needed: bool,
    origin: DoseOrigin,
    issues: list[Issue],
    *,
    phase: int = 0,
) -> Instruction:
    unreadable = list(issues)
    if rate is not None and rate.per_day is None:
        phrase = "after dialysis, but how many sessions there are is not stated"
        unreadable.append(Issue(IssueCode.NO_FREQUENCY, phrase))
    if as_needed:
        unreadable.append(Issue(IssueCode.AS_NEEDED, "to be taken as needed"))
    single = amount.high_mg if amount is not None else None
    average = highest = None
    if single is not None and rate is not None:
        highest = round(single * rate.peak, 9)
        if not unreadable and rate.per_day is not None:
            average = round(single * rate.per_day, 9)
    return Instruction(
        index=line.index,
        sequence=line.sequence,
        phase=phase,
        text="; ".join(line.texts),
        capsules=amount.capsules if amount is not None else None,
        single_mg=single,
        per_day=rate.per_day if rate is not None else None,
        average_mg_per_day=average,
        highest_mg_per_day=highest,
        schedule=schedule_of(rate, course),
        as_needed=as_needed,
        origin=origin,
        unreadable=tuple(dict.fromkeys(unreadable)),
    )


def _compare(line: CodedLine, text: TextDose, reading: LineReading) -> None:
    """Name every difference between the coded fields and one text."""
    reading.contradictions += text.contradictions
    only = text.only
    if only is None:
        if text.has_amount and line.is_complete:
            reading.contradictions += _compare_total(line, text)
        return
    reading.contradictions += compare_amounts(line.amount.amount, only.amount)
    if line.rate is not None and only.rate is not None:
        reading.contradictions += compare_rates((("the coded field", line.rate), ("the text", only.rate)))
    if text.course is not None:
        reading.contradictions += compare_courses(line.timing.course, text.course, line.rate or only.rate)


def _compare_total(line: CodedLine, text: TextDose) -> list[str]:
    amount, rate, total = line.amount.amount, line.rate, text.average_mg
    if amount is None or amount.high_mg is None or rate is None or rate.per_day is None or total is None:
        return []
    coded = amount.high_mg * rate.per_day
    if close(coded, total):
        return []
    return [f"daily dose: the coded field says {coded:g} mg, the text {total:g} mg"]


def _add_amount_remarks(reading: LineReading, text: TextDose, strength_mg: float | None) -> None:
    amounts = [reading.coded.amount.amount, *(group.amount for group in text.groups)]
    for amount in amounts:
        used = amount is not None and any(
            instruction.single_mg == amount.high_mg for phase in reading.phases for instruction in phase
        )
        if amount is not None and used and amount.is_range:
            phrase = f"the dose is a range, {amount.describe()}; its high end counts"
            reading.remarks.append(Issue(IssueCode.RANGE, phrase))
            break
    if any(rate is not None and rate.is_range for rate in reading.rates):
        reading.remarks.append(Issue(IssueCode.RANGE, "the frequency is a range; the highest frequency counts"))
    for instruction in (one for phase in reading.phases for one in phase):
        count = instruction.capsules
        if count is None and instruction.single_mg is not None and strength_mg is not None:
            count = instruction.single_mg / strength_mg
        if count is not None and not close(count, round(count)):
            product = f" of {figure(strength_mg)} mg" if strength_mg is not None else ""
            phrase = f"one dose is {figure(count)} capsules{product}; capsules cannot be divided"
            reading.remarks.append(Issue(IssueCode.PARTIAL_CAPSULES, phrase))


def _add_safety(line: CodedLine, reading: LineReading, texts: list[TextDose]) -> None:
    singles = [*line.amount.others_mg]
    singles += [i.single_mg for phase in reading.phases for i in phase if i.single_mg is not None]
    rates: list[Rate] = [rate for _, rate in line.timing.rates]
    averages: list[float] = []
    for text in texts:
        singles += text.others_mg
        singles += [g.amount.high_mg for g in text.groups if g.amount is not None and g.amount.high_mg is not None]
        if text.only is not None and text.only.rate is not None:
            rates.append(text.only.rate)
        if text.average_mg is not None:
            averages.append(text.average_mg)
    reading.safety_single_mg = max(singles, default=None)
    if line.is_complete or len(reading.rates) == 1:
        # After dialysis is at most once a day.
        per_day = [rate.peak if rate.per_day is None else rate.per_day for rate in rates]
        if singles and per_day:
            averages.append(max(singles) * max(per_day))
    reading.safety_mg_per_day = round(max(averages), 9) if averages else None


def _concept_text(concept: Mapping[str, object]) -> str:
    text = as_string(concept.get("text"))
    displays = [as_string(coding.get("display")) for coding in as_objects(concept.get("coding"))]
    return text or next((display for display in displays if display), "")
