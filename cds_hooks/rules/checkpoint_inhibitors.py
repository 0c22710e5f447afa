"""PD-1/PD-L1 antibodies beside a thalidomide analogue in multiple myeloma (S-38)."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.medications import MedicationFact
from cds_hooks.chart.therapy import Indication, read_indication
from cds_hooks.findings import Fact, Finding, Outcome, basis_of, fired, not_applicable
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.medication_facts import drug_name, medication_fact

_ANTIBODY, _ANALOGUE, _DEXAMETHASONE = "pd1PdL1Antibody", "thalidomideAnalogue", "dexamethasone"
_MYELOMA = "multipleMyeloma"


def checkpoint_inhibitor_combination(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when a PD-1/PD-L1 antibody and a thalidomide analogue meet, whichever of them is drafted.

    Critical in myeloma with dexamethasone; warning while dexamethasone or the myeloma is not documented; no card when
    another labelled indication is the reason; for information when the patient takes part in a study.
    """
    if not chart.judged(_ANTIBODY) and not chart.judged(_ANALOGUE):
        return not_applicable("neither drug is drafted")
    window = knowledge.figures["checkpointInhibitorDays"]
    antibodies = _present(chart, _ANTIBODY, int(window.value))
    if not antibodies:
        return not_applicable("no PD-1/PD-L1 antibody drafted, in use or recent")
    analogues = _present(chart, _ANALOGUE, int(window.value))
    if not analogues:
        return not_applicable("no thalidomide analogue drafted, in use or recent")
    indication = read_indication(chart, [fact.resource for fact in analogues], knowledge)
    is_myeloma = _is_myeloma(indication)
    facts = [
        medication_fact(antibodies[0], "PD-1/PD-L1 antibody", knowledge),
        medication_fact(analogues[0], "Thalidomide analogue", knowledge),
        _indication_fact(indication, knowledge),
    ]
    if not is_myeloma and (indication.code_set or indication.candidates):
        return not_applicable("given for another labelled indication", *facts)
    dexamethasone = chart.active(_DEXAMETHASONE)
    facts += [medication_fact(fact, "Dexamethasone", knowledge) for fact in dexamethasone[:1]]
    sentences = knowledge.phrases.sentences
    missing = [] if is_myeloma else [sentences["checkpointNoMyeloma"]]
    missing += [] if dexamethasone else [sentences["checkpointNoDexamethasone"]]
    studies = chart.research_subjects()
    facts += [Fact("Study participation", fact.text or fact.status, "", fact.reference) for fact in studies[:1]]
    return fired(
        Finding(
            topic="checkpointInhibitorCombination",
            variant="trial" if studies else "uncertain" if missing else "myelomaWithDexamethasone",
            values={
                "antibody": drug_name(antibodies[0].drugs, antibodies[0].text, knowledge),
                "analogue": drug_name(analogues[0].drugs, analogues[0].text, knowledge).lower(),
                "missing": " and ".join(missing),
            },
            facts=tuple(facts),
            basis=(basis_of(window),),
        )
    )


def _is_myeloma(indication: Indication) -> bool:
    """Whether the reason is myeloma, or, without a labelled reason, myeloma is among the active conditions."""
    if indication.code_set:
        return indication.code_set == _MYELOMA
    return any(_MYELOMA in fact.sets for fact in indication.candidates)


def _indication_fact(indication: Indication, knowledge: Knowledge) -> Fact:
    if indication.text:
        return Fact("Indication", indication.text, "", indication.reference, indication.source.value)
    listed = next((fact for fact in indication.candidates if _MYELOMA in fact.sets), None)
    if listed is None:
        return Fact("Indication", knowledge.phrases.states["absent"])
    return Fact("Indication", listed.text, "", listed.reference, knowledge.phrases.sentences["indicationListed"])


def _present(chart: Chart, drug_class: str, days: int) -> tuple[MedicationFact, ...]:
    """Return drafts, drugs in use, and any order, dispense or administration of the window, stopped ones included."""
    return tuple(
        fact
        for fact in chart.medications(drug_class)
        if fact.is_active(chart.now, days) or fact.is_within(chart.now, days)
    )
