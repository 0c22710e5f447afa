"""Contraception and breastfeeding beside lenalidomide, thalidomide and pomalidomide (S-09, S-28, S-72)."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.contraception import MethodKind, contraception
from cds_hooks.chart.fhir import LOINC, SNOMED
from cds_hooks.chart.labs import LabProblem, LabResult, Outcome
from cds_hooks.chart.reproduction import ReproductivePotential, reproductive_status
from cds_hooks.chart.when import When
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Fact, Finding, basis_of, fired, not_applicable, passed
from cds_hooks.findings import Outcome as RuleOutcome
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.markdown import escape
from cds_hooks.rules.lab_facts import result_fact
from cds_hooks.rules.pregnancy import draft_facts, drafted_analogues, names_of

_NOT_EXCLUDED = "potentialNotExcluded"


def contraception_required(chart: Chart, knowledge: Knowledge) -> RuleOutcome:
    """Fire when pregnancy is possible and neither a highly effective method nor abstinence is on record."""
    drafts = drafted_analogues(chart)
    if not drafts:
        return not_applicable("no thalidomide analogue is drafted")
    status = reproductive_status(chart, knowledge)
    if status.potential is ReproductivePotential.NO:
        return not_applicable(f"no reproductive potential: {status.reason}", *status.facts)
    recorded = contraception(chart, knowledge)
    if recorded.of(MethodKind.ABSTINENCE):
        return passed("abstinence recorded", *recorded.facts)
    if recorded.of(MethodKind.HIGHLY_EFFECTIVE):
        return passed("a highly effective method is recorded", *recorded.facts)
    figures, sentences = knowledge.figures, knowledge.phrases.sentences
    additional = recorded.of(MethodKind.ADDITIONAL)
    only = ", ".join(fact.value for fact in (*additional, *recorded.of(MethodKind.NONE)))
    is_open = status.potential is ReproductivePotential.NOT_EXCLUDED
    basis = ("contraceptiveMethodsWanted", "contraceptionWeeksBefore", "contraceptionWeeksAfter")
    return fired(
        Finding(
            topic="contraceptionRequired",
            variant="notRecorded",
            values={
                "potential": sentences[_NOT_EXCLUDED].format(reason=status.reason) if is_open else "",
                "drug": names_of(drafts, knowledge),
                "only": sentences["contraception_onlyFound"].format(methods=only) if only else "",
                "methods": f"{figures['contraceptiveMethodsWanted'].value:g}",
                "before": f"{figures['contraceptionWeeksBefore'].value:g}",
                "after": f"{figures['contraceptionWeeksAfter'].value:g}",
                "menopause_months": f"{figures['menopauseMonths'].value:g}",
            },
            facts=(*draft_facts(drafts, knowledge), *recorded.facts, *status.facts),
            basis=(*(basis_of(figures[key]) for key in basis), *(basis_of(figure) for figure in status.figures)),
            absent=frozenset({"conditions", "procedures", "pregnancy", *MEDICATION_NEEDS}),
        )
    )


# --- breastfeeding ----------------------------------------------------------------------------------------------------


def lactation(chart: Chart, knowledge: Knowledge) -> RuleOutcome:
    """Fire when breastfeeding is on record: on the problem list, or as the latest recorded status."""
    drafts = drafted_analogues(chart)
    if not drafts:
        return not_applicable("no thalidomide analogue is drafted")
    days = knowledge.figures["breastfeedingDays"]
    status, denied = _latest_status(chart)
    found = [(status.when, result_fact(status, chart, knowledge))] if status is not None else []
    seen = list(found)
    for entry in chart.conditions("lactation"):
        when = entry.onset or entry.recorded
        fact = Fact(
            "Breastfeeding", entry.text, str(when) if when else "no date", entry.reference, entry.clinical_status
        )
        seen.append((when, fact))
        if denied is None or (when is not None and when.start > denied.start):
            found.append((when, fact))
    recent = [(when, fact) for when, fact in found if when is None or days.holds(when.days_before(chart.now))]
    if not recent:
        return passed("no recent record of breastfeeding", *(fact for _, fact in seen))
    when, fact = recent[0]
    return fired(
        Finding(
            topic="lactation",
            variant="breastfeeding",
            values={"drug": names_of(drafts, knowledge), "date": str(when.day) if when else "no date"},
            facts=(*draft_facts(drafts, knowledge), *(fact for _, fact in seen)),
            basis=(basis_of(days),),
        )
    )


def _latest_status(chart: Chart) -> tuple[LabResult | None, When | None]:
    """Return the latest status "breastfeeding", or when the opposite was said; a preliminary denial does not count."""
    for result in chart.results("breastfeedingStatus"):
        if result.when is None or result.problem not in (None, LabProblem.FREE_TEXT):
            continue
        says = _says(result, chart)
        if says:
            return result, None
        if says is False and not result.preliminary:
            return None, result.when
    return None, None


def _says(result: LabResult, chart: Chart) -> bool | None:
    """Whether a status says that the patient breastfeeds; None when it says neither."""
    if result.qualitative is not None:
        return {Outcome.POSITIVE: True, Outcome.NEGATIVE: False}.get(result.qualitative)
    rows = [{"system": system, "code": code} for code in sorted(result.coded) for system in (SNOMED, LOINC)]
    coded = chart.code_sets_of({"coding": rows}) if rows else frozenset[str]()
    if "lactation" in coded or "lactation" in chart.code_sets_of({"text": result.raw}):
        return True
    return False if result.raw.casefold().startswith(("no", "does not", "stopped")) else None


def methods_without_second(chart: Chart, knowledge: Knowledge) -> str:
    """Return the highly effective methods in words when no second method is recorded beside them, else ""."""
    recorded = contraception(chart, knowledge)
    if recorded.of(MethodKind.ADDITIONAL) or recorded.of(MethodKind.ABSTINENCE):
        return ""
    return ", ".join(dict.fromkeys(escape(fact.value) for fact in recorded.of(MethodKind.HIGHLY_EFFECTIVE)))
