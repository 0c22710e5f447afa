"""How drugs on record appear on cards: one fact per record or draft."""

from __future__ import annotations

from collections.abc import Iterable

from cds_hooks.chart.medications import MedicationFact
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge

_SHORT = 40
"""Characters of a drug as the record names it that fit into the summary of a card."""


def medication_fact(fact: MedicationFact, label: str, knowledge: Knowledge) -> Fact:
    """Return the fact line of a record or draft: what it is, its status, and whether only its name identified it."""
    sentences = knowledge.phrases.sentences
    notes = [sentences["drafted"] if fact.is_draft else f"{fact.kind}, {fact.status or sentences['noStatus']}"]
    if fact.by_name:
        notes.append(sentences["matchedByName"])
    when = str(fact.when) if fact.when and not fact.is_draft else ""
    return Fact(label, fact.text, when, fact.reference, "; ".join(notes))


def drug_name(drugs: Iterable[str], text: str, knowledge: Knowledge) -> str:
    """Return the name of a drug: the substance where the knowledge lists it, else the words of the record.

    Args:
        drugs: drug keys; a drug known only by its ATC group has the key of a class, which is no name.
        text: the drug as the record names it.
        knowledge: the drugs.
    """
    known = sorted(drug for drug in drugs if drug in knowledge.drugs)
    return knowledge.drugs[known[0]].name.capitalize() if known else text[:_SHORT]
