"""FHIR STU3: statuses are codes, the dose stands in the instruction itself, a statement says whether it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.cds_hooks.chart.versions.members import (
    SHARED,
    Converter,
    Json,
    Members,
    NotExpressibleError,
    code_of,
    filled,
    mapped,
    same,
)

_CLINICAL = {**same("active", "recurrence", "inactive", "remission", "resolved"), "relapse": "recurrence"}
_CERTAINTY = same("provisional", "differential", "confirmed", "refuted", "entered-in-error")
_PROCEDURE = {
    **same("preparation", "in-progress", "completed", "entered-in-error", "unknown"),
    "on-hold": "suspended",
    "stopped": "aborted",
    "not-done": "aborted",
}
_STATEMENT = same("active", "completed", "entered-in-error", "intended", "stopped", "on-hold")
_DISPENSE = same("preparation", "in-progress", "on-hold", "completed", "entered-in-error", "stopped")
_ADMINISTRATION = {
    **same("in-progress", "on-hold", "completed", "entered-in-error", "stopped", "unknown"),
    "not-done": "stopped",
}
_PARTICIPANT = {
    **same("candidate", "withdrawn"),
    "on-study": "active",
    "on-study-intervention": "active",
    "on-study-observation": "active",
    "off-study": "completed",
}


def _patient(members: Members) -> Json:
    return members.keep(*SHARED, "active", "name", "gender", "birthDate")


def _condition(members: Members) -> Json:
    clinical, certainty = code_of(members.take("clinicalStatus")), code_of(members.take("verificationStatus"))
    return {
        **members.keep(
            *SHARED, "category", "severity", "code", "subject", "onsetDateTime", "onsetString", "abatementDateTime"
        ),
        **members.rename(recordedDate="assertedDate"),
        **filled(
            clinicalStatus=clinical and mapped(clinical, _CLINICAL),
            verificationStatus=certainty and mapped(certainty, _CERTAINTY),
        ),
    }


def observation(members: Members) -> Json:
    """Return an Observation: one interpretation, a comment instead of notes, members of a panel as relations."""
    members.refuse("valueInteger")
    panel = [{"type": "has-member", "target": one} for one in members.take("hasMember") or ()]
    interpretation, notes = members.take("interpretation") or [], members.take("note") or []
    if len(interpretation) > 1:
        raise NotExpressibleError("several interpretations")
    components = [_component(row) for row in members.take("component") or ()]
    return {
        **members.keep(
            *SHARED, "status", "category", "code", "subject", "effectiveDateTime", "issued", "valueQuantity",
            "valueCodeableConcept", "valueString", "valueDateTime", "valueBoolean", "dataAbsentReason", "specimen",
            "referenceRange",
        ),
        **filled(
            related=panel,
            interpretation=interpretation[0] if interpretation else None,
            comment="; ".join(note["text"] for note in notes),
            component=components,
        ),
    }  # fmt: skip


def _component(row: Mapping[str, Any]) -> Json:
    members = Members(row)
    interpretation = members.take("interpretation") or []
    kept = members.keep("code", "valueQuantity", "valueCodeableConcept", "valueString", "dataAbsentReason")
    kept |= members.keep("referenceRange")
    members.all_taken()
    return {**kept, **filled(interpretation=interpretation[0] if interpretation else None)}


def ordered_dose(members: Members) -> Json:
    """Return the one dose the instruction has room for: of several rows the ordered one."""
    rows = members.take("doseAndRate") or []
    ordered = [row for row in rows if "ordered" in (code_of(row.get("type")) or "")] or rows
    if len(ordered) > 1:
        raise NotExpressibleError("several doses in one instruction")
    dose = {name: value for row in ordered for name, value in row.items() if name != "type"}
    if not dose.keys() <= {"doseQuantity", "doseRange"}:
        raise ValueError(f"the converter does not know {sorted(dose)}")
    return dose


def _dosage(instruction: Mapping[str, Any]) -> Json:
    members = Members(instruction)
    converted = {
        **members.keep(
            "sequence", "text", "patientInstruction", "additionalInstruction", "timing", "asNeededBoolean",
            "asNeededCodeableConcept", "site", "route", "method",
        ),
        **ordered_dose(members),
    }  # fmt: skip
    members.all_taken()
    return converted


def dispensing(members: Members) -> Json:
    """Return what is to be dispensed. "No refills" has no place: the number counts from one."""
    request = dict(members.take("dispenseRequest") or {})
    if request.get("numberOfRepeatsAllowed") == 0:
        del request["numberOfRepeatsAllowed"]
    return filled(dispenseRequest=request)


def _instructions(members: Members, name: str) -> Json:
    return filled(**{name: [_dosage(row) for row in members.take(name) or ()]})


def _request(members: Members) -> Json:
    members.refuse("doNotPerform")
    return {
        **members.keep(
            *SHARED, "status", "intent", "subject", "authoredOn", "medicationCodeableConcept", "medicationReference",
            "reasonCode", "reasonReference",
        ),
        **dispensing(members),
        **_instructions(members, "dosageInstruction"),
    }  # fmt: skip


def _statement(members: Members) -> Json:
    status = members.take("status")
    said = (
        {"status": "completed", "taken": "n"}
        if status == "not-taken"
        else {"status": mapped(status, _STATEMENT), "taken": "n" if status == "stopped" else "y"}
    )
    return {
        **said,
        **members.keep(
            *SHARED, "subject", "medicationCodeableConcept", "medicationReference", "effectiveDateTime",
            "effectivePeriod", "dateAsserted",
        ),
        **_instructions(members, "dosage"),
    }  # fmt: skip


def _dispense(members: Members) -> Json:
    return {
        "status": mapped(members.take("status"), _DISPENSE),
        **members.keep(
            *SHARED, "subject", "medicationCodeableConcept", "medicationReference", "quantity", "daysSupply",
            "whenPrepared", "whenHandedOver",
        ),
        **_instructions(members, "dosageInstruction"),
    }  # fmt: skip


def _administration(members: Members) -> Json:
    status = members.take("status")
    return {
        "status": mapped(status, _ADMINISTRATION),
        **({"notGiven": True} if status == "not-done" else {}),
        **members.keep(
            *SHARED, "subject", "medicationCodeableConcept", "medicationReference", "effectiveDateTime",
            "effectivePeriod", "dosage",
        ),
    }  # fmt: skip


def _medication(members: Members) -> Json:
    ingredients = []
    for ingredient in members.take("ingredient") or ():
        row = Members(ingredient)
        kept = row.keep("itemCodeableConcept", "itemReference", "isActive")
        ingredients.append({**kept, **row.rename(strength="amount")})
        row.all_taken()
    return {**members.keep(*SHARED, "code", "status", "form"), **filled(ingredient=ingredients)}


def _procedure(members: Members) -> Json:
    status = members.take("status")
    return {
        "status": mapped(status, _PROCEDURE),
        **({"notDone": True} if status == "not-done" else {}),
        **members.keep(*SHARED, "code", "subject", "category", "performedDateTime", "performedPeriod"),
    }


def _allergy(members: Members) -> Json:
    clinical, certainty = code_of(members.take("clinicalStatus")), code_of(members.take("verificationStatus"))
    return {
        "verificationStatus": certainty or "unconfirmed",
        **members.keep(
            *SHARED, "type", "category", "criticality", "code", "patient", "onsetDateTime", "lastOccurrence",
            "reaction",
        ),
        **members.rename(recordedDate="assertedDate"),
        **filled(clinicalStatus=clinical),
    }  # fmt: skip


def _adverse_event(members: Members) -> Json:
    members.refuse("seriousness", "detected", "recordedDate")
    actuality = members.take("actuality")
    members.take("category")  # product problem, medication mishap and so on: STU3 has the two below instead
    return {
        "category": "PAE" if actuality == "potential" else "AE",
        **members.keep(*SHARED, "subject", "date", "outcome"),
        **members.rename(event="type", severity="seriousness"),
        **filled(suspectEntity=[_suspect(row) for row in members.take("suspectEntity") or ()]),
    }


def _suspect(entity: Mapping[str, Any]) -> Json:
    members = Members(entity)
    causality = members.take("causality") or []
    if len(causality) > 1:
        raise NotExpressibleError("several causality assessments")
    converted = members.keep("instance")
    for row in map(Members, causality):
        converted |= row.rename(assessment="causalityAssessment", productRelatedness="causalityProductRelatedness")
        row.all_taken()
    members.all_taken()
    return converted


def _research_subject(members: Members) -> Json:
    return {
        "status": mapped(members.take("status"), _PARTICIPANT),
        **members.keep(*SHARED, "period", "study", "individual"),
    }


CONVERTERS: Mapping[str, Converter] = {
    "Patient": _patient,
    "Condition": _condition,
    "Observation": observation,
    "MedicationRequest": _request,
    "MedicationStatement": _statement,
    "MedicationDispense": _dispense,
    "MedicationAdministration": _administration,
    "Medication": _medication,
    "Procedure": _procedure,
    "AllergyIntolerance": _allergy,
    "AdverseEvent": _adverse_event,
    "ResearchSubject": _research_subject,
}
