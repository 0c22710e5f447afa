"""What lenalidomide is given for: chronic lymphocytic leukemia (S-03, S-34), orders without a clear indication."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact
from cds_hooks.chart.therapy import Indication, IndicationSource, labelled_indications, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Fact, Finding, Outcome, basis_of, fired, not_applicable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.treatment_facts import order_facts

_CLL = "chronicLymphocyticLeukemia"
_SMALL_CELL = "smallCellBCellLymphoma"
_RELATED = (_CLL, _SMALL_CELL, "myelodysplasticOther")
"""Diseases that are no labelled indication but close to one; shown when none is found."""
_LONGEST = 60
"""Characters of a reason that fit into the summary of a card."""


def chronic_lymphocytic_leukemia(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the drug is for CLL, or CLL is all it could be for (critical); CLL beside another reason (warning).

    Critical unless the patient takes part in a study; the warning comes at a first order only. The ICD-10-CM category
    C83.0 proves neither CLL nor a labelled indication.
    """
    course = therapy(chart, knowledge)
    indication = course.indication
    listed = chart.conditions(_CLL)
    is_reason = _CLL in indication.other_reason and indication.source is not IndicationSource.ORDER
    if not is_reason and not listed and _CLL not in indication.other_reason:
        return passed("no CLL among reasons and active conditions")
    facts = (*_condition_facts(listed), *order_facts(chart, knowledge), *_reason_facts(indication))
    text = indication.other_text if is_reason else listed[0].text if listed else indication.other_text
    if not is_reason and (beside := _labelled_or_other(indication)):
        if not course.course.first_order:
            return not_applicable("CLL beside another reason, told at the first order", *facts)
        values = {"text": _short(text), "indication": _short(beside)}
        return fired(Finding(_CLL, "beside", values, facts, absent=frozenset(MEDICATION_NEEDS)))
    studies = chart.research_subjects()
    if studies:
        study = (Fact("Study participation", fact.text or "active", "", fact.reference) for fact in studies)
        return passed("takes part in a study", *facts, *study)
    looked_for = {"researchSubjects"} if is_reason else {"researchSubjects", "conditions"}
    variant = "reason" if is_reason else "onlyIndication"
    return fired(Finding(_CLL, variant, {"text": _short(text)}, facts, absent=frozenset(looked_for)))


def _labelled_or_other(indication: Indication) -> str:
    """Return the disease other than CLL that the drug may be for, in words; "" when there is none."""
    if indication.code_set:
        return indication.text
    if indication.candidates:
        return ", ".join(dict.fromkeys(fact.text for fact in indication.candidates))
    return "" if _SMALL_CELL in indication.other_reason else indication.other_text


def indication_unclear(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire at a first order when no labelled indication is found, or the patient is a minor (information)."""
    course = therapy(chart, knowledge)
    if not course.course.first_order:
        return not_applicable("not the first order")
    indication, adult = course.indication, knowledge.figures["adultAge"]
    age = _age(chart)
    is_minor = age is not None and not adult.holds(age)
    minor = knowledge.phrases.sentences["indicationMinor"].format(age=age) if is_minor else ""
    related = chart.conditions(*_RELATED) if not indication.code_set else ()
    facts = (
        *order_facts(chart, knowledge),
        *_reason_facts(indication),
        *_condition_facts((*indication.candidates, *related)),
        *((Fact("Age", f"{age} years", "", chart.patient.reference),) if is_minor else ()),
    )
    variant, reason = ("minor" if is_minor else "", "") if indication.code_set else _why(indication, related, knowledge)
    if not variant:
        return passed("labelled indication known, adult or age not known", *facts)
    known = indication.code_set or indication.other_reason or variant == "several"
    return fired(
        Finding(
            topic="indicationUnclear",
            variant=variant,
            values={"reason": _short(reason), "minor": minor, "age": str(age)},
            facts=facts,
            basis=(basis_of(adult),) if is_minor else (),
            absent=frozenset(MEDICATION_NEEDS) | (frozenset() if known else {"conditions"}),
        )
    )


def _why(indication: Indication, related: tuple[ConditionFact, ...], knowledge: Knowledge) -> tuple[str, str]:
    """Return why the indication is not known: the wording, and the disease it is about."""
    if _SMALL_CELL in indication.other_reason:
        return "smallCell", indication.other_text
    if indication.other_text:
        return "otherReason", indication.other_text
    if indication.candidates:
        names = {name for fact in indication.candidates for name in fact.sets & labelled_indications(knowledge)}
        return "several", ", ".join(knowledge.code_sets[name].name for name in sorted(names))
    if small_cell := next((fact for fact in related if _SMALL_CELL in fact.sets), None):
        return "smallCell", small_cell.text
    return "none", ""


def _age(chart: Chart) -> int | None:
    """Return completed years of age; None when not known, also when the Patient could not be obtained."""
    try:
        return chart.patient.age_years(chart.now)
    except LookupError:
        return None


def _reason_facts(indication: Indication) -> tuple[Fact, ...]:
    labelled = Fact("Indication", indication.text, "", indication.reference, indication.source.value)
    other = Fact("Reason of the order", indication.other_text)
    return (*((labelled,) if indication.code_set else ()), *((other,) if indication.other_text else ()))


def _condition_facts(conditions: tuple[ConditionFact, ...]) -> tuple[Fact, ...]:
    return tuple(
        Fact("Active condition", fact.text, str(fact.onset or fact.recorded or ""), fact.reference)
        for fact in dict.fromkeys(conditions)
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
