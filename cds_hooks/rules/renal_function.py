"""Renal function as far as the chart tells it: current, alarming, or not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.patient import Sex
from cds_hooks.chart.renal import Clearance, Dialysis, band_of, compute_clearance, on_dialysis
from cds_hooks.chart.therapy import therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.lab_facts import Measured, days_old, measured, result_fact, shown

DIALYSIS = "dialysis"
"""Column of the label table that dialysis takes, whatever the clearance."""


@dataclass(frozen=True, slots=True)
class RenalFunction:
    """Renal function as far as it is known.

    Attributes:
        clearance: from current, final inputs; None when one is missing or does not settle the band.
        alarm: a clearance in a lower band, from recent inputs of which one is preliminary or has an unreadable
            successor; it may alarm and never clears.
        last_known: the lowest clearance of the newest readable inputs of any age. None while `clearance` is known.
        dialysis: evidence for dialysis, which takes its own column.
        missing: in words, what stands in the way of a current clearance.
        missing_needs: the data needs in which that was looked for and not found.
        facts: the inputs.
    """

    clearance: Clearance | None
    alarm: Clearance | None
    last_known: Clearance | None
    dialysis: Dialysis | None
    missing: tuple[str, ...]
    missing_needs: frozenset[str]
    facts: tuple[Fact, ...]

    def column(self, knowledge: Knowledge) -> str | None:
        """Return the column of the label table that holds now: a band or dialysis; None when that is not known."""
        if self.dialysis is not None:
            return DIALYSIS
        return band_of(self.clearance, knowledge) if self.clearance is not None else None

    def words(self) -> str:
        """Return what is known now, in words."""
        if self.dialysis is not None:
            return "on dialysis"
        return str(self.clearance) if self.clearance is not None else "renal function not known"


def renal_function(chart: Chart, knowledge: Knowledge) -> RenalFunction:
    """Return renal function, computed once per evaluation."""
    return chart.derive("renal function", lambda view: _read(view, knowledge))


def creatinine_age_limit(chart: Chart, knowledge: Knowledge) -> Figure:
    """Return how old creatinine may be: less at a first order."""
    first = therapy(chart, knowledge).course.first_order
    return knowledge.figures["creatinineFirstOrderDays" if first else "creatinineContinuingDays"]


def _read(chart: Chart, knowledge: Knowledge) -> RenalFunction:
    limits = {"creatinine": creatinine_age_limit(chart, knowledge), "bodyWeight": knowledge.figures["weightDays"]}
    weight = measured(
        chart, knowledge, "bodyWeight", limits["bodyWeight"].value, settles=lambda one: None if one.comparator else True
    )

    def settles(creatinine: LabResult) -> bool | None:
        clearance = _clearance(chart, creatinine, weight.result)
        return None if clearance is not None and band_of(clearance, knowledge) is None else True

    creatinine = measured(chart, knowledge, "creatinine", limits["creatinine"].value, settles=settles)
    found = {"creatinine": creatinine, "bodyWeight": weight}
    unknown_person = _unknown_person(chart, knowledge)
    missing = {key: _missing(chart, knowledge, one) for key, one in found.items() if one.result is None}
    current = alarm = last_known = None
    if not unknown_person:
        current = _clearance(chart, creatinine.result, weight.result)
        readable = {key: _may_alarm(chart.results(key)) for key in limits}
        recent = {
            key: [result for result in results if limits[key].holds(days_old(result, chart.now))]
            for key, results in readable.items()
        }
        lowest = _lowest(chart, knowledge, recent)
        if lowest is not None and (current is None or _is_worse(lowest, current, knowledge)):
            alarm = lowest
        last_known = _lowest(chart, knowledge, readable) if current is None else None
    facts = (*creatinine.facts, *weight.facts)
    seen = {fact.reference for fact in facts}
    used = alarm or last_known
    others = [one for one in (used.creatinine, used.weight) if one.reference not in seen] if used else []
    age = chart.patient.age_years(chart.now)
    return RenalFunction(
        clearance=current,
        alarm=alarm,
        last_known=last_known,
        dialysis=on_dialysis(chart, knowledge),
        missing=(*missing.values(), *unknown_person),
        missing_needs=_looked_for(chart, knowledge, creatinine, missing),
        facts=(
            *facts,
            *(result_fact(one, chart, knowledge) for one in others),
            Fact("Age", "birth date not recorded" if age is None else f"{age} years", "", chart.patient.reference),
            Fact("Sex", chart.patient.sex.value, "", chart.patient.reference, chart.patient.sex_source),
        ),
    )


def _missing(chart: Chart, knowledge: Knowledge, one: Measured) -> str:
    """Return why an analyte cannot be used, in words."""
    name = chart.analyte_name(one.analyte)
    if not chart.results(one.analyte):
        return knowledge.phrases.sentences["renal_noneFound"].format(name=name)
    if one.last is not None and one.words == knowledge.phrases.problems["comparator"]:
        return f"{name} {shown(one.last)}: {one.words}"
    return f"{name} {one.words}"


def _unknown_person(chart: Chart, knowledge: Knowledge) -> list[str]:
    """Return what is missing of age and sex, in words."""
    age, words = chart.patient.age_years(chart.now), []
    if age is None:
        words.append("birth date not recorded")
    elif not knowledge.figures["oldestPlausibleAge"].holds(age):
        words.append(f"birth date not plausible ({age} years)")
    if chart.patient.sex is Sex.UNKNOWN:
        words.append("sex not recorded")
    return words


def _looked_for(chart: Chart, knowledge: Knowledge, creatinine: Measured, missing: Iterable[str]) -> frozenset[str]:
    """Return the data needs in which nothing usable was found.

    For a creatinine that is too old only for a first order, earlier orders are among what was not found.
    """
    needs = frozenset(knowledge.analytes[analyte].need for analyte in missing)
    last = creatinine.last if creatinine.result is None else None
    if last is None or not therapy(chart, knowledge).course.first_order:
        return needs
    would_do = knowledge.figures["creatinineContinuingDays"].holds(days_old(last, chart.now))
    return needs | frozenset(MEDICATION_NEEDS) if would_do else needs


def _clearance(chart: Chart, creatinine: LabResult | None, weight: LabResult | None) -> Clearance | None:
    if creatinine is None or weight is None:
        return None
    return compute_clearance(chart.patient, creatinine, weight, chart.now)


def _may_alarm(results: Iterable[LabResult]) -> list[LabResult]:
    """Return the newest final result with an exact value, and what can be read of newer ones, which clear nothing."""
    found: list[LabResult] = []
    for result in results:
        if result.problem is None:
            found.append(result)
            if result.is_final and not result.comparator:
                break
    return found


def _is_worse(one: Clearance, other: Clearance, knowledge: Knowledge) -> bool:
    return one.value < other.value and band_of(one, knowledge) != band_of(other, knowledge)


def _lowest(chart: Chart, knowledge: Knowledge, results: Mapping[str, Sequence[LabResult]]) -> Clearance | None:
    """Return the lowest clearance that settles a band."""
    found = [_clearance(chart, *pair) for pair in product(results["creatinine"], results["bodyWeight"])]
    settled = [one for one in found if one is not None and band_of(one, knowledge) is not None]
    return min(settled, key=lambda one: one.value, default=None)
