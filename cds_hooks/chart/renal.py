"""Creatinine clearance by Cockcroft-Gault, with everything a reader needs to check it, and dialysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.patient import PatientFacts, Sex
from cds_hooks.chart.when import When
from cds_hooks.knowledge.loader import Knowledge

_PRECISION = 9
"""Decimals kept of a clearance, so that binary noise cannot push a value across a limit (80 × 54 × 0.85 / 61.2)."""
_OPPOSITE = {"<": ">", "<=": ">", ">": "<", ">=": "<"}


def cockcroft_gault(age_years: float, weight_kg: float, creatinine_mg_dl: float, *, female: bool) -> float:
    """Return creatinine clearance in mL/min, not rounded to what is printed.

    (140 - age) × weight / (72 × creatinine), times 0.85 for women (Cockcroft and Gault, Nephron 1976;16:31-41).

    Args:
        age_years: completed years.
        weight_kg: body weight in kg.
        creatinine_mg_dl: serum creatinine in mg/dL, above 0.
        female: whether the factor for women applies.
    """
    clearance = (140 - age_years) * weight_kg / (72 * creatinine_mg_dl)
    return round(clearance * 0.85 if female else clearance, _PRECISION)


def ideal_weight_kg(height_cm: float, *, female: bool) -> float:
    """Return ideal body weight in kg: 50 (men) or 45.5 (women) plus 2.3 for each inch above 5 feet (Devine 1974)."""
    return (45.5 if female else 50.0) + 2.3 * (height_cm / 2.54 - 60)


@dataclass(frozen=True, slots=True)
class Clearance:
    """A computed creatinine clearance.

    Attributes:
        value: mL/min, unrounded; a bound instead of a value when creatinine came with a comparator.
        comparator: "" for a value; ">" when the true clearance is above `value`, "<" when below.
        creatinine: result used.
        weight: result used.
        age: completed years.
        female: whether the factor for women was applied.
    """

    value: float
    comparator: str
    creatinine: LabResult
    weight: LabResult
    age: int
    female: bool

    @property
    def preliminary(self) -> bool:
        """Whether an input is preliminary: it may alarm and never clears."""
        return self.creatinine.preliminary or self.weight.preliminary

    def with_weight(self, weight_kg: float) -> Clearance:
        """Return what another body weight would give, all else equal."""
        assert self.weight.value is not None  # noqa: S101  a clearance is only made of readable results
        return replace(self, value=round(self.value * weight_kg / self.weight.value, _PRECISION))

    def __str__(self) -> str:
        sign = {"<": "below ", ">": "above "}.get(self.comparator, "")
        return f"CrCl {sign}{_shown(self.value)} mL/min"


def _shown(value: float) -> str:
    """Return one decimal, or a second where rounding would show a whole number that it is not: 29.985 is not 30.0."""
    short, long = f"{value:.1f}", f"{value:.2f}"
    rounded_up = float(short) == round(value) != value
    return long if rounded_up and float(long) != round(value) else short


@dataclass(frozen=True, slots=True)
class Dialysis:
    """Evidence that the patient is on dialysis.

    Attributes:
        text: as the record words it.
        when: onset of the condition, or day of the latest procedure.
        since: earliest day on record, None when no day is.
        reference: `Condition/id` or `Procedure/id`.
    """

    text: str
    when: When | None
    since: When | None
    reference: str


def compute_clearance(
    patient: PatientFacts, creatinine: LabResult, weight: LabResult, at: datetime
) -> Clearance | None:
    """Return the clearance from one creatinine and one weight; None when age, sex or a value is missing."""
    age = patient.age_years(at)
    if age is None or patient.sex is Sex.UNKNOWN or not creatinine.value or not weight.value or weight.comparator:
        return None
    female = patient.sex is Sex.FEMALE
    value = cockcroft_gault(age, weight.value, creatinine.value, female=female)
    return Clearance(value, _OPPOSITE.get(creatinine.comparator, ""), creatinine, weight, age, female)


def band_of(clearance: Clearance, knowledge: Knowledge) -> str | None:
    """Return the band of the renal dose table; None when a comparator leaves it open."""
    name, band = next((name, band) for name, band in knowledge.bands.items() if band.contains(clearance.value))
    open_end = {"": True, ">": band.high is None, "<": band.low is None}
    return name if open_end[clearance.comparator] else None


def on_dialysis(chart: Chart, knowledge: Knowledge) -> Dialysis | None:
    """Return the evidence for dialysis: an active condition, or a dialysis procedure that is going on or recent."""
    for condition in chart.conditions("dialysis"):
        since = condition.onset or condition.recorded
        return Dialysis(condition.text, since, since, condition.reference)
    window = knowledge.figures["dialysisProcedureDays"]
    done = [one for one in chart.procedures("dialysis") if one.when is None or not one.when.is_future(chart.now)]
    days = sorted(one.when for one in done if one.when is not None)
    for procedure in sorted(done, key=lambda one: one.when.start.timestamp() if one.when else 0.0, reverse=True):
        recent = procedure.when is not None and window.holds(procedure.when.days_before(chart.now))
        if recent or procedure.status == "in-progress":
            return Dialysis(procedure.text, procedure.when, days[0] if days else None, procedure.reference)
    return None


def nearest(results: Sequence[LabResult], day: datetime, days: float) -> LabResult | None:
    """Return the readable final result closest to a day and at most `days` away from it."""
    distances = [
        (abs((result.when.day - day.date()).days), result)
        for result in results
        if result.is_final and result.when is not None
    ]
    close = [pair for pair in distances if pair[0] <= days]
    return min(close, key=lambda pair: pair[0])[1] if close else None
