"""From the lines of a patient file to FHIR resources. Dates stay relative here."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.sandbox.catalogue import SYSTEMS, Catalogue, Code, codeable_concept
from service.sandbox.outcome import Resource
from service.sandbox.patient_file import ConditionLine, OrderLine, PatientFile, ResultLine

_UCUM = "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_EPIC_DOSE_TYPE = "http://epic.com/CodeSystem/dose-rate-type"
_TEST_RESULTS = {"negative": ("260385009", "Negative"), "positive": ("10828004", "Positive")}


class ChartWriter:
    """Writes the resources of one patient; every id follows from the file, so the chart is the same each time.

    Its methods raise KeyError for a name that is not in the catalogue.
    """

    def __init__(self, patient: PatientFile, catalogue: Catalogue) -> None:
        self._patient = patient
        self._catalogue = catalogue
        self._subject = {"reference": f"Patient/{patient.id}", "display": patient.name}
        self._numbers: Counter[str] = Counter()
        self._medications: dict[str, Resource] = {}

    def chart(self) -> list[Resource]:
        """Return the Patient and everything recorded about the person so far."""
        written = [
            self._person(),
            *(self._condition(line) for line in self._patient.conditions),
            *self._procedures(),
            *(observation for line in self._patient.results for observation in self._observations(line)),
            *self._prescriptions(),
            *self._statements(),
            *self._administrations(),
        ]
        # Drafts may refer to Medications too, and those must be readable on the server.
        for line in self._patient.draft_orders:
            self._medication(line.drug)
        return [*written, *self._medications.values(), *self._patient.resources]

    def drafts(self) -> list[Resource]:
        """Return the orders that are about to be signed."""
        written = [self._order(line, "draft", "@now", f"draft-{line.drug}") for line in self._patient.draft_orders]
        return [*written, *self._patient.draft_resources]

    def _id(self, name: str) -> str:
        self._numbers[name] += 1
        readable = f"{self._patient.id}-{name}-{self._numbers[name]}"
        if self._patient.shape == "plain":
            return readable
        digest = hashlib.sha256(readable.encode()).digest()
        return f"e{base64.b64encode(digest, altchars=b'.-').decode().rstrip('=')}3"

    def _person(self) -> Resource:
        given, _, family = self._patient.name.rpartition(" ")
        return {
            "resourceType": "Patient",
            "id": self._patient.id,
            "meta": {"security": [{"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "HTEST"}]},
            "active": True,
            "name": [{"use": "official", "text": self._patient.name, "family": family, "given": given.split()}],
            "gender": self._patient.gender,
            "birthDate": self._patient.birth_date,
        }

    def _condition(self, line: ConditionLine) -> Resource:
        codes = [
            code for code in self._catalogue.diseases[line.what] if not line.systems or code.system in line.systems
        ]
        return {
            "resourceType": "Condition",
            "id": self._id(line.what),
            "clinicalStatus": _concept("condition-clinical", "active"),
            "verificationStatus": _concept("condition-ver-status", "confirmed"),
            "category": [_concept("condition-category", "problem-list-item")],
            "code": codeable_concept(codes),
            "subject": self._subject,
            "onsetDateTime": line.onset,
            "recordedDate": line.onset,
        }

    def _procedures(self) -> Iterator[Resource]:
        for line in self._patient.procedures:
            yield {
                "resourceType": "Procedure",
                "id": self._id(line.what),
                "status": "completed",
                "code": codeable_concept(self._catalogue.procedures[line.what]),
                "subject": self._subject,
                "performedDateTime": line.date,
            }

    def _observations(self, line: ResultLine) -> Iterator[Resource]:
        for name, value in line.values.items():
            measurement = self._catalogue.results[name]
            observation: Resource = {
                "resourceType": "Observation",
                "id": self._id(name),
                "status": "final",
                "category": [_concept("observation-category", measurement.category)],
                "code": codeable_concept(measurement.codes),
                "subject": self._subject,
                "effectiveDateTime": line.at,
            }
            if isinstance(value, str):
                code, display = _TEST_RESULTS[value]
                coding = {"system": SYSTEMS["snomed"], "code": code, "display": display}
                observation["valueCodeableConcept"] = {"coding": [coding], "text": display}
            elif isinstance(value, dict):
                observation["valueQuantity"] = value
            else:
                observation["valueQuantity"] = _quantity(value, measurement.unit, measurement.ucum)
                if measurement.normal is not None:
                    low, high = (_quantity(limit, measurement.unit, measurement.ucum) for limit in measurement.normal)
                    observation["referenceRange"] = [{"low": low, "high": high}]
            yield observation

    def _prescriptions(self) -> Iterator[Resource]:
        for line in self._patient.prescriptions:
            for authored in line.authored:
                status = "active" if authored == line.authored[-1] else "completed"
                yield self._order(line, status, authored, f"order-{line.drug}")

    def _statements(self) -> Iterator[Resource]:
        for line in self._patient.taking:
            yield {
                "resourceType": "MedicationStatement",
                "id": self._id(f"taking-{line.drug}"),
                "status": "active",
                **self._medication(line.drug),
                "subject": self._subject,
                "effectivePeriod": {"start": line.since},
                "dosage": [{"text": line.sig}],
            }

    def _administrations(self) -> Iterator[Resource]:
        for line in self._patient.given:
            for moment in line.at:
                yield {
                    "resourceType": "MedicationAdministration",
                    "id": self._id(f"given-{line.drug}"),
                    "status": "completed",
                    **self._medication(line.drug),
                    "subject": self._subject,
                    "effectiveDateTime": moment,
                    "dosage": {"dose": _measure(line.dose)},
                }

    def _order(self, line: OrderLine, status: str, authored: str, name: str) -> Resource:
        order: Resource = {
            "resourceType": "MedicationRequest",
            "id": self._id(name),
            "status": status,
            "intent": "order",
            **self._medication(line.drug),
            "subject": self._subject,
            "authoredOn": authored,
        }
        if dosage := self._dosage(line):
            order["dosageInstruction"] = [dosage]
        if line.reason is not None:
            order["reasonCode"] = [codeable_concept(self._catalogue.diseases[line.reason])]
        if dispensing := _dispensing(line):
            order["dispenseRequest"] = dispensing
        return order

    def _medication(self, drug: str) -> Resource:
        """Return the `medication[x]` element of a drug: a concept, or with Epic's shape a reference."""
        codes = self._catalogue.drugs[drug]
        if self._patient.shape == "plain":
            return {"medicationCodeableConcept": codeable_concept(codes)}
        if drug not in self._medications:
            self._medications[drug] = self._medication_resource(drug, codes)
        reference = f"Medication/{self._medications[drug]['id']}"
        return {"medicationReference": {"reference": reference, "display": codes[0].display}}

    def _medication_resource(self, drug: str, codes: Sequence[Code]) -> Resource:
        return {
            "resourceType": "Medication",
            "id": self._id(drug),
            "code": codeable_concept(codes),
            "status": "active",
        }

    def _dosage(self, line: OrderLine) -> Resource:
        dosage: Resource = {"text": line.sig} if line.sig else {}
        repeat: Resource = {}
        if line.days is not None:
            repeat["boundsDuration"] = _measure(f"{line.days} d")
        if line.every is not None:
            period, unit = line.every.split()
            repeat |= {"frequency": 1, "period": int(period), "periodUnit": unit}
        if repeat:
            dosage["timing"] = {"repeat": repeat}
        if line.dose is None:
            return dosage
        if self._patient.shape == "plain":
            return {**dosage, "doseAndRate": [{"doseQuantity": _measure(line.dose)}]}
        rows = {"calculated": line.dose, "admin-amount": line.amount or line.dose, "ordered": line.dose}
        dosage["doseAndRate"] = [
            {
                "type": {"coding": [{"system": _EPIC_DOSE_TYPE, "code": kind, "display": kind}], "text": kind},
                "doseQuantity": _measure(amount),
            }
            for kind, amount in rows.items()
        ]
        return dosage


def _concept(value_set: str, code: str) -> Resource:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{value_set}", "code": code}]}


def _quantity(value: float, unit: str | None, ucum: str | None) -> Mapping[str, Any]:
    if unit is None:
        return {"value": value}
    return {"value": value, "unit": unit, "system": _UCUM, "code": ucum or unit}


def _measure(text: str) -> Mapping[str, Any]:
    """Return the Quantity for "25 mg"; capsules and tablets have no UCUM unit."""
    number, unit = text.split()
    value = float(number) if "." in number else int(number)
    return {"value": value, "unit": unit} if unit in ("capsule", "tablet") else _quantity(value, unit, None)


def _dispensing(line: OrderLine) -> Resource:
    dispensing: Resource = {}
    if line.refills is not None:
        dispensing["numberOfRepeatsAllowed"] = line.refills
    if line.quantity is not None:
        form = line.amount.split()[1] if line.amount else "capsule"
        dispensing["quantity"] = _measure(f"{line.quantity} {form}")
    if line.supply_days is not None:
        dispensing["expectedSupplyDuration"] = _measure(f"{line.supply_days} d")
    return dispensing
