from datetime import datetime
from typing import Any

import pytest

from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient
from service.sandbox.server import Sandbox
from service.sandbox.store import ResourceStore

INSTANCE = "5f0c2a4e-8f27-4b0c-9d3e-6f2f3f1f8c11"
BASE = "http://127.0.0.1:9/fhir"


def request_of(patient: SandboxPatient, **more: Any) -> dict[str, Any]:
    arguments = {"hook": "order-sign", "fhir_server": None, "prefetch": None, "hook_instance": INSTANCE}
    return hook_request(patient, **{**arguments, **more})


def test_order_sign(patients: tuple[SandboxPatient, ...]) -> None:
    patient = patients[1]
    assert request_of(patient) == {
        "hook": "order-sign",
        "hookInstance": INSTANCE,
        "context": {
            "userId": "Practitioner/sandbox-prescriber",
            "patientId": patient.id,
            "draftOrders": {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": order} for order in patient.draft_orders],
            },
        },
    }


def test_order_select_names_the_drafts(patients: tuple[SandboxPatient, ...]) -> None:
    body = request_of(patients[0], hook="order-select")
    assert body["context"]["selections"] == [f"MedicationRequest/{patients[0].draft_orders[0]['id']}"]


def test_a_fhir_server_with_its_token(patients: tuple[SandboxPatient, ...]) -> None:
    body = request_of(patients[0], fhir_server=BASE, access_token="sesame", prefetch={})
    assert body["fhirServer"] == BASE
    assert body["fhirAuthorization"]["access_token"] == "sesame"
    assert body["fhirAuthorization"]["patient"] == patients[0].id
    assert body["prefetch"] == {}


@pytest.mark.parametrize("more", [{"hook": "patient-view"}, {"access_token": "sesame"}])
def test_what_makes_no_sense_is_refused(patients: tuple[SandboxPatient, ...], more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"hook|token"):
        request_of(patients[0], **more)


def test_prefetch_is_what_the_server_would_answer(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    server = Sandbox(ResourceStore(resource for patient in patients for resource in patient.resources))
    templates = {
        "patient": "Patient/{{context.patientId}}",
        "counts": "Observation?patient={{context.patientId}}&code=751-8,777-3&_sort=-date&_count=2",
        "none": "Procedure?patient={{ context.patientId }}",
    }
    for patient in patients:
        filled = fill_prefetch(templates, patient, lambda url: server.get(url, base_url=BASE))
        assert filled["patient"]["id"] == patient.id
        assert filled["none"]["type"] == "searchset"
    filled = fill_prefetch(templates, patients[0], lambda url: server.get(url, base_url=BASE))
    assert [entry["resource"]["valueQuantity"]["value"] for entry in filled["counts"]["entry"]] == [2.6, 198]


def test_a_token_that_cannot_be_filled_in_is_refused(patients: tuple[SandboxPatient, ...]) -> None:
    with pytest.raises(ValueError, match=r"context\.encounterId"):
        fill_prefetch({"x": "Encounter/{{context.encounterId}}"}, patients[0], lambda url: {"url": url})
