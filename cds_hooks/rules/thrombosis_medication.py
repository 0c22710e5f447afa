"""Drugs that add to the risk of thrombosis: erythropoiesis-stimulating agents and systemic estrogens (S-33, S-67)."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.medications import MedicationFact
from cds_hooks.chart.reproduction import ReproductivePotential, reproductive_status
from cds_hooks.findings import Fact, Finding, Outcome, fired, not_applicable
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.medication_facts import drug_name, medication_fact

_STIMULATING_AGENT, _ESTROGEN = "erythropoiesisStimulatingAgent", "systemicEstrogen"


def thrombosis_risk_medication(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when lenalidomide meets an erythropoiesis-stimulating agent or a systemic estrogen, whichever is drafted.

    Where the estrogen is the contraceptive of a patient who can become pregnant, the card says to replace it before it
    is stopped.
    """
    if not chart.judged("lenalidomide") and not chart.judged(_STIMULATING_AGENT) and not chart.judged(_ESTROGEN):
        return not_applicable("neither lenalidomide nor such a drug is drafted")
    agents, estrogens = chart.active(_STIMULATING_AGENT), chart.active(_ESTROGEN)
    if not agents and not estrogens:
        return not_applicable("no erythropoiesis-stimulating agent or systemic estrogen in use")
    lenalidomide = chart.active("lenalidomide")
    if not lenalidomide:
        return not_applicable("no lenalidomide in use")
    variant = "stimulatingAgent"
    facts: list[Fact] = []
    if estrogens:
        contraceptive, facts = _is_contraceptive(estrogens, chart, knowledge)
        variant = "contraceptive" if contraceptive else "estrogen"
    sentences = knowledge.phrases.sentences
    names = dict.fromkeys(_name(fact, knowledge) for fact in (*estrogens, *agents))
    return fired(
        Finding(
            topic="thrombosisRiskMedication",
            variant=variant,
            values={"drugs": " and ".join(list(names)[:2]).capitalize()},
            facts=(
                medication_fact(lenalidomide[0], knowledge.drugs["lenalidomide"].name.capitalize(), knowledge),
                *(medication_fact(fact, sentences["thrombosis_agent"], knowledge) for fact in agents),
                *(medication_fact(fact, sentences["thrombosis_estrogen"], knowledge) for fact in estrogens),
                *facts,
            ),
            options=(sentences["thrombosis_agentOption"],) if agents and estrogens else (),
        )
    )


def _name(fact: MedicationFact, knowledge: Knowledge) -> str:
    """Return the substance without what the knowledge says about it in parentheses."""
    return drug_name(fact.drugs, fact.text, knowledge).partition(" (")[0].lower()


def _is_contraceptive(
    estrogens: tuple[MedicationFact, ...], chart: Chart, knowledge: Knowledge
) -> tuple[bool, list[Fact]]:
    """Return whether one of them is the contraceptive of a patient who can become pregnant, and what shows that."""
    contraceptives = chart.active("hormonalContraceptive")
    if not any(fact in contraceptives for fact in estrogens):
        return False, []
    if not chart.has_patient:  # a partner drug is judged without the Patient too; then the careful wording is taken
        return True, []
    status = reproductive_status(chart, knowledge)
    return status.potential is not ReproductivePotential.NO, list(status.facts)
