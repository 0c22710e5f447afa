"""Suggestions a clinician can accept with a click: a test or drug to order, a dose to change, a draft to remove.

`create` resources are checked with fhir.resources, so they are valid FHIR R4B; for R5 the drug or test stands one level
deeper, and older versions, which order tests by other resources, are told to create nothing. An `update` is a copy of
the draft with only the dose changed: real drafts do not survive a round trip through a strict model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache
from typing import Any, TypeAlias

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_hooks.chart.fhir import LOINC, RXNORM, SNOMED, UCUM, Resource, as_list, as_text, codings
from cds_hooks.findings import CreateMedication, CreateTest, DeleteDraft, Suggestion, UpdateDose
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Orderable, OrderableMedication
from cds_hooks.knowledge.terminology import Code
from cds_hooks.protocol.client_profile import CardOptions
from cds_hooks.protocol.empty_members import without_empty

MAXIMUM = 3
"""Suggestions a card may hold."""

_CREATE_IN = frozenset({"R4", "R4B", "R5"})

_IS_ID = re.compile(r"[^/\s]+").fullmatch

SiteCode: TypeAlias = tuple[str, str]
"""System and code under which a site orders something; the system may be empty."""


def suggestion_json(
    suggestion: Suggestion,
    knowledge: Knowledge,
    options: CardOptions,
    *,
    patient_id: str,
    user_id: str,
    new_uuid: Callable[[], str],
) -> dict[str, Any] | None:
    """Return the CDS Hooks suggestion; None when the client cannot apply it.

    Args:
        suggestion: what the rule suggests.
        knowledge: wording and codes of orderable tests.
        options: what the client can do.
        patient_id: subject of a created order.
        user_id: requester of a created order, "" when unknown.
        new_uuid: source of random UUIDs.
    """
    sentences = knowledge.phrases.sentences
    match suggestion:
        case CreateTest(orderable):
            if not _can_create(orderable, options):
                return None
            test = knowledge.orderables[orderable]
            order = _service_request(test, options.action_code_map.get(orderable))
            resource = {**_spelled(order, "code", options), **_concerning(patient_id, user_id)}
            action = {"type": "create", "description": test.description, "resource": resource}
            return {"label": test.label, "uuid": new_uuid(), "actions": [action]}
        case CreateMedication(orderable):
            if not options.profile.medication_create or not _can_create(orderable, options):
                return None
            medication = knowledge.orderable_medications[orderable]
            order = _medication_request(medication, options.action_code_map.get(orderable))
            order = _spelled(order, "medicationCodeableConcept", options)
            resource = {**order, **_concerning(patient_id, user_id)}
            action = {"type": "create", "description": medication.description, "resource": resource}
            return {"label": medication.label, "uuid": new_uuid(), "actions": [action]}
        case UpdateDose(order=order, regimen=regimen):
            if not options.profile.medication_update or not _identified(order):
                return None
            if (draft := updated_draft(suggestion, knowledge)) is None:
                return None
            label = sentences["changeDose"].format(regimen=regimen)
            action = {"type": "update", "description": label, "resource": draft}
            return {"label": label, "uuid": new_uuid(), "actions": [action]}
        case DeleteDraft(order):
            if not options.profile.medication_delete or not _identified(order):
                return None
            label = sentences["removeDraft"]
            draft_id = f"{as_text(order.get('resourceType'))}/{order['id']}"
            action = {"type": "delete", "description": label, "resourceId": draft_id}
            return {"label": label, "uuid": new_uuid(), "actions": [action]}


def _can_create(orderable: str, options: CardOptions) -> bool:
    """Whether the client would find what it is told to create, and read it."""
    if options.fhir_version not in _CREATE_IN:
        return False
    return orderable in options.action_code_map or not options.profile.create_by_own_codes


def _spelled(order: dict[str, Any], concept: str, options: CardOptions) -> dict[str, Any]:
    """Return an R4 order in the client's version: R5 has CodeableReferences where R4 has CodeableConcepts."""
    if options.fhir_version != "R5":
        return order
    rest = {name: value for name, value in order.items() if name != concept}
    return {**rest, concept.removesuffix("CodeableConcept"): {"concept": order[concept]}}


def _identified(order: Resource) -> bool:
    """Whether an action can name the draft, by an id that need not be a FHIR one: it is given back as it was sent."""
    return isinstance(identity := order.get("id"), str) and _IS_ID(identity) is not None


@lru_cache(maxsize=256)
def _service_request(test: Orderable, own_code: SiteCode | None) -> dict[str, Any]:
    """Return a draft order of a test for anybody; built and validated once, since nothing in it is of the patient."""
    coding = _coding(own_code, (LOINC, test.LOINC), (SNOMED, test.SNOMED))
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": {"coding": coding, "text": test.label},
    }
    ServiceRequest.model_validate({**resource, **_concerning("anybody", "")})
    return resource


