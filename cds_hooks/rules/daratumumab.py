"""Daratumumab, drafted beside lenalidomide or alone: reactions, blood bank, counts, reminders (S-22, S-54 to S-60)."""

from __future__ import annotations

import re
from functools import partial

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.drugs import MatchBasis
from cds_hooks.chart.labs import LabProblem, LabResult, LabState
from cds_hooks.chart.labs import Outcome as LabOutcome
from cds_hooks.chart.reproduction import ReproductivePotential, reproductive_status
from cds_hooks.chart.therapy import course
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import (
    CreateTest,
    DeleteDraft,
    Fact,
    Finding,
    Outcome,
    basis_of,
    fired,
    not_applicable,
    not_evaluable,
    passed,
)
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.count_limits import cell_count
from cds_hooks.rules.counts import count_basis
from cds_hooks.rules.lab_facts import (
    day_of,
    days_old,
    lab_fact,
    measured,
    newest_alarming,
    result_fact,
    results_up_to,
    satisfies,
    short_name,
    shown,
    state_words,
)
from cds_hooks.rules.recorded_reactions import reaction_fact, reaction_values, recorded_reactions, worst_first

_DRUG = "daratumumab"
_GROUP, _SCREEN = "bloodGroup", "antibodyScreen"
_COUNTS = (("anc", "daratumumabNeutrophils"), ("platelets", "daratumumabPlatelets"))
_ANY_AGE_DAYS = 365_000
_GROUP_IN_WORDS = re.compile(
    r"(?:(?:abo|blood)?\s*(?:type|group)?\s*:?\s*)?(?:AB|A|B|O|0)"
    r"(?:\s*[,;/]?\s*(?:rh(?:esus)?\s*(?:\(?d\)?)?\s*:?\s*)?(?:pos(?:itive)?|neg(?:ative)?|[+\-−]))?\.?",
    re.IGNORECASE,
)
"""A blood group written out, and nothing else: "A Rh positive", "O POS", "AB-"."""


