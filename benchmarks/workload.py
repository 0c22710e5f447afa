"""The hook requests that are sent: one invented patient whose record is as long as wanted.

The shape is that of a large EHR: several codings per concept, identifiers, encounters and performers with display
texts, reference ranges. An Observation takes about one kilobyte, as it does in the field.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

Json = dict[str, Any]

PATIENT_ID = "bench-patient"
HOOK_INSTANCE = str(uuid.UUID(int=0x1E4A, version=4))
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
_SUBJECT = {"reference": f"Patient/{PATIENT_ID}", "display": "Brandt, Harold"}

_KEYS = (
    "medicationRequests",
    "medicationStatements",
    "medicationDispenses",
    "medicationAdministrations",
    "conditions",
    "procedures",
    "allergies",
    "adverseEvents",
    "researchSubjects",
    "bloodCounts",
    "chemistry",
    "monitoring",
    "pregnancy",
    "vitalSigns",
    "bloodBank",
)


@dataclass(frozen=True, slots=True)
class Test:
    """A laboratory test: prefetch key, LOINC code, name, value, unit, limits of normal, days between two of them."""

    key: str
    code: str
    name: str
    value: float
    unit: str
    low: float
    high: float
    every_days: int


# In the order in which a short record takes them.
_TESTS = (
    Test("bloodCounts", "751-8", "Neutrophils [#/volume] in Blood by Automated count", 2.6, "10*3/uL", 1.5, 8.0, 14),
    Test("bloodCounts", "777-3", "Platelets [#/volume] in Blood by Automated count", 198, "10*3/uL", 150, 400, 14),
    Test("chemistry", "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 0.9, "mg/dL", 0.6, 1.3, 14),
    Test("vitalSigns", "29463-7", "Body weight", 80, "kg", 40, 160, 28),
    Test("chemistry", "1742-6", "Alanine aminotransferase [U/L] in Serum or Plasma", 162, "U/L", 7, 50, 28),
    Test("bloodCounts", "6690-2", "Leukocytes [#/volume] in Blood by Automated count", 4.9, "10*3/uL", 4.0, 11.0, 14),
    Test("bloodCounts", "718-7", "Hemoglobin [Mass/volume] in Blood", 12.1, "g/dL", 13.0, 17.0, 14),
    Test("chemistry", "1920-8", "Aspartate aminotransferase [U/L] in Serum or Plasma", 25, "U/L", 10, 45, 28),
    Test("chemistry", "1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", 0.6, "mg/dL", 0.2, 1.2, 28),
    Test("monitoring", "3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", 2.1, "m[IU]/L", 0.4, 4.5, 90),
    Test("vitalSigns", "8302-2", "Body height", 176, "cm", 140, 200, 365),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of call.

    Attributes:
        name: what it is called in the tables.
        body: JSON bytes of the request.
        resources: FHIR resources of the record, for a server that serves them.
    """

    name: str
    body: bytes
    resources: tuple[Json, ...] = ()


def irrelevant(size: int, now: datetime) -> Workload:
    """Return an order for a drug that is none of ours, with the record prefetched, of about `size` bytes."""
    return _sized(f"irrelevant order, {size // 1000} kB", _draft("314076", "lisinopril 10 MG Oral Tablet"), size, now)


def relevant(size: int, now: datetime) -> Workload:
    """Return an order for lenalidomide with everything prefetched that the service asks for, about `size` bytes."""
    return _sized(f"relevant order, {size // 1000} kB", lenalidomide_draft(now), size, now)


def without_prefetch(fhir_server: str, now: datetime) -> Workload:
    """Return the same order with nothing prefetched, and the address of a FHIR server to ask."""
    body = {**_envelope(lenalidomide_draft(now)), "fhirServer": fhir_server}
    return Workload("relevant order, no prefetch", orjson.dumps(body), tuple(_record(now, months=6)))


def broken(now: datetime) -> Workload:
    """Return a request that lacks its patient."""
    body = _envelope(lenalidomide_draft(now))
    del body["context"]["patientId"]
    return Workload("bad request", orjson.dumps(body))


def lenalidomide_draft(now: datetime) -> Json:
    """Return a draft of lenalidomide 25 mg on days 1 to 21 of 28."""
    sig = "Take 1 capsule (25 mg) by mouth once daily on days 1 to 21 of each 28-day cycle"
    draft = _draft("643720", "lenalidomide 25 MG Oral Capsule")
    dose = {"value": 1, "unit": "capsule"}
    return draft | {
        "authoredOn": now.isoformat(timespec="seconds"),
        "dosageInstruction": [
            {
                "text": sig,
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": dose}],
            }
        ],
        "dispenseRequest": {
            "numberOfRepeatsAllowed": 0,
            "quantity": {"value": 21, "unit": "capsule"},
            "expectedSupplyDuration": {"value": 28, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"},
        },
    }


def _sized(name: str, draft: Json, size: int, now: datetime) -> Workload:
    """Take as much of the record as fits, newest first; what is left over up to `size` is one more note."""
    request = _envelope(draft)
    patient = _patient(with_everything=size > 20_000)  # noqa: PLR2004  short bodies take the short forms
    bundles: dict[str, list[Json]] = {key: [] for key in _KEYS}
    request["prefetch"] = {"patient": patient} | {key: _bundle(rows) for key, rows in bundles.items()}
    used = len(orjson.dumps(request))
    short = size < 20_000  # noqa: PLR2004
    kept: list[Json] = [patient]
    for key, resource in _rows(now, months=120, short=short):
        weight = len(orjson.dumps(resource)) + 90
        if used + weight > size:
            break
        used += weight
        bundles[key].append(
            {"fullUrl": f"https://ehr.example.org/fhir/{resource['resourceType']}/{resource['id']}",
             "resource": resource}
        )  # fmt: skip
        kept.append(resource)
    for key, rows in bundles.items():
        request["prefetch"][key] = _bundle(rows)
    return Workload(name, orjson.dumps(request), tuple(kept))


def _envelope(draft: Json) -> Json:
    return {
        "hook": "order-sign",
        "hookInstance": HOOK_INSTANCE,
        "context": {
            "userId": "Practitioner/bench-prescriber",
            "patientId": PATIENT_ID,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        },
    }


def _draft(code: str, name: str) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": "bench-draft",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code, "display": name}], "text": name},
        "subject": _SUBJECT,
    }


