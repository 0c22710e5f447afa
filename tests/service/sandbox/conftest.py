from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import create_sandbox

LOINC = "http://loinc.org"


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 3, 5, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def patients(now: datetime) -> tuple[SandboxPatient, ...]:
    return load_patients(now)


def observation(number: int, code: str, when: str, patient: str = "ada", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": when,
        **more,
    }


RESOURCES: tuple[dict[str, Any], ...] = (
    {
        "resourceType": "Patient",
        "id": "ada",
        "name": [{"family": "Núñez", "given": ["Ada", "María"]}],
        "gender": "female",
        "birthDate": "1980-02-29",
    },
    {"resourceType": "Patient", "id": "ben", "name": [{"family": "Nunn", "given": ["Ben"]}], "birthDate": "1951"},
    observation(1, "751-8", "2026-03-01T08:00:00Z"),
    observation(2, "777-3", "2026-03-01T08:00:00Z"),
    observation(3, "751-8", "2026-02-01", status="preliminary"),
    observation(4, "751-8", "2026-03-04T23:30:00-05:00", patient="ben"),
    observation(5, "2160-0", "2025-12-24T10:00:00Z"),
    {"resourceType": "Medication", "id": "m1", "code": {"coding": [{"system": "urn:drugs", "code": "lena"}]}},
    {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "Medication/m1"},
        "subject": {"reference": "Patient/ada"},
        "authoredOn": "2026-02-10T09:00:00Z",
    },
    {
        "resourceType": "MedicationRequest",
        "id": "r2",
        "status": "completed",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": "urn:drugs", "code": "asa"}]},
        "subject": {"reference": "Patient/ada"},
    },
)


@pytest.fixture(scope="session")
def sandbox() -> Flask:
    return create_sandbox(RESOURCES)


@pytest.fixture
def client(sandbox: Flask) -> FlaskClient:
    return sandbox.test_client()
