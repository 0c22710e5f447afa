"""From the orders of a case to draft MedicationRequests, as an EHR puts them into `context.draftOrders`."""

from __future__ import annotations

from typing import Any

from cds_hooks.cases.case import Case, Draft
from cds_hooks.cases.codes import Concept, condition_concept, drug_concept, quantity
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.pieces import Amount, Every, Subject, parse_amount, parse_every
from cds_hooks.knowledge.loader import Knowledge

_PERIOD_UNITS = {"hour": "h", "day": "d", "week": "wk", "month": "mo"}
_MASS_UNITS = frozenset({"mg", "g", "ug", "mL", "kg"})


def draft_orders(case: Case, knowledge: Knowledge) -> list[dict[str, Any]]:
    """Return the drafts of a case, and the Medications beside them that they refer to.

    Raises:
        KnowledgeError: an order names something the knowledge does not have.
    """
    resources: list[dict[str, Any]] = []
    for index, draft in enumerate(case.chart.orders, start=1):
        resources += _draft(case, draft, f"{case.patient_id}-draft-{index}", knowledge)
    return resources


def selected_drafts(case: Case) -> list[str]:
    """Return `context.selections` of order-select: the drafts not marked `selected: false`."""
    return [
        f"MedicationRequest/{case.patient_id}-draft-{index}"
        for index, draft in enumerate(case.chart.orders, start=1)
        if draft.lines.selected
    ]


def _draft(case: Case, draft: Draft, identity: str, knowledge: Knowledge) -> list[dict[str, Any]]:
    lines = draft.lines
    concept = _drug(draft, knowledge)
    request: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": lines.status,
        "intent": "order",
        "subject": {"reference": f"Patient/{case.patient_id}{'-other' if lines.patient == 'other' else ''}"},
        "authoredOn": NOW.isoformat().replace("+00:00", "Z"),
    }
    medication = {"resourceType": "Medication", "id": f"{identity}-medication", "code": concept}
    reference = {"reference": f"Medication/{medication['id']}"}
    beside: list[dict[str, Any]] = []
    match lines.reference:
        case "":
            request["medicationCodeableConcept"] = concept
        case "contained":
            request |= {"contained": [medication], "medicationReference": {"reference": f"#{medication['id']}"}}
        case "beside":
            request["medicationReference"] = reference
            beside = [medication]
        case "missing":
            request["medicationReference"] = reference
        case "named":
            request["medicationReference"] = {**reference, "display": concept["text"]}
    if lines.reason:
        request["reasonCode"] = [condition_concept(Subject(key=lines.reason), knowledge, draft.place)]
    elif lines.reason_text:
        request["reasonCode"] = [{"text": lines.reason_text}]
    if instruction := dosage(
        parse_amount(lines.dose) if lines.dose else None,
        parse_every(lines.every) if lines.every else None,
        times=lines.times,
        sig=lines.instructions,
        route=lines.route,
        bounds={"boundsDuration": _days(lines.for_days)} if lines.for_days else {},
    ):
        request["dosageInstruction"] = [instruction]
    if supply := _supply(draft):
        request["dispenseRequest"] = supply
    return [request, *beside]


def _drug(draft: Draft, knowledge: Knowledge) -> Concept:
    lines = draft.lines
    system, _, code = lines.code.partition(" ")
    strength = lines.strength.removesuffix(" mg")
    subject = Subject(key=lines.drug, system=system, code=code, name=lines.text, strength=strength)
    return drug_concept(subject, knowledge, draft.place)


def _supply(draft: Draft) -> dict[str, Any]:
    lines = draft.lines
    supply: dict[str, Any] = {}
    if lines.refills is not None:
        supply["numberOfRepeatsAllowed"] = lines.refills
    if lines.quantity is not None:
        supply["quantity"] = quantity(lines.quantity, "capsule", frozenset())
    if lines.supply_days is not None:
        supply["expectedSupplyDuration"] = _days(lines.supply_days)
    return supply


def _days(days: float) -> dict[str, Any]:
    return quantity(days, "d", frozenset({"d"})) | {"unit": "days"}


def dosage(
    amount: Amount | None,
    every: Every | None,
    *,
    times: int = 1,
    sig: str = "",
    route: str = "",
    bounds: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a FHIR Dosage, empty when nothing is said.

    Args:
        amount: dose of one administration.
        every: the period.
        times: administrations per period.
        sig: the instruction in words.
        route: the route in words.
        bounds: `boundsDuration` or `boundsPeriod` of the timing.
    """
    result: dict[str, Any] = {}
    if sig:
        result["text"] = sig
    repeat = dict(bounds or {})
    if every:
        repeat |= {"frequency": times, "period": every.count, "periodUnit": _PERIOD_UNITS[every.unit]}
    if repeat:
        result["timing"] = {"repeat": repeat}
    if route:
        result["route"] = {"text": route}
    if amount:
        result["doseAndRate"] = [{"doseQuantity": quantity(amount.value, amount.unit, _MASS_UNITS)}]
    return result