def _bundle(entries: list[Json]) -> Json:
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return bundle | {"entry": entries} if entries else bundle


def _record(now: datetime, months: int) -> Iterator[Json]:
    yield _patient(with_everything=True)
    yield from (resource for _, resource in _rows(now, months, short=False))


def _rows(now: datetime, months: int, *, short: bool) -> Iterator[tuple[str, Json]]:
    """Yield prefetch key and resource: problem list and medicines, then the tests, newest first."""
    yield "conditions", _condition("multiple-myeloma", "C90.00", "109989006", "Multiple myeloma", now, 190, short)
    yield "medicationStatements", _aspirin(now)
    if not short:
        yield "conditions", _condition("hypertension", "I10", "38341003", "Essential hypertension", now, 4000, short)
        for cycle in range(1, 6):
            yield "medicationRequests", _earlier_order(now, cycle)
    for days in range(2, 30 * months, 14):
        for test in _TESTS:
            if (days - 2) % test.every_days < 14:  # noqa: PLR2004  a visit every 14 days
                yield test.key, _observation(test, now - timedelta(days=days), days, short=short)


def _patient(*, with_everything: bool) -> Json:
    patient: Json = {
        "resourceType": "Patient",
        "id": PATIENT_ID,
        "name": [{"use": "official", "family": "Brandt", "given": ["Harold"]}],
        "gender": "male",
        "birthDate": "1951-03-14",
    }
    if with_everything:
        patient |= {
            "active": True,
            "identifier": [{"system": f"urn:oid:1.2.840.114350.{n}", "value": f"E{n}"} for n in range(6)],
            "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
            "address": [{"line": ["1 Main Street"], "city": "Springfield", "state": "OR", "postalCode": "97477"}],
            "maritalStatus": {"text": "Married"},
        }  # fmt: skip
    return patient


def _condition(name: str, icd: str, snomed: str, text: str, now: datetime, days: int, short: bool) -> Json:
    codings = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd, "display": text}]
    if not short:
        codings.append({"system": "http://snomed.info/sct", "code": snomed, "display": text})
    active = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
    return {
        "resourceType": "Condition",
        "id": f"bench-{name}",
        "clinicalStatus": {"coding": [active]},
        "code": {"coding": codings, "text": text},
        "subject": _SUBJECT,
        "onsetDateTime": (now - timedelta(days=days)).date().isoformat(),
    }


def _aspirin(now: datetime) -> Json:
    name = "aspirin 81 MG Delayed Release Oral Tablet"
    return {
        "resourceType": "MedicationStatement",
        "id": "bench-aspirin",
        "status": "active",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "308416", "display": name}], "text": name},
        "subject": _SUBJECT,
        "effectivePeriod": {"start": (now - timedelta(days=140)).date().isoformat()},
    }


def _earlier_order(now: datetime, cycle: int) -> Json:
    moment = now - timedelta(days=28 * cycle)
    return lenalidomide_draft(moment) | {
        "id": f"bench-order-{cycle}",
        "status": "completed" if cycle > 1 else "active",
        "identifier": [{"use": "usual", "system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.798268", "value": f"1{cycle}"}],
        "requester": {"reference": "Practitioner/bench-prescriber", "display": "Prescriber, Bench"},
        "encounter": {"reference": f"Encounter/bench-{cycle}", "display": "Office Visit"},
    }


def _observation(test: Test, moment: datetime, number: int, *, short: bool) -> Json:
    quantity = {"value": test.value, "unit": test.unit, "system": "http://unitsofmeasure.org", "code": test.unit}
    observation: Json = {
        "resourceType": "Observation",
        "id": f"bench-{test.code}-{number}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": test.code, "display": test.name}]},
        "subject": _SUBJECT,
        "effectiveDateTime": moment.isoformat(timespec="seconds"),
        "valueQuantity": quantity,
    }
    if short:
        return observation
    observation["code"]["coding"].insert(
        0, {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.768282", "code": f"12{number}", "display": test.name.upper()}
    )
    laboratory = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    return observation | {
        "identifier": [{"use": "official", "system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.798268", "value": number}],
        "category": [{"coding": [laboratory | {"display": "Laboratory"}], "text": "Laboratory"}],
        "encounter": {"reference": f"Encounter/bench-{number}", "display": "Office Visit"},
        "issued": moment.isoformat(timespec="milliseconds"),
        "performer": [{"reference": "Organization/bench-laboratory", "display": "General Hospital Laboratory"}],
        "specimen": {"reference": f"Specimen/bench-{number}", "display": "Specimen 22L-001 from blood"},
        "referenceRange": [
            {
                "low": quantity | {"value": test.low},
                "high": quantity | {"value": test.high},
                "text": f"{test.low} - {test.high} {test.unit}",
            }
        ],
    }
