"""FHIR DSTU2: orders are MedicationOrders, many records name their `patient`, negations are flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.cds_hooks.chart.versions import stu3
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

_DATE_LENGTH = len("2026-01-31")
_CLINICAL = {
    **same("active", "relapse", "remission", "resolved"), "recurrence": "relapse", "inactive": "resolved",
}  # fmt: skip
_CERTAINTY = same("provisional", "differential", "confirmed", "refuted", "entered-in-error")
_OBSERVATION = {
    **same("registered", "preliminary", "final", "amended", "cancelled", "entered-in-error", "unknown"),
    "corrected": "amended",
}
_ORDER = same("active", "on-hold", "completed", "entered-in-error", "stopped", "draft")
_STATEMENT = {**same("active", "completed", "entered-in-error", "intended"), "not-taken": "completed"}
_DISPENSE = same("in-progress", "on-hold", "completed", "entered-in-error", "stopped")
_ADMINISTRATION = {**_DISPENSE, "not-done": "stopped"}
_PROCEDURE = {
    **same("in-progress", "completed", "entered-in-error"), "stopped": "aborted", "not-done": "aborted",
}  # fmt: skip
_CRITICALITY = {"low": "CRITL", "high": "CRITH", "unable-to-assess": "CRITU"}


def _patient(members: Members) -> Json:
    names = [
        {**name, **({"family": [name["family"]]} if "family" in name else {})} for name in members.take("name") or ()
    ]
    return {**members.keep(*SHARED, "active", "gender", "birthDate"), **filled(name=names)}


def _only(values: Any, what: str) -> Any:
    """Return the one value of a list that DSTU2 has room for."""
    if values and len(values) > 1:
        raise NotExpressibleError(f"several of {what}")
    return values[0] if values else None


def _day(moment: str | None) -> str | None:
    return moment and moment[:_DATE_LENGTH]


def _condition(members: Members) -> Json:
    clinical, certainty = code_of(members.take("clinicalStatus")), code_of(members.take("verificationStatus"))
    return {
        **members.keep(*SHARED, "severity", "code", "onsetDateTime", "onsetString", "abatementDateTime"),
        **members.rename(subject="patient"),
        **filled(
            category=_only(members.take("category"), "category"),
            dateRecorded=_day(members.take("recordedDate")),
            clinicalStatus=clinical and mapped(clinical, _CLINICAL),
            verificationStatus=mapped(certainty, _CERTAINTY) if certainty else "unknown",
        ),
    }


def _observation(members: Members) -> Json:
    members.refuse("valueBoolean")
    converted = stu3.observation(members)
    comment = converted.pop("comment", "")
    return {
        **converted,
        "status": mapped(converted["status"], _OBSERVATION),
        **filled(category=_only(converted.pop("category", None), "category"), comments=comment),
    }


def _timing(timing: Mapping[str, Any]) -> Json:
    members = Members(timing)
    repeat = Members(members.take("repeat") or {})
    repeat.refuse("dayOfWeek", "timeOfDay")
    converted = {
        **repeat.keep("boundsPeriod", "boundsRange", "frequency", "frequencyMax", "period", "periodMax", "count"),
        **repeat.rename(boundsDuration="boundsQuantity", periodUnit="periodUnits"),
        **filled(when=_only(repeat.take("when"), "when")),
    }
    repeat.all_taken()
    kept = {**members.keep("event", "code"), **filled(repeat=converted)}
    members.all_taken()
    return kept


def _dosage(instruction: Mapping[str, Any], dose: str = "dose") -> Json:
    """Return an instruction; the dose of a statement is called `quantity`."""
    members = Members(instruction)
    members.refuse("sequence", "patientInstruction")
    timing, amount = members.take("timing"), stu3.ordered_dose(members)
    converted = {
        **members.keep("text", "asNeededBoolean", "asNeededCodeableConcept", "route", "method"),
        **members.rename(site="siteCodeableConcept"),
        **{name.replace("dose", dose, 1): value for name, value in amount.items()},
        **filled(
            timing=timing and _timing(timing),
            additionalInstructions=_only(members.take("additionalInstruction"), "additionalInstruction"),
        ),
    }
    members.all_taken()
    return converted


def _drug_and_patient(members: Members) -> Json:
    return {
        **members.keep(*SHARED, "medicationCodeableConcept", "medicationReference"),
        **members.rename(subject="patient"),
    }


def _order(members: Members) -> Json:
    members.refuse("doNotPerform")
    if members.take("intent") != "order":
        raise NotExpressibleError("intent")
    return {
        **_drug_and_patient(members),
        "resourceType": "MedicationOrder",
        "status": mapped(members.take("status"), _ORDER),
        **stu3.dispensing(members),
        **members.rename(authoredOn="dateWritten"),
        **filled(
            reasonCodeableConcept=_only(members.take("reasonCode"), "reasonCode"),
            reasonReference=_only(members.take("reasonReference"), "reasonReference"),
            dosageInstruction=[_dosage(row) for row in members.take("dosageInstruction") or ()],
        ),
    }


def _statement(members: Members) -> Json:
    status = members.take("status")
    return {
        **_drug_and_patient(members),
        "status": mapped(status, _STATEMENT),
        **({"wasNotTaken": True} if status == "not-taken" else {}),
        **members.keep("effectiveDateTime", "effectivePeriod", "dateAsserted"),
        **filled(dosage=[_dosage(row, "quantity") for row in members.take("dosage") or ()]),
    }


def _dispense(members: Members) -> Json:
    return {
        **_drug_and_patient(members),
        "status": mapped(members.take("status"), _DISPENSE),
        **members.keep("quantity", "daysSupply", "whenPrepared", "whenHandedOver"),
        **filled(dosageInstruction=[_dosage(row) for row in members.take("dosageInstruction") or ()]),
    }


def _administration(members: Members) -> Json:
    status, dosage = members.take("status"), Members(members.take("dosage") or {})
    given = {**dosage.keep("text", "route", "method"), **dosage.rename(dose="quantity", site="siteCodeableConcept")}
    dosage.all_taken()
    return {
        **_drug_and_patient(members),
        "status": mapped(status, _ADMINISTRATION),
        **({"wasNotGiven": True} if status == "not-done" else {}),
        **members.rename(effectiveDateTime="effectiveTimeDateTime", effectivePeriod="effectiveTimePeriod"),
        **filled(dosage=given),
    }


def _medication(members: Members) -> Json:
    members.take("status")  # DSTU2 has none
    ingredients = []
    for ingredient in members.take("ingredient") or ():
        row = Members(ingredient)
        row.refuse("itemCodeableConcept", "isActive")
        ingredients.append(row.rename(itemReference="item", strength="amount"))
        row.all_taken()
    product = {**members.keep("form"), **filled(ingredient=ingredients)}
    return {**members.keep(*SHARED, "code"), **filled(product=product)}


def _procedure(members: Members) -> Json:
    status = members.take("status")
    return {
        "status": mapped(status, _PROCEDURE),
        **({"notPerformed": True} if status == "not-done" else {}),
        **members.keep(*SHARED, "code", "subject", "category", "performedDateTime", "performedPeriod"),
    }


def _allergy(members: Members) -> Json:
    clinical, certainty = code_of(members.take("clinicalStatus")), code_of(members.take("verificationStatus"))
    if certainty in ("refuted", "entered-in-error", "unconfirmed"):
        status = certainty
    else:
        status = mapped(clinical or "active", same("active", "inactive", "resolved"))
    substance, criticality = members.take("code"), members.take("criticality")
    if not substance:
        raise NotExpressibleError("an allergy without a substance")
    return {
        "status": status,
        "substance": substance,
        **members.keep(*SHARED, "type", "patient", "recordedDate", "reaction"),
        **members.rename(onsetDateTime="onset", lastOccurrence="lastOccurence"),
        **filled(
            category=_only(members.take("category"), "category"),
            criticality=criticality and mapped(criticality, _CRITICALITY),
        ),
    }


CONVERTERS: Mapping[str, Converter] = {
    "Patient": _patient,
    "Condition": _condition,
    "Observation": _observation,
    "MedicationRequest": _order,
    "MedicationStatement": _statement,
    "MedicationDispense": _dispense,
    "MedicationAdministration": _administration,
    "Medication": _medication,
    "Procedure": _procedure,
    "AllergyIntolerance": _allergy,
}
"""There is no AdverseEvent and no ResearchSubject in DSTU2."""
