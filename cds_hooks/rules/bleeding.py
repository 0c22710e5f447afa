"""Bleeding: low platelets or bleeding beside drugs that add to it (S-30), and what speaks against anticoagulation."""

from __future__ import annotations

from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.findings import (
    Basis,
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
from cds_hooks.markdown import escape
from cds_hooks.rules.count_limits import cell_count
from cds_hooks.rules.lab_facts import (
    age_in_words,
    day_of,
    days_old,
    lab_fact,
    newest_alarming,
    results_up_to,
    satisfies,
    shown,
)
from cds_hooks.rules.medication_facts import drug_name, medication_fact
from cds_hooks.rules.renal_function import DIALYSIS, renal_function

_ADDING = (
    ("anticoagulant", "thrombosis_anticoagulant"),
    ("antiplatelet", "thrombosis_antiplatelet"),
    ("nsaid", "thrombosis_nsaid"),
)
_SEVERE = "severe"
"""Band of the renal dose table in which heparins and direct anticoagulants may need another dose."""


def bleeding_risk(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when platelets are below 50,000/µL while an anticoagulant, a platelet inhibitor or an NSAID is in use."""
    sentences = knowledge.phrases.sentences
    in_use = [(fact, sentences[key]) for name, key in _ADDING for fact in chart.active(name)]
    if not in_use:
        return not_applicable("no drug in use that adds to the bleeding risk")
    results = chart.results("platelets")
    low = low_platelets(chart, knowledge)
    if low is None:
        seen = lab_fact(chart, knowledge, "platelets")
        readable = any(result.is_final for result in results)
        return passed("platelets not low", seen) if readable else not_evaluable("no readable platelet count", seen)
    seen_platelets = results_up_to(low, results, chart, knowledge)
    limit, recent = knowledge.figures["bleedingPlatelets"], knowledge.figures["countRecentDays"]
    names = dict.fromkeys(drug_name(fact.drugs, fact.text, knowledge).lower() for fact, _ in in_use)
    return fired(
        Finding(
            topic="bleedingRisk",
            variant="lowPlatelets" if recent.holds(days_old(low, chart.now)) else "oldResult",
            values={
                "value": shown(low),
                "date": day_of(low),
                "age": age_in_words(low, chart.now),
                "drugs": " and ".join(list(names)[:2]) + (" and more" if len(names) > 2 else ""),  # noqa: PLR2004
                "limit": cell_count(limit.value),
            },
            facts=(*seen_platelets, *(medication_fact(fact, label, knowledge) for fact, label in in_use)),
            basis=(basis_of(limit), basis_of(knowledge.figures["bleedingPlateletsDays"])),
        )
    )


def low_platelets(chart: Chart, knowledge: Knowledge) -> LabResult | None:
    """Return the platelet count below 50,000/µL that counts: not older than 90 days, not cleared by a newer one."""
    limit, days = knowledge.figures["bleedingPlatelets"], knowledge.figures["bleedingPlateletsDays"]
    low = newest_alarming(chart.results("platelets"), lambda result: satisfies(result, limit))
    return low if low is not None and days.holds(days_old(low, chart.now)) else None


@dataclass(frozen=True, slots=True)
class Caution:
    """What speaks for caution with an antithrombotic.

    Attributes:
        bleeding: low platelets or bleeding: a decision for this patient alone, nothing is suggested.
        low_clearance: severe renal impairment or dialysis: heparins and direct anticoagulants need another dose.
        remarks: the same in words, Markdown.
        facts: what was seen.
        basis: the limits.
    """

    bleeding: bool
    low_clearance: bool
    remarks: tuple[str, ...]
    facts: tuple[Fact, ...]
    basis: tuple[Basis, ...]


def read_caution(chart: Chart, knowledge: Knowledge) -> Caution:
    """Look for low platelets, bleeding and severe renal impairment."""
    sentences, limit = knowledge.phrases.sentences, knowledge.figures["bleedingPlatelets"]
    remarks: list[str] = []
    basis: list[Basis] = []
    platelets = low_platelets(chart, knowledge)
    facts = [lab_fact(chart, knowledge, "platelets")]
    if platelets is not None:
        facts = results_up_to(platelets, chart.results("platelets"), chart, knowledge)
        words = {"value": escape(shown(platelets)), "date": day_of(platelets), "limit": cell_count(limit.value)}
        remarks.append(sentences["thrombosis_lowPlatelets"].format(**words))
        basis.append(basis_of(limit))
    bleeding = chart.conditions("bleeding")
    if bleeding:
        entries = ", ".join(dict.fromkeys(escape(entry.text) for entry in bleeding))
        remarks.append(sentences["thrombosis_bleeding"].format(entries=entries))
        facts += [
            Fact("Bleeding", entry.text, str(entry.onset or entry.recorded or "no date"), entry.reference)
            for entry in bleeding
        ]
    function = renal_function(chart, knowledge)
    low_clearance = function.column(knowledge) in (_SEVERE, DIALYSIS)
    facts.append(Fact("Renal function", function.words()))
    if low_clearance:
        remarks.append(sentences["thrombosis_renal"].format(function=escape(function.words())))
    return Caution(platelets is not None or bool(bleeding), low_clearance, tuple(remarks), tuple(facts), tuple(basis))
