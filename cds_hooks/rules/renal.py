"""Dose and renal function (S-73)."""

from __future__ import annotations

from itertools import chain

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.renal import Clearance, band_of
from cds_hooks.chart.therapy import therapy
from cds_hooks.findings import (
    CreateTest,
    Fact,
    Finding,
    Outcome,
    Suggestion,
    UpdateDose,
    basis_of,
    fired,
    not_applicable,
    not_evaluable,
    passed,
)
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.label_dose import allowed_mg_per_day, dose_words, indication_fact, profile_needs, table_basis
from cds_hooks.rules.ordered_dose import ordered_dose
from cds_hooks.rules.renal_function import DIALYSIS, RenalFunction, creatinine_age_limit, renal_function
from cds_hooks.rules.renal_remarks import SinceStart, Situation, remarks, since_start

_FULL, _SEVERE = "full", "severe"


def renal_dose(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the ordered dose is above the label's starting dose for a reduced renal function.

    Warning above the table; critical from twice the table below 30 mL/min or on dialysis. On a continuing order whose
    renal function has not worsened since the start, one step calmer. For information close above 60 mL/min at full
    dose. In the full band a dose that is too high is the subject of `doseExceedsLabel`.
    """
    dose = ordered_dose(chart, knowledge)
    if not dose.orders:
        return not_applicable("no dose entered yet")
    if dose.average is None:
        return not_evaluable("the ordered dose cannot be read", *dose.facts)
    course, function = therapy(chart, knowledge), renal_function(chart, knowledge)
    facts = (*dose.facts, indication_fact(course), *function_facts(function))
    clearance = function.alarm or function.clearance
    column = DIALYSIS if function.dialysis else band_of(clearance, knowledge) if clearance else None
    if column is None:
        return not_evaluable("renal function not known", *facts)
    situation = Situation(chart, knowledge, dose, course, function, clearance, column)
    if column != _FULL and dose.average > allowed_mg_per_day(situation.table, course):
        return _above_table(situation, dose.average, facts)
    return _within_table(situation, dose.average, facts)


def _above_table(situation: Situation, average: float, facts: tuple[Fact, ...]) -> Outcome:
    knowledge, table = situation.knowledge, situation.table
    multiple = average / table.average_mg_per_day
    far = situation.column in (_SEVERE, DIALYSIS) and knowledge.figures["renalDoseCriticalMultiple"].holds(multiple)
    since, sentence = since_start(situation)
    if since is SinceStart.UNCHANGED:
        variant = "aboveTable" if far else "continuing"
    else:
        variant = "aboveTableSevere" if far else "aboveTable"
    values, seen = _values(situation)
    values |= {"multiple": f"{multiple:.3g}", "remarks": f"{sentence} {values['remarks']}".strip()}
    return fired(
        Finding(
            topic="renalDose",
            variant=variant,
            values=values,
            facts=_distinct(facts, seen),
            basis=table_basis(situation.course, situation.column, knowledge),
            suggestions=(*_update(situation), *_creatinine(situation)),
            absent=profile_needs(situation.course, situation.column, average, knowledge),
        )
    )


def _within_table(situation: Situation, average: float, facts: tuple[Fact, ...]) -> Outcome:
    """Judge an order that is not above the table: near the boundary, below what was studied, or fine."""
    knowledge, clearance, figures = situation.knowledge, situation.clearance, situation.knowledge.figures
    variant, figure = "", figures["boundaryClearance"]
    if clearance is not None and not situation.on_dialysis:
        is_current = clearance is situation.function.clearance and not clearance.comparator
        is_full = situation.column == _FULL and average >= situation.table.average_mg_per_day
        if is_current and is_full and figure.holds(clearance.value):
            variant = "nearBoundary"
        elif figures["notStudiedClearance"].holds(clearance.value):
            variant, figure = "notStudied", figures["notStudiedClearance"]
    if not variant:
        if situation.function.column(knowledge) is None or not situation.dose.complete:
            return not_evaluable("not above the label table as far as known", *facts)
        return passed("not above the label table", *facts)
    values, seen = _values(situation)
    reduced = situation.course.profile.doses["reduced"]
    limit = knowledge.bands[_FULL].low if variant == "nearBoundary" else figure.value
    values |= {
        "limit": f"{limit:g} mL/min",
        "reduced": dose_words(reduced, knowledge),
        "reduced_regimen": reduced.regimen,
    }
    basis = (basis_of(figure), *table_basis(situation.course, situation.column, knowledge))
    return fired(Finding("renalDose", variant, values, _distinct(facts, seen), basis, _creatinine(situation)))


def renal_function_unknown(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the creatinine clearance cannot be computed from current values and there is no dialysis."""
    function = renal_function(chart, knowledge)
    facts = function_facts(function)
    if function.dialysis is not None:
        return not_applicable("on dialysis, which has its own column", *facts)
    if function.clearance is not None:
        return passed(str(function.clearance), *facts)
    values, variant, last = {"missing": "; ".join(function.missing), "last_known": ""}, "missing", function.last_known
    basis = [basis_of(creatinine_age_limit(chart, knowledge)), basis_of(knowledge.figures["weightDays"])]
    column = band_of(last, knowledge) if last is not None else None
    if last is not None and column is not None:
        sentence = knowledge.phrases.sentences["renal_lastKnown"]
        values["last_known"] = sentence.format(clearance=_formula(last))
        dose, course = ordered_dose(chart, knowledge), therapy(chart, knowledge)
        situation = Situation(chart, knowledge, dose, course, function, last, column)
        if column != _FULL and (dose.average or 0) > allowed_mg_per_day(situation.table, course):
            more, seen = _values(situation)
            values |= more
            facts = _distinct((*dose.facts, indication_fact(course)), facts, seen)
            variant = "lastKnownWouldCut"
            basis += table_basis(course, column, knowledge)
    creatinine_missing = knowledge.analytes["creatinine"].need in function.missing_needs
    return fired(
        Finding(
            topic="renalFunctionUnknown",
            variant=variant,
            values=values,
            facts=facts,
            basis=tuple(basis),
            suggestions=(CreateTest("creatinine"),) if creatinine_missing else (),
            absent=function.missing_needs,
        )
    )


def function_facts(function: RenalFunction) -> tuple[Fact, ...]:
    """Return the inputs of the clearance, and the evidence for dialysis."""
    dialysis = function.dialysis
    if dialysis is None:
        return function.facts
    when = str(dialysis.when) if dialysis.when else ""
    return (Fact("Dialysis", dialysis.text, when, dialysis.reference), *function.facts)


def _values(situation: Situation) -> tuple[dict[str, str], tuple[Fact, ...]]:
    """Return what every wording of the card needs, and the further results its remarks speak of."""
    clearance, table = situation.clearance, situation.table
    words, seen = remarks(situation)
    values = {
        "dose": str(situation.dose),
        "table": dose_words(table, situation.knowledge),
        "regimen": table.regimen,
        "profile": situation.course.profile.name,
        "remarks": words,
    }
    dialysis = situation.function.dialysis
    if dialysis is not None:
        return values | {"clearance": "on dialysis", "clearance_long": f"dialysis ({dialysis.text})"}, seen
    assert clearance is not None  # noqa: S101  without dialysis a clearance has chosen the column
    short = f"{clearance} (preliminary)" if clearance.preliminary else str(clearance)
    return values | {"clearance": short, "clearance_long": _formula(clearance)}, seen


def _distinct(*facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Return the facts in order, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(facts)))


def _formula(clearance: Clearance) -> str:
    """Return the computation, so that it can be checked by hand."""
    factor = " × 0.85" if clearance.female else ""
    return (
        f"{clearance} = (140 − {clearance.age}) × {clearance.weight.value:.4g} kg / "
        f"(72 × {clearance.creatinine.value:.4g} mg/dL){factor}"
    )


def _update(situation: Situation) -> tuple[Suggestion, ...]:
    """Offer the table dose as an update, unless it is unclear which order or which indication is meant."""
    orders, table = situation.dose.orders, situation.table
    if len(orders) != 1 or situation.course.profile_key == "unknown":
        return ()
    order = orders[0]
    return (UpdateDose(order.resource, order.strength_mg, table.single_mg, table.every_days, table.regimen),)


def _creatinine(situation: Situation) -> tuple[Suggestion, ...]:
    """Offer creatinine where the clearance is not from current, final results."""
    unsettled = not situation.on_dialysis and situation.clearance is not situation.function.clearance
    return (CreateTest("creatinine"),) if unsettled else ()
