"""What a reader of a renal dose card has to know beside the numbers: where clearance, table or dose are doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.renal import Clearance, band_of, compute_clearance, ideal_weight_kg, nearest
from cds_hooks.chart.therapy import Therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import LabelDose
from cds_hooks.rules.lab_facts import result_fact, shown
from cds_hooks.rules.label_dose import later_words
from cds_hooks.rules.ordered_dose import OrderedDose
from cds_hooks.rules.renal_function import DIALYSIS, RenalFunction

_FROM_BEST_TO_WORST = ("full", "reduced", "severe", DIALYSIS)


@dataclass(frozen=True, slots=True)
class Situation:
    """An order held against one column of the label table.

    Attributes:
        clearance: the clearance that chose the column; on dialysis, the clearance if one is known.
        column: band or dialysis.
    """

    chart: Chart
    knowledge: Knowledge
    dose: OrderedDose
    course: Therapy
    function: RenalFunction
    clearance: Clearance | None
    column: str

    @property
    def table(self) -> LabelDose:
        """The row of the label table."""
        return self.course.profile.doses[self.column]

    @property
    def on_dialysis(self) -> bool:
        """Whether the column is that of dialysis."""
        return self.column == DIALYSIS


class SinceStart(Enum):
    """Renal function against that at the start of treatment; the value is the key of the sentence that says so."""

    FIRST_ORDER = "renal_firstOrder"
    UNKNOWN = "renal_startUnknown"
    WORSENED = "renal_worsened"
    UNCHANGED = "renal_unchanged"


def since_start(situation: Situation) -> tuple[SinceStart, str]:
    """Compare the column with the one at the start of treatment; return the outcome and its sentence."""
    course = situation.course.course
    outcome, then = SinceStart.UNKNOWN, ""
    if course.first_order:
        # An earlier order may stand among what could not be looked up.
        unsure = any(need in situation.chart.gaps for need in MEDICATION_NEEDS)
        outcome = SinceStart.UNKNOWN if unsure else SinceStart.FIRST_ORDER
    elif course.start is not None:
        dialysis = situation.function.dialysis
        if dialysis is not None and dialysis.since is not None and dialysis.since.start <= course.start:
            outcome, then = SinceStart.UNCHANGED, "on dialysis"
        elif clearance := _clearance_at(situation, course.start):
            before = _FROM_BEST_TO_WORST.index(band_of(clearance, situation.knowledge) or situation.column)
            worsened = _FROM_BEST_TO_WORST.index(situation.column) > before
            outcome, then = SinceStart.WORSENED if worsened else SinceStart.UNCHANGED, str(clearance)
    since = course.start.date().isoformat() if course.start else "no date on record"
    sentence = situation.knowledge.phrases.sentences[outcome.value]
    return outcome, sentence.format(since=since, then=then)


def _clearance_at(situation: Situation, day: datetime) -> Clearance | None:
    """Return the clearance around a day; None when it is not known or settles no band."""
    chart, figures = situation.chart, situation.knowledge.figures
    creatinine = nearest(chart.results("creatinine"), day, figures["creatinineAtStartDays"].value)
    weight = nearest(chart.results("bodyWeight"), day, figures["weightDays"].value)
    if creatinine is None or weight is None:
        return None
    clearance = compute_clearance(chart.patient, creatinine, weight, day)
    return clearance if clearance is not None and band_of(clearance, situation.knowledge) is not None else None


def remarks(situation: Situation) -> tuple[str, tuple[Fact, ...]]:
    """Return what makes dose, table or clearance doubtful: sentences, and the further results they speak of."""
    sentences, course, clearance = situation.knowledge.phrases.sentences, situation.course, situation.clearance
    found: list[_Remark] = []
    if not situation.dose.complete:
        found.append(_Remark(sentences["dose_partial"]))
    if course.profile_key == "unknown":
        found.append(_Remark(sentences["renal_indicationUnknown"]))
    if (later := situation.table.later) is not None:
        found.append(_Remark(later_words(later.after_cycles, later.regimen, course, situation.knowledge)))
    if clearance is not None:
        if not situation.on_dialysis:
            found += [
                *_unsettled(situation, clearance),
                *_adjusted(situation, clearance),
                *_unstable(situation, clearance),
            ]
        found += _not_studied(situation, clearance)
    results = [one.result for one in found if one.result is not None]
    facts = tuple(result_fact(result, situation.chart, situation.knowledge) for result in results)
    return " ".join(one.sentence for one in found), facts


@dataclass(frozen=True, slots=True)
class _Remark:
    """A sentence, and the result it speaks of that no other line shows."""

    sentence: str
    result: LabResult | None = None


def _unsettled(situation: Situation, clearance: Clearance) -> Iterator[_Remark]:
    """Say why a clearance that alarms is not the current one."""
    function, sentences = situation.function, situation.knowledge.phrases.sentences
    if clearance is function.alarm and function.clearance is not None:
        yield _Remark(sentences["renal_preliminary"].format(clearance=function.clearance))
    elif clearance is function.alarm:
        yield _Remark(sentences["renal_unsettled"].format(missing="; ".join(function.missing)))


def _adjusted(situation: Situation, clearance: Clearance) -> Iterator[_Remark]:
    """Say when adjusted body weight would put an obese patient into another band."""
    figures, weight = situation.knowledge.figures, clearance.weight.value
    height = next((one for one in situation.chart.results("bodyHeight") if one.is_final and one.value), None)
    if height is None or not height.value or not weight or clearance.comparator:
        return
    body_mass_index = weight / (height.value / 100) ** 2
    if not figures["obesityBodyMassIndex"].holds(body_mass_index):
        return
    ideal = ideal_weight_kg(height.value, female=clearance.female)
    adjusted = ideal + figures["adjustedWeightShare"].value * (weight - ideal)
    other = clearance.with_weight(adjusted)
    if band_of(other, situation.knowledge) != band_of(clearance, situation.knowledge):
        sentence = situation.knowledge.phrases.sentences["renal_adjustedWeight"].format(
            bmi=f"{body_mass_index:.1f}", adjusted=f"{adjusted:.1f}", ideal=f"{ideal:.1f}", clearance=other
        )
        yield _Remark(sentence, height)


def _unstable(situation: Situation, clearance: Clearance) -> Iterator[_Remark]:
    """Say when creatinine changes so fast that no formula holds."""
    figures, latest = situation.knowledge.figures, clearance.creatinine
    share, within = figures["creatinineChangeShare"], figures["creatinineChangeDays"]
    for earlier in situation.chart.results("creatinine"):
        if not earlier.is_final or earlier is latest or earlier.comparator or latest.comparator:
            continue
        if earlier.when is None or latest.when is None or earlier.when.start > latest.when.start:
            continue
        if not earlier.value or not latest.value:
            continue
        days = (latest.when.day - earlier.when.day).days
        if within.holds(days) and share.holds(abs(latest.value - earlier.value) / earlier.value):
            sentence = situation.knowledge.phrases.sentences["renal_unstable"]
            yield _Remark(sentence.format(earlier=shown(earlier), later=shown(latest), days=days), earlier)
            return


def _not_studied(situation: Situation, clearance: Clearance) -> Iterator[_Remark]:
    """Say when lenalidomide was never studied at such a clearance."""
    sentences, on_dialysis = situation.knowledge.phrases.sentences, situation.on_dialysis
    limit = situation.knowledge.figures["notStudiedClearanceDialysis" if on_dialysis else "notStudiedClearance"]
    if limit.holds(clearance.value):
        how = sentences["renal_withDialysis" if on_dialysis else "renal_withoutDialysis"]
        yield _Remark(sentences["renal_notStudied"].format(limit=f"{limit.value:g}", how=how))