def daratumumab_hypersensitivity(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when daratumumab is drafted and a severe reaction to it is on record."""
    orders = chart.judged(_DRUG)
    if not orders:
        return not_applicable("daratumumab is not drafted")
    concerned = [one for one in recorded_reactions(chart, knowledge) if one.is_known_to_concern({_DRUG})]
    facts = tuple(reaction_fact(one, knowledge) for one in worst_first(concerned, knowledge))
    severe = [one for one in concerned if one.is_severe(knowledge) and not one.is_other_toxicity]
    if not severe:
        return passed("no severe reaction on record", *facts)
    return fired(
        Finding(
            topic="daratumumabHypersensitivity",
            variant="severe",
            values=reaction_values(worst_first(severe, knowledge)[0], knowledge),
            facts=(*facts, *_order_facts(chart, knowledge)),
            basis=(basis_of(knowledge.figures["severeReactionGrade"]),),
            suggestions=tuple(DeleteDraft(order.resource) for order in orders),
        )
    )


def daratumumab_blood_bank(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire at a first daratumumab order when blood group or antibody screen is not on record."""
    if not chart.judged(_DRUG):
        return not_applicable("daratumumab is not drafted")
    if not _is_first(chart, knowledge):
        return not_applicable("not the first daratumumab order")
    missing = [analyte for analyte in (_GROUP, _SCREEN) if _on_record(analyte, chart) is None]
    facts = tuple(_blood_bank_fact(analyte, chart, knowledge) for analyte in (_GROUP, _SCREEN))
    if not missing:
        return passed("blood group and antibody screen on record", *facts)
    months = knowledge.figures["daratumumabSerologyMonths"]
    words = (f"{chart.analyte_name(analyte)} {_why_not(analyte, chart, knowledge)}" for analyte in missing)
    return fired(
        Finding(
            topic="daratumumabBloodBank",
            variant="both" if len(missing) == len(facts) else "group" if _GROUP in missing else "screen",
            values={"missing": ", ".join(words), "months": f"{months.value:g}"},
            facts=(*facts, *_order_facts(chart, knowledge)),
            basis=(basis_of(months),),
            suggestions=(CreateTest("typeAndScreen"),),
            absent=frozenset({"bloodBank", *MEDICATION_NEEDS}),
        )
    )


def daratumumab_counts(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when daratumumab is drafted and the newest usable ANC or platelet count, at most 90 days old, is low."""
    if not chart.judged(_DRUG):
        return not_applicable("daratumumab is not drafted")
    figures = knowledge.figures
    recent, old = figures["countRecentDays"], figures["countOldDays"]
    low: list[LabResult] = []
    facts: list[Fact] = []
    used = []
    for analyte, key in _COUNTS:
        figure = figures[key]
        results = [one for one in chart.results(analyte) if old.holds(days_old(one, chart.now))]
        found = newest_alarming(results, partial(satisfies, figure=figure))
        if found is None:
            facts.append(lab_fact(chart, knowledge, analyte, old.value))
            continue
        low.append(found)
        used.append(figure)
        facts += results_up_to(found, results, chart, knowledge)
    if not low:
        known = [measured(chart, knowledge, analyte, old.value).result for analyte, _ in _COUNTS]
        return passed("counts not low", *facts) if all(known) else not_evaluable("ANC or platelets not known", *facts)
    words = [f"{short_name(one.analyte, knowledge)} {shown(one)} of {day_of(one)}" for one in low]
    compared = (f"{word}, below {cell_count(figure.value)}" for word, figure in zip(words, used, strict=True))
    is_old = not any(recent.holds(days_old(one, chart.now)) for one in low)
    return fired(
        Finding(
            topic="daratumumabCounts",
            variant="oldResult" if is_old else "low",
            values={"findings": " and ".join(words), "compared": " and ".join(compared)},
            facts=(*facts, *_order_facts(chart, knowledge)),
            basis=tuple(map(count_basis, (*used, recent))),
            suggestions=(CreateTest("completeBloodCount"),) if is_old else (),
        )
    )


def daratumumab_counselling(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire once, at the first daratumumab order, with what its label asks for and no data can show."""
    if not chart.judged(_DRUG):
        return not_applicable("daratumumab is not drafted")
    if not _is_first(chart, knowledge):
        return not_applicable("not the first daratumumab order")
    serology = knowledge.figures["daratumumabSerologyMonths"]
    contraception = knowledge.figures["daratumumabContraceptionMonths"]
    fertile = _may_become_pregnant(chart, knowledge)
    return fired(
        Finding(
            topic="daratumumabCounselling",
            variant="firstOrderReproductive" if fertile else "firstOrder",
            values={"months": f"{serology.value:g}", "contraception": f"{contraception.value:g}"},
            facts=(
                *(_blood_bank_fact(analyte, chart, knowledge) for analyte in (_GROUP, _SCREEN)),
                *_order_facts(chart, knowledge),
            ),
            basis=tuple(map(basis_of, (serology, *((contraception,) if fertile else ())))),
            absent=frozenset(MEDICATION_NEEDS),
        )
    )


def _is_first(chart: Chart, knowledge: Knowledge) -> bool:
    """Whether daratumumab was not ordered, stated or dispensed before, nor given: an infusion leaves no dispense."""
    days = int(knowledge.figures["firstOrderWindowDays"].value)
    given = (fact for fact in chart.medications(_DRUG) if fact.kind == "MedicationAdministration")
    return course(chart, knowledge, _DRUG).first_order and not any(fact.is_active(chart.now, days) for fact in given)


def _may_become_pregnant(chart: Chart, knowledge: Knowledge) -> bool:
    """Whether reproductive potential is not excluded; nor is it when the Patient could not be obtained."""
    try:
        return reproductive_status(chart, knowledge).potential is not ReproductivePotential.NO
    except LookupError:
        return True


def _on_record(analyte: str, chart: Chart) -> LabResult | None:
    """Return the newest final blood group or antibody screen, however old."""
    return next((one for one in chart.results(analyte) if not one.preliminary and _says(one)), None)


def _says(result: LabResult) -> bool:
    """Whether a result says something: a coded or written blood group, a screen that is positive or negative."""
    if result.analyte == _SCREEN:
        return result.problem is None and result.qualitative in (LabOutcome.POSITIVE, LabOutcome.NEGATIVE)
    if result.problem is LabProblem.FREE_TEXT:
        return _GROUP_IN_WORDS.fullmatch(result.raw) is not None
    return result.problem is None


def _why_not(analyte: str, chart: Chart, knowledge: Knowledge) -> str:
    lab = chart.lab(analyte, _ANY_AGE_DAYS)
    if lab.latest is not None and lab.state is LabState.CURRENT:
        return shown(lab.latest)
    return state_words(lab, knowledge)


def _blood_bank_fact(analyte: str, chart: Chart, knowledge: Knowledge) -> Fact:
    found = _on_record(analyte, chart)
    if found is None or found.problem is None:
        return result_fact(found, chart, knowledge) if found else lab_fact(chart, knowledge, analyte)
    return Fact(chart.analyte_name(analyte), shown(found), str(found.when or ""), found.reference)


def _order_facts(chart: Chart, knowledge: Knowledge) -> tuple[Fact, ...]:
    by_name = knowledge.phrases.sentences["matchedByName"]
    return tuple(
        Fact("Order", order.name, "", order.reference, by_name if order.match.basis is MatchBasis.NAME else "")
        for order in chart.judged(_DRUG)
    )
