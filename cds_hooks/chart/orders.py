"""The drafts of the call: which concern us, and what they order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from cds_hooks.chart.dosing import Dose, read_dose, strength_from_medication, strength_from_text
from cds_hooks.chart.drugs import DrugIndex, DrugMatch
from cds_hooks.chart.fhir import Resource, as_mapping, as_text, reference_id, reference_of, subject_id
from cds_hooks.chart.medications import ORDER_TYPES, match_medication, medication_of, medications_by_id
from cds_hooks.data_needs import Scope

_SCOPES = (
    ("lenalidomide", Scope.LENALIDOMIDE),
    ("thalidomide", Scope.ANALOGUE),
    ("pomalidomide", Scope.ANALOGUE),
    ("pd1PdL1Antibody", Scope.PARTNER),
    ("digoxin", Scope.PARTNER),
    ("warfarin", Scope.PARTNER),
    ("erythropoiesisStimulatingAgent", Scope.PARTNER),
    ("systemicEstrogen", Scope.PARTNER),
    ("daratumumab", Scope.PARTNER),
)
"""Drugs and drug classes whose draft calls for a look at the chart (`topics.md` section 1)."""


@dataclass(frozen=True)
class DraftOrder:
    """One drafted medication order.

    Attributes:
        resource: the draft as received.
        match: its drug.
        unresolved: its drug is a bare reference that could not be followed and has no display text.
        medication_reference: the reference to be read to know the drug, "" when it is known.
        selected: to be judged; false for unselected drafts of order-select, which are context only.
        other_patient: its subject is not the patient of the call; never judged.
        medication: the drug as the order gives it: a CodeableConcept or a Medication resource, None when unknown.
    """

    resource: Resource
    match: DrugMatch
    unresolved: bool
    medication_reference: str
    selected: bool
    other_patient: bool
    medication: Any = None

    @cached_property
    def dose(self) -> Dose:
        """What it orders per day; read on first use, since most drafts are never looked at."""
        return read_dose(self.resource, strength_mg=self.strength_mg, drug_names=self.match.drugs)

    @property
    def strength_mg(self) -> float | None:
        """Content of one capsule in mg: by its codes, else by the ingredient of the Medication, else by its name."""
        if self.match.strength_mg is not None:
            return self.match.strength_mg
        return strength_from_medication(as_mapping(self.medication)) or strength_from_text(self.match.text)

    @property
    def reference(self) -> str:
        """`Type/id` of the draft."""
        return reference_of(self.resource)

    @property
    def name(self) -> str:
        """The drug as the order names it."""
        return self.match.text


class Relevance(Enum):
    """Whether the drafts call for a look at the chart."""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


def read_drafts(
    drafts: Iterable[Resource],
    index: DrugIndex,
    *,
    patient_id: str,
    selections: frozenset[str] | None,
    medications: Mapping[str, Resource] | None = None,
) -> tuple[DraftOrder, ...]:
    """Identify the drugs of the drafted medication orders.

    Args:
        drafts: all resources of `draftOrders`; Medication resources among them resolve references.
        index: drug identification.
        patient_id: the patient of the call.
        selections: `Type/id` (or bare ids) of the selected drafts; None when the hook has none.
        medications: further Medication resources by id, from the prefetch or the FHIR server.
    """
    drafts = tuple(drafts)
    known = {**(medications or {}), **medications_by_id(drafts)}
    chosen = None if selections is None else {reference_id(selection) for selection in selections}
    orders = []
    for draft in drafts:
        if as_text(draft.get("resourceType")) not in ORDER_TYPES or draft.get("doNotPerform") is True:
            continue
        if as_text(draft.get("status")) in ("entered-in-error", "cancelled"):
            continue
        medication = medication_of(draft, known)
        match, unresolved = match_medication(draft, medication, index)
        subject = subject_id(draft)
        orders.append(
            DraftOrder(
                resource=draft,
                match=match,
                unresolved=unresolved,
                medication_reference=medication.reference,
                selected=chosen is None or as_text(draft.get("id")) in chosen,
                other_patient=bool(subject) and subject != patient_id,
                medication=medication.concept,
            )
        )
    return tuple(orders)


def scope_of(order: DraftOrder, index: DrugIndex) -> Scope | None:
    """Return how much of the chart an order calls for; None when it is none of our drugs."""
    return next((scope for key, scope in _SCOPES if order.match.drugs & index.members(key)), None)


def relevance(orders: Iterable[DraftOrder], index: DrugIndex) -> Relevance:
    """Tell whether any selected draft concerns us; unknown when that hangs on a Medication still to be read."""
    answer = Relevance.NO
    for order in orders:
        if order.selected:
            if scope_of(order, index) is not None:
                return Relevance.YES
            if order.medication_reference:
                answer = Relevance.UNKNOWN
    return answer