@lru_cache(maxsize=256)
def _medication_request(medication: OrderableMedication, own_code: SiteCode | None) -> dict[str, Any]:
    """Return a draft order of one choice for anybody; quantity and duration are left to the clinician."""
    dose = {"value": _plain(medication.single_mg), "unit": "mg", "system": UCUM, "code": "mg"}
    resource: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": _coding(own_code, (RXNORM, medication.RxNorm)),
            "text": medication.product,
        },
        "dosageInstruction": [
            {
                "text": medication.directions,
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "route": {"text": medication.route},
                "doseAndRate": [{"doseQuantity": dose}],
            }
        ],
    }
    MedicationRequest.model_validate({**resource, **_concerning("anybody", "")})
    return resource


def _coding(own_code: SiteCode | None, *rows: tuple[str, tuple[Code, ...]]) -> list[dict[str, str]]:
    """Return the codings of something to order, the site's own code first."""
    coding = [
        {"system": system, "code": row.code, "display": row.display}
        for system, codes in rows
        for row in codes
        if row.verified
    ]
    if own_code:
        system, code = own_code
        return [{"system": system, "code": code} if system else {"code": code}, *coding]
    return coding


def _concerning(patient_id: str, user_id: str) -> dict[str, Any]:
    """Return subject and requester of an order."""
    concerning = {"subject": {"reference": f"Patient/{patient_id}"}}
    if user_id.startswith(("Practitioner/", "PractitionerRole/")):
        concerning["requester"] = {"reference": user_id}
    return concerning


def updated_draft(change: UpdateDose, knowledge: Knowledge) -> dict[str, Any] | None:
    """Return a copy of the draft that orders the table dose; None when its product cannot be exchanged safely.

    All that described the old dose goes: every dosage instruction (of the first, route, site and method are kept), the
    amounts to dispense, and a capsule strength of which the new dose is no multiple.

    Args:
        change: the draft and its new dose.
        knowledge: codes of the other capsule strengths.
    """
    draft: dict[str, Any] = deepcopy(dict(change.order))
    if change.strength_mg and change.single_mg % change.strength_mg:
        place, name = _place_of_drug(draft)
        concept = _other_strength(place.get(name), change.strength_mg, change.single_mg, knowledge)
        if concept is None:
            return None
        place[name] = concept
    draft.pop("renderedDosageInstruction", None)
    draft["dosageInstruction"] = [_dosage(change, draft)]
    if isinstance(dispense := draft.get("dispenseRequest"), dict):
        for field in ("quantity", "initialFill"):
            dispense.pop(field, None)
        if not dispense:
            del draft["dispenseRequest"]
    return without_empty(draft)


def _place_of_drug(draft: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the element that holds the draft's drug as a concept, and its name there: R5 nests it."""
    r5 = draft.get("medication")
    return (r5, "concept") if isinstance(r5, dict) and "concept" in r5 else (draft, "medicationCodeableConcept")


def _dosage(change: UpdateDose, draft: Resource) -> dict[str, Any]:
    """Return the dosage instruction of the table dose, in the shape of the draft's FHIR version."""
    first = next((row for row in as_list(draft.get("dosageInstruction")) if isinstance(row, dict)), {})
    is_dstu2 = draft.get("resourceType") == "MedicationOrder"
    quantity = {"value": _plain(change.single_mg), "unit": "mg", "system": UCUM, "code": "mg"}
    timing = {"frequency": 1, "period": change.every_days, "periodUnits" if is_dstu2 else "periodUnit": "d"}
    flat = is_dstu2 or not {"doseQuantity", "doseRange"}.isdisjoint(first)  # DSTU2 and STU3
    return {
        "text": change.regimen,
        "timing": {"repeat": timing, "code": {"text": change.regimen}},
        **{key: first[key] for key in ("route", "site", "method") if key in first},
        **({"doseQuantity": quantity} if flat else {"doseAndRate": [{"doseQuantity": quantity}]}),
    }


def _other_strength(concept: Any, strength_mg: float, wanted_mg: float, knowledge: Knowledge) -> dict[str, Any] | None:
    """Return the same product in another strength: the RxNorm row whose display differs in the strength alone."""
    rows = [row for drug in knowledge.drugs.values() for row in drug.RxNorm if row.verified]
    drafted = {coding.code for coding in codings(concept) if coding.system == RXNORM}
    for row in rows:
        if row.code in drafted and row.strength_mg == strength_mg:
            display = row.display.replace(f" {strength_mg:g} MG", f" {wanted_mg:g} MG")
            for other in rows:
                if other.display == display and other.strength_mg == wanted_mg:
                    return {"coding": [{"system": RXNORM, "code": other.code, "display": display}], "text": display}
    return None


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number
