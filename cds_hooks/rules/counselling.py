"""The one card of reminders at a first lenalidomide order: what the label asks for and no data can prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.patient import Sex
from cds_hooks.chart.reproduction import ReproductivePotential, reproductive_status
from cds_hooks.chart.therapy import Therapy, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Finding, Outcome, fired, not_applicable
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.markdown import escape
from cds_hooks.rules.contraception import methods_without_second
from cds_hooks.rules.lab_facts import day_of, newest_alarming, short_name, shown
from cds_hooks.rules.liver import ENZYMES, upper_limit
from cds_hooks.rules.treatment_facts import treatment_facts

Values = Mapping[str, str]
Condition = Callable[[Chart, Knowledge, Therapy], Values | None]
"""Returns what fills the placeholders of a reminder, None when the reminder does not concern the patient."""

_LYMPHOMA = frozenset({"mcl", "fl", "mzl"})


def counselling(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire once, at the first order, with every reminder that concerns this patient."""
    if not chart.judged("lenalidomide"):
        return not_applicable("lenalidomide is not drafted")
    course = therapy(chart, knowledge)
    if not course.course.first_order:
        return not_applicable("not the first order")
    lines = []
    for line in knowledge.counselling.values():
        values = CONDITIONS[line.when](chart, knowledge, course)
        if values is not None:
            unverified = "" if line.verified else f" ({knowledge.phrases.sentences['unverified']})"
            lines.append(f"* {line.text.format_map(values)}{unverified}")
    values = {"count": str(len(lines)), "list": "\n".join(lines)}
    facts = treatment_facts(chart, course, knowledge)
    return fired(Finding("counselling", "firstOrder", values, facts, absent=frozenset(MEDICATION_NEEDS)))


def _always(_chart: Chart, _knowledge: Knowledge, _course: Therapy) -> Values | None:
    return {}


def _reproductive_potential(chart: Chart, knowledge: Knowledge, _course: Therapy) -> Values | None:
    excluded = reproductive_status(chart, knowledge).potential is ReproductivePotential.NO
    return None if excluded else {}


def _one_contraceptive_method(chart: Chart, knowledge: Knowledge, course: Therapy) -> Values | None:
    """A highly effective method without a second one beside it; without any, contraceptionRequired speaks."""
    if _reproductive_potential(chart, knowledge, course) is None:
        return None
    methods = methods_without_second(chart, knowledge)
    return {"found": methods} if methods else None


def _male(chart: Chart, _knowledge: Knowledge, _course: Therapy) -> Values | None:
    """Men, and patients whose sex is not known."""
    return {} if chart.patient.sex is not Sex.FEMALE else None


def _lymphoma(_chart: Chart, _knowledge: Knowledge, course: Therapy) -> Values | None:
    return {} if course.profile_key in _LYMPHOMA else None


def _myeloma_without_dexamethasone(chart: Chart, _knowledge: Knowledge, course: Therapy) -> Values | None:
    return {} if course.profile_key == "mmCombination" and not chart.active("dexamethasone") else None


def _modifiable_thrombosis_factor(chart: Chart, _knowledge: Knowledge, _course: Therapy) -> Values | None:
    return _listed(fact.text for fact in chart.conditions("hypertension", "hyperlipidemia", "tobaccoUse"))


def _liver_risk(chart: Chart, knowledge: Knowledge, _course: Therapy) -> Values | None:
    """Liver disease on record, and enzymes above their upper limit of normal."""

    def is_raised(result: LabResult) -> bool | None:
        return result.is_above(upper_limit(result, knowledge))

    raised = filter(None, (newest_alarming(chart.results(analyte), is_raised) for analyte in ENZYMES))
    return _listed(
        (
            *(fact.text for fact in chart.conditions("viralHepatitis", "hepaticImpairment")),
            *(f"{short_name(one.analyte, knowledge)} {shown(one)} of {day_of(one)}" for one in raised),
        )
    )


def _listed(found: Iterable[str]) -> Values | None:
    words = ", ".join(dict.fromkeys(map(escape, found)))
    return {"found": words} if words else None


CONDITIONS: Mapping[str, Condition] = {
    "always": _always,
    "reproductivePotential": _reproductive_potential,
    "oneContraceptiveMethod": _one_contraceptive_method,
    "male": _male,
    "lymphoma": _lymphoma,
    "myelomaWithoutDexamethasone": _myeloma_without_dexamethasone,
    "modifiableThrombosisFactor": _modifiable_thrombosis_factor,
    "liverRisk": _liver_risk,
}
"""The words `counselling.yaml` may use under `when`."""
