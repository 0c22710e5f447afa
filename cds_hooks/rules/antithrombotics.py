"""Antithrombotics in use, and which of them count as thrombosis prophylaxis (`clinical.md` E.5)."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.medications import MedicationFact
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.medication_facts import medication_fact
from cds_hooks.rules.recorded_dose import recorded_dose

_ASPIRIN = "aspirin"


@dataclass(frozen=True, slots=True)
class Antithrombotics:
    """Anticoagulants and platelet inhibitors in use or drafted.

    Attributes:
        anticoagulants: they all count; so does one whose dose is not recorded.
        antiplatelets: platelet inhibitors that count as prophylaxis.
        facts: one line for each drug in use, also for those that do not count, with the reason.
    """

    anticoagulants: tuple[MedicationFact, ...]
    antiplatelets: tuple[MedicationFact, ...]
    facts: tuple[Fact, ...]

    @property
    def found(self) -> tuple[MedicationFact, ...]:
        """All that count as prophylaxis."""
        return self.anticoagulants + self.antiplatelets


def antithrombotics(chart: Chart, knowledge: Knowledge) -> Antithrombotics:
    """Return the antithrombotics in use, computed once per evaluation."""
    return chart.derive("antithrombotics", lambda view: _read(view, knowledge))


def _read(chart: Chart, knowledge: Knowledge) -> Antithrombotics:
    sentences = knowledge.phrases.sentences
    anticoagulants = chart.active("anticoagulant")
    facts = [medication_fact(fact, sentences["thrombosis_anticoagulant"], knowledge) for fact in anticoagulants]
    antiplatelets = []
    for fact in chart.active("antiplatelet"):
        counts, note = _judged(fact, knowledge)
        if counts:
            antiplatelets.append(fact)
        line = medication_fact(fact, sentences["thrombosis_antiplatelet"], knowledge)
        facts.append(replace(line, note="; ".join(filter(None, (line.note, note)))))
    return Antithrombotics(anticoagulants, tuple(antiplatelets), tuple(facts))


def _judged(fact: MedicationFact, knowledge: Knowledge) -> tuple[bool, str]:
    """Return whether a platelet inhibitor counts as prophylaxis, and what is to be said about it.

    Aspirin counts at 75 to 325 mg daily, and when its dose is not recorded.
    """
    sentences = knowledge.phrases.sentences
    if _ASPIRIN not in fact.drugs:
        classes = {name for drug in fact.drugs if drug in knowledge.drugs for name in knowledge.drugs[drug].classes}
        counts = "p2y12Inhibitor" in classes
        return counts, sentences["thrombosis_notStudied" if counts else "thrombosis_notProphylaxis"]
    low, high = knowledge.figures["aspirinDailyFrom"], knowledge.figures["aspirinDailyTo"]
    dose = recorded_dose(fact)
    if dose.as_needed:
        return False, sentences["thrombosis_aspirinAsNeeded"]
    amount = dose.average_mg_per_day
    if amount is None or (low.holds(amount) and high.holds(amount)):
        return True, ""
    limits = {"low": f"{low.value:g}", "high": f"{high.value:g}"}
    return False, sentences["thrombosis_aspirinDose"].format(amount=f"{amount:g}", **limits)
