"""Lymphoma: leukocytes in mantle cell lymphoma (S-52), signs of tumour lysis before a first order (S-46)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.therapy import Therapy, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import (
    CreateTest,
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
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.count_limits import cell_count
from cds_hooks.rules.counts import count_basis
from cds_hooks.rules.lab_facts import (
    age_in_words,
    day_of,
    days_old,
    lab_fact,
    measured,
    newest_alarming,
    results_up_to,
    satisfies,
    short_name,
    shown,
)
from cds_hooks.rules.medication_facts import medication_fact
from cds_hooks.rules.treatment_facts import treatment_facts

_LYMPHOMA = frozenset({"mcl", "fl", "mzl"})
_WBC = "wbc"
_CRITERIA = (
    ("uricAcid", "tumorLysisUricAcid"),
    ("potassium", "tumorLysisPotassium"),
    ("phosphate", "tumorLysisPhosphate"),
    ("calcium", "tumorLysisCalcium"),
)
_URIC_ACID_LOWERING = ("allopurinol", "febuxostat", "rasburicase")


def mantle_cell_lymphoma(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire at a first order for mantle cell lymphoma: WBC of 10 ×10⁹/L or more (warning), WBC not known (info)."""
    course = therapy(chart, knowledge)
    if course.profile_key != "mcl" or not course.course.first_order:
        return not_applicable("not a first order for mantle cell lymphoma")
    figures = knowledge.figures
    limit, recent, old = figures["mantleCellLeukocytes"], figures["countRecentDays"], figures["countOldDays"]
    results = [one for one in chart.results(_WBC) if old.holds(days_old(one, chart.now))]
    high = newest_alarming(results, partial(satisfies, figure=limit))
    if high is not None:
        values = {
            "value": shown(high),
            "date": day_of(high),
            "age": age_in_words(high, chart.now),
            "from": cell_count(limit.value),
        }
        facts = (*results_up_to(high, results, chart, knowledge), *treatment_facts(chart, course, knowledge))
        absent = frozenset(MEDICATION_NEEDS)
        return fired(Finding("mantleCellLymphoma", "high", values, facts, (count_basis(limit),), absent=absent))
    wbc = measured(chart, knowledge, _WBC, recent.value, settles=partial(satisfies, figure=limit))
    if wbc.result is not None:
        return passed(f"{short_name(_WBC, knowledge)} below the limit", *wbc.facts)
    return fired(
        Finding(
            topic="mantleCellLymphoma",
            variant="unknown",
            values={"words": wbc.words, "state": wbc.state, "from": cell_count(limit.value)},
            facts=(*wbc.facts, *treatment_facts(chart, course, knowledge)),
            basis=(count_basis(limit), basis_of(recent)),
            suggestions=(CreateTest("completeBloodCount"),),
            absent=frozenset({"bloodCounts", *MEDICATION_NEEDS}),
        )
    )


@dataclass(frozen=True, slots=True)
class _Sign:
    """A laboratory sign of tumour lysis that is met."""

    analyte: str
    result: LabResult
    figure: Figure

    def short(self, chart: Chart) -> str:
        """Say it in a few words: "uric acid 8.4 mg/dL"."""
        name = chart.analyte_name(self.analyte).partition(",")[0]
        return f"{name} {shown(self.result)}{' (preliminary)' if self.result.preliminary else ''}"

    def words(self, chart: Chart) -> str:
        """Say it with its date."""
        return f"{self.short(chart)} of {self.result.when.day if self.result.when else 'no date'}"


def tumor_lysis_risk(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire at a first order in lymphoma or bulky disease: high uric acid, or two laboratory signs of tumour lysis."""
    course = therapy(chart, knowledge)
    if not course.course.first_order:
        return not_applicable("not the first order")
    bulky = chart.conditions("bulkyDisease")
    if course.profile_key not in _LYMPHOMA and not bulky:
        return not_applicable("neither lymphoma nor bulky disease")
    days = knowledge.figures["tumorLysisDays"]
    signs = [sign for analyte, key in _CRITERIA if (sign := _sign(analyte, knowledge.figures[key], chart, days))]
    enough = knowledge.figures["tumorLysisCriteria"]
    laboratory = enough.holds(len(signs))
    if not laboratory and not any(sign.analyte == "uricAcid" for sign in signs):
        facts = [lab_fact(chart, knowledge, analyte, days.value) for analyte, _ in _CRITERIA]
        if not any(measured(chart, knowledge, analyte, days.value).result for analyte, _ in _CRITERIA):
            return not_evaluable("no recent uric acid, potassium, phosphate or calcium", *facts)
        return passed("no laboratory sign of tumour lysis", *facts)
    used = [sign.figure for sign in signs]
    return fired(
        Finding(
            topic="tumorLysisRisk",
            variant="laboratory" if laboratory else "uricAcid",
            values={
                "disease": _disease(course, bulky, knowledge),
                "signs": ", ".join(sign.short(chart) for sign in signs),
                "findings": ", ".join(sign.words(chart) for sign in signs),
                "count": str(len(signs)),
            },
            facts=_facts(signs, bulky, course, chart, knowledge),
            basis=tuple(map(basis_of, (*used, *((enough,) if laboratory else ()), days))),
            absent=frozenset(MEDICATION_NEEDS),
        )
    )


def _sign(analyte: str, figure: Figure, chart: Chart, days: Figure) -> _Sign | None:
    """Return the recent result of an analyte that meets its criterion; None when there is none."""
    results = [one for one in chart.results(analyte) if days.holds(days_old(one, chart.now))]
    found = newest_alarming(results, partial(satisfies, figure=figure))
    return _Sign(analyte, found, figure) if found else None


def _disease(course: Therapy, bulky: tuple[ConditionFact, ...], knowledge: Knowledge) -> str:
    name = knowledge.code_sets[course.indication.code_set].name if course.profile_key in _LYMPHOMA else ""
    return name or bulky[0].text[:40]


def _facts(
    signs: list[_Sign], bulky: tuple[ConditionFact, ...], course: Therapy, chart: Chart, knowledge: Knowledge
) -> tuple[Fact, ...]:
    met = {sign.analyte: sign.result for sign in signs}
    facts: list[Fact] = []
    for analyte, _ in _CRITERIA:
        if analyte in met:
            facts += results_up_to(met[analyte], chart.results(analyte), chart, knowledge)
        else:
            facts.append(lab_fact(chart, knowledge, analyte, knowledge.figures["tumorLysisDays"].value))
    facts += [Fact("Bulky disease", fact.text, str(fact.onset or ""), fact.reference) for fact in bulky]
    facts += [
        medication_fact(fact, "Uric-acid-lowering drug", knowledge) for fact in chart.active(*_URIC_ACID_LOWERING)[:1]
    ]
    return (*facts, *treatment_facts(chart, course, knowledge))
