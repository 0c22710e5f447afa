"""FHIR R5: a medication and a reason are CodeableReferences, a statement is recorded, a procedure occurs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.cds_hooks.chart.versions.members import (
    SHARED,
    Converter,
    Json,
    Members,
    NotExpressibleError,
    filled,
    mapped,
)

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_ADHERENCE = {
    "active": "taking", "on-hold": "on-hold", "stopped": "stopped", "not-taken": "not-taking", "unknown": "unknown",
}  # fmt: skip


def _concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _patient(members: Members) -> Json:
    return members.keep(*SHARED, "active", "name", "gender", "birthDate")


def _condition(members: Members) -> Json:
    unknown = _concept(f"{_TERMINOLOGY}/condition-clinical", "unknown")  # R5 demands a status, and has one for this
    clinical = members.take("clinicalStatus") or unknown
    kept = members.keep(
        *SHARED, "verificationStatus", "category", "severity", "code", "subject", "onsetDateTime", "onsetString",
        "abatementDateTime", "recordedDate",
    )  # fmt: skip
    return {**kept, "clinicalStatus": clinical}


def _observation(members: Members) -> Json:
    return members.keep(
        *SHARED, "status", "category", "code", "subject", "effectiveDateTime", "issued", "valueQuantity",
        "valueCodeableConcept", "valueString", "valueDateTime", "valueBoolean", "valueInteger", "dataAbsentReason",
        "interpretation", "specimen", "referenceRange", "component", "hasMember", "note",
    )  # fmt: skip


def _medication_of(members: Members) -> Json:
    found = members.rename(medicationCodeableConcept="concept", medicationReference="reference")
    return {"medication": found} if found else {}


def _reasons(members: Members) -> Json:
    concepts = [{"concept": concept} for concept in members.take("reasonCode") or ()]
    references = [{"reference": reference} for reference in members.take("reasonReference") or ()]
    return filled(reason=concepts + references)


def _dosage(instruction: Mapping[str, Any]) -> Json:
    members = Members(instruction)
    as_needed_for = members.take("asNeededCodeableConcept")
    converted = {
        **members.keep(
            "sequence", "text", "patientInstruction", "additionalInstruction", "timing", "site", "route", "method",
            "doseAndRate",
        ),
        **members.rename(asNeededBoolean="asNeeded"),
        **filled(asNeededFor=[as_needed_for] if as_needed_for else []),
    }  # fmt: skip
    members.all_taken()
    return converted


def _request(members: Members) -> Json:
    return {
        **members.keep(*SHARED, "status", "intent", "subject", "authoredOn", "doNotPerform", "dispenseRequest"),
        **_medication_of(members),
        **_reasons(members),
        **filled(dosageInstruction=[_dosage(row) for row in members.take("dosageInstruction") or ()]),
    }


def _statement(members: Members) -> Json:
    status = members.take("status")
    said: Json = {"status": status}
    if status != "entered-in-error":
        adherence = _concept(
            "http://hl7.org/fhir/CodeSystem/medication-statement-adherence", mapped(status, _ADHERENCE)
        )
        said = {"status": "recorded", "adherence": {"code": adherence}}
    return {
        **said,
        **members.keep(*SHARED, "subject", "effectiveDateTime", "effectivePeriod", "dateAsserted"),
        **_medication_of(members),
        **filled(dosage=[_dosage(row) for row in members.take("dosage") or ()]),
    }


def _dispense(members: Members) -> Json:
    return {
        **members.keep(*SHARED, "status", "subject", "quantity", "daysSupply", "whenPrepared", "whenHandedOver"),
        **_medication_of(members),
        **filled(dosageInstruction=[_dosage(row) for row in members.take("dosageInstruction") or ()]),
    }


def _administration(members: Members) -> Json:
    return {  # the missing r is in the published definition
        **members.keep(*SHARED, "status", "subject", "dosage"),
        **members.rename(effectiveDateTime="occurenceDateTime", effectivePeriod="occurencePeriod"),
        **_medication_of(members),
    }


def _medication(members: Members) -> Json:
    ingredients = []
    for ingredient in members.take("ingredient") or ():
        row = Members(ingredient)
        item = row.rename(itemCodeableConcept="concept", itemReference="reference")
        ingredients.append({"item": item, **row.keep("isActive"), **row.rename(strength="strengthRatio")})
        row.all_taken()
    kept = {**members.keep(*SHARED, "code", "status"), **members.rename(form="doseForm")}
    return {**kept, **filled(ingredient=ingredients)}


def _procedure(members: Members) -> Json:
    category = members.take("category")
    return {
        **members.keep(*SHARED, "status", "code", "subject"),
        **members.rename(performedDateTime="occurrenceDateTime", performedPeriod="occurrencePeriod"),
        **filled(category=[category] if category else []),
    }


def _allergy(members: Members) -> Json:
    kind = members.take("type")
    reactions = [
        {**row, "manifestation": [{"concept": concept} for concept in row["manifestation"]]}
        for row in members.take("reaction") or ()
    ]
    return {
        **members.keep(
            *SHARED, "clinicalStatus", "verificationStatus", "category", "criticality", "code", "patient",
            "onsetDateTime", "recordedDate", "lastOccurrence",
        ),
        **filled(
            type=_concept("http://hl7.org/fhir/allergy-intolerance-type", kind) if kind else None, reaction=reactions
        ),
    }  # fmt: skip


def _adverse_event(members: Members) -> Json:
    members.refuse("severity")
    suspects = [_suspect(row) for row in members.take("suspectEntity") or ()]
    outcome = members.take("outcome")
    return {
        "status": "completed",
        **members.keep(*SHARED, "actuality", "category", "subject", "detected", "recordedDate"),
        **members.rename(event="code", date="occurrenceDateTime"),
        **filled(suspectEntity=suspects, outcome=[outcome] if outcome else []),
    }


def _suspect(entity: Mapping[str, Any]) -> Json:
    members = Members(entity)
    instance = members.rename(instance="instanceReference")
    causality = members.take("causality") or []
    if len(causality) > 1:
        raise NotExpressibleError("several causality assessments")
    rows = [Members(row) for row in causality]
    relation = [row.rename(assessment="entityRelatedness") for row in rows]
    for row in rows:
        row.all_taken()
    members.all_taken()
    return {**instance, **filled(causality=relation[0] if relation else None)}


def _research_subject(members: Members) -> Json:
    state = _concept(f"{_TERMINOLOGY}/research-subject-state", members.take("status"))
    return {
        "status": "active",  # of the record as a publication; the participant's state is in the progress
        **members.keep(*SHARED, "period", "study"),
        **members.rename(individual="subject"),
        "progress": [{"subjectState": state}],
    }


CONVERTERS: Mapping[str, Converter] = {
    "Patient": _patient,
    "Condition": _condition,
    "Observation": _observation,
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
