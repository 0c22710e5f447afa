"""Stem cell collection in myeloma before lenalidomide lowers the yield (S-50)."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.therapy import therapy
from cds_hooks.findings import Fact, Finding, Outcome, basis_of, fired, not_applicable, not_evaluable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.treatment_facts import treatment_facts

_HARVEST = "stemCellHarvest"
_INELIGIBLE = "transplantIneligible"


def stem_cell_mobilization(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire in cycles 3 and 4 (info) and 5 and 6 (warning) when no transplant and no collection is on record.

    Only for myeloma with dexamethasone up to the age of 75, and not when the record says that a transplant is out of
    the question.
    """
    course = therapy(chart, knowledge)
    if course.profile_key != "mmCombination":
        return not_applicable("not the combination in myeloma")
    if course.transplant is not None:
        return not_applicable("already transplanted")
    cycle = course.course.cycle
    if course.course.first_order or cycle is None:
        reason = "first order" if course.course.first_order else "start of treatment not known"
        return not_applicable(reason) if course.course.first_order else not_evaluable(reason)
    figures = knowledge.figures
    from_cycle, impaired_from = figures["mobilizationReminderFromCycle"], figures["mobilizationImpairedFromCycle"]
    last_cycle, highest_age = figures["mobilizationLastCycle"], figures["mobilizationAge"]
    if not from_cycle.holds(cycle) or not last_cycle.holds(cycle):
        return not_applicable(f"cycle {cycle}")
    age = chart.patient.age_years(chart.now)
    if age is not None and not highest_age.holds(age):
        return not_applicable(f"age {age}")
    if evidence := _evidence(chart):
        return passed("collected, or not eligible", *evidence)
    late, start = impaired_from.holds(cycle), course.course.start
    words = knowledge.phrases.sentences
    return fired(
        Finding(
            topic="stemCellMobilization",
            variant="late" if late else "early",
            values={
                "cycle": str(cycle),
                "since": str(start.date()) if start else "",
                "age": words["ageUnknown"] if age is None else "",
            },
            facts=(
                Fact("Age", words["dateMissing"] if age is None else f"{age} years", "", chart.patient.reference),
                Fact("Autologous transplant", knowledge.phrases.states["absent"]),
                Fact("Stem cell collection", knowledge.phrases.states["absent"]),
                *treatment_facts(chart, course, knowledge),
            ),
            basis=tuple(map(basis_of, (impaired_from, from_cycle, last_cycle, highest_age))),
            absent=frozenset({"procedures", "conditions"}),
        )
    )


def _evidence(chart: Chart) -> tuple[Fact, ...]:
    """Return what shows that stem cells were collected, or that a transplant is no option."""
    done = [
        Fact("Stem cell collection", fact.text, str(fact.when or ""), fact.reference)
        for fact in chart.procedures(_HARVEST)
    ]
    listed = chart.conditions(_HARVEST, _INELIGIBLE, active=False)
    return (
        *done,
        *(Fact("On record", fact.text, str(fact.onset or fact.recorded or ""), fact.reference) for fact in listed),
    )
