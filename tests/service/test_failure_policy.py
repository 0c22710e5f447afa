"""What the caller sees when something is missing, late or broken; over the real application."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_hooks.cases.case import Case, load_base_charts, load_cases
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.run import hook_request
from service.app import create_app
from service.config import Settings
from tests import planted

Json = dict[str, Any]
Post = Callable[[Json], TestResponse]
SIGN = "/cds-services/lenalidomide-order-sign"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("policy")
    settings = Settings(auth="off", database_url=f"sqlite:///{folder / 'audit.sqlite3'}", spool_dir=folder / "spool")
    app = create_app(settings, clock=lambda: NOW)
    yield app.test_client()
    app.extensions["lencds"].close()


@pytest.fixture(scope="module")
def case() -> Case:
    """A case whose only card is about the liver: ALT high, everything else in order."""
    return next(
        one
        for one in load_cases()
        if one.subject == "liver" and one.expect.keys() == {"hepatotoxicity"} and one.hook == "order-sign"
    )


@pytest.fixture
def request_body(client: FlaskClient, case: Case) -> Json:
    knowledge = client.application.extensions["lencds"].order_check.reader.knowledge
    return named(copy.deepcopy(hook_request(case, knowledge)))


def named(body: Json) -> Json:
    """Give the patient a name, a number and an address, which must appear in no log."""
    patient = body["prefetch"]["patient"]
    patient.update(name=planted.NAME, identifier=planted.IDENTIFIER, address=planted.ADDRESS)
    return body


def topics(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 200, response.text
    assert response.json is not None
    return {card["source"]["topic"]["code"]: card["indicator"] for card in response.json["cards"]}


def incomplete_detail(response: TestResponse) -> str:
    assert response.json is not None
    cards = [card for card in response.json["cards"] if card["source"]["topic"]["code"] == "checkIncomplete"]
    assert len(cards) == 1
    detail: str = cards[0]["detail"]
    return detail


def outcome(response: TestResponse) -> Json:
    assert response.json is not None
    assert response.json["resourceType"] == "OperationOutcome"
    issue: Json = response.json["issue"][0]
    return issue


def error_outcome(severity: str = "error") -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "exception"}]}


def test_the_case_is_complete_to_begin_with(client: FlaskClient, request_body: Json) -> None:
    found = topics(client.post(SIGN, json=request_body))
    assert "hepatotoxicity" in found
    assert "checkIncomplete" not in found


def test_an_unknown_service_is_404(client: FlaskClient, request_body: Json) -> None:
    response = client.post("/cds-services/another", json=request_body)
    assert response.status_code == 404
    outcome(response)


def test_the_wrong_hook_is_400(client: FlaskClient, request_body: Json) -> None:
    request_body["hook"] = "patient-view"
    response = client.post(SIGN, json=request_body)
    assert response.status_code == 400
    assert outcome(response)["expression"] == ["$.hook"]


@pytest.mark.parametrize("patient", [None, {"resourceType": "Bundle"}, "absent"])
def test_without_patient_it_is_412(client: FlaskClient, request_body: Json, patient: Any) -> None:
    request_body["prefetch"]["patient"] = patient
    if patient == "absent":
        del request_body["prefetch"]["patient"]
    response = client.post(SIGN, json=request_body)
    assert response.status_code == 412
    assert "patient" in outcome(response)["diagnostics"]


def test_another_patients_record_counts_as_absent(client: FlaskClient, request_body: Json) -> None:
    request_body["prefetch"]["patient"]["id"] = "somebody-else"
    assert client.post(SIGN, json=request_body).status_code == 412


@pytest.mark.parametrize("value", [None, {"resourceType": "Bundle", "type": "searchset", "entry": []}, "warning"])
def test_none_exists_is_taken_at_its_word(client: FlaskClient, request_body: Json, value: Any) -> None:
    if value == "warning":
        entry = {"resource": error_outcome("warning"), "search": {"mode": "outcome"}}
        value = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [entry]}
    request_body["prefetch"]["chemistry"] = value
    found = topics(client.post(SIGN, json=request_body))
    assert "liverTestsOverdue" in found
    assert "renalFunctionUnknown" in found
    assert "checkIncomplete" not in found


@pytest.mark.parametrize("value", [error_outcome(), error_outcome("fatal"), "absent"])
def test_what_could_not_be_looked_up_is_said(client: FlaskClient, request_body: Json, value: Any) -> None:
    if value == "absent":
        del request_body["prefetch"]["chemistry"]
    else:
        request_body["prefetch"]["chemistry"] = value
    response = client.post(SIGN, json=request_body)
    found = topics(response)
    assert found["checkIncomplete"] == "warning"
    assert not found.keys() & {"liverTestsOverdue", "renalFunctionUnknown", "hepatotoxicity"}
    assert "Liver" in incomplete_detail(response)


def test_data_beside_an_error_is_kept(client: FlaskClient, request_body: Json) -> None:
    entry = {"resource": error_outcome(), "search": {"mode": "outcome"}}
    request_body["prefetch"]["chemistry"]["entry"].append(entry)
    found = topics(client.post(SIGN, json=request_body))
    assert found["checkIncomplete"] == "warning"
    assert "hepatotoxicity" in found


@pytest.mark.parametrize("missing", ["prefetch", "null"])
def test_no_prefetch_and_no_fhir_server_is_412(client: FlaskClient, request_body: Json, missing: str) -> None:
    if missing == "prefetch":
        del request_body["prefetch"]
    else:
        request_body["prefetch"] = None
    assert client.post(SIGN, json=request_body).status_code == 412


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "text",
        [],
        {},
        {"resource": None},
        {"resource": {"resourceType": 3}},
        {"resource": {"resourceType": "Observation"}},
        {"resource": {"resourceType": "Observation", "code": [], "valueQuantity": "x", "effectiveDateTime": {}}},
        {"resource": {"resourceType": "Observation", "code": {"coding": [{"code": "1742-6"}]}, "status": []}},
        {"resource": {"resourceType": "MedicationRequest", "medicationCodeableConcept": 5, "dosageInstruction": 3}},
        {"resource": {"resourceType": "Condition", "code": {"coding": {"code": 1}}, "clinicalStatus": 9}},
    ],
)
def test_a_broken_entry_is_dropped_alone(client: FlaskClient, request_body: Json, broken: Any) -> None:
    before = topics(client.post(SIGN, json=request_body))
    request_body["prefetch"]["chemistry"]["entry"].insert(0, broken)
    assert topics(client.post(SIGN, json=request_body)) == before


def test_resources_of_another_patient_are_left_out_and_said(client: FlaskClient, request_body: Json) -> None:
    for entry in request_body["prefetch"]["chemistry"]["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    response = client.post(SIGN, json=request_body)
    found = topics(response)
    assert "hepatotoxicity" not in found
    assert "Observation" in incomplete_detail(response)


def test_a_draft_of_another_patient_is_never_judged(client: FlaskClient, request_body: Json) -> None:
    for entry in request_body["context"]["draftOrders"]["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    response = client.post(SIGN, json=request_body)
    assert topics(response).keys() == {"checkIncomplete"}
    assert "draft order" in incomplete_detail(response)


def test_unknown_keys_and_one_big_bundle_are_used(client: FlaskClient, request_body: Json) -> None:
    before = topics(client.post(SIGN, json=request_body))
    prefetch = request_body["prefetch"]
    everything = [entry for bundle in prefetch.values() for entry in bundle.get("entry", ())]
    request_body["prefetch"] = {key: {"resourceType": "Bundle"} for key in prefetch if key != "patient"}
    request_body["prefetch"] |= {"item1": {"resourceType": "Bundle", "entry": everything}, "who": prefetch["patient"]}
    assert topics(client.post(SIGN, json=request_body)) == before


def test_an_unlisted_fhir_server_counts_as_none(client: FlaskClient, request_body: Json) -> None:
    request_body["fhirServer"] = "https://ehr.example.org/fhir"
    del request_body["prefetch"]["chemistry"]
    response = client.post(SIGN, json=request_body)
    assert topics(response)["checkIncomplete"] == "warning"
    assert "no FHIR server" in incomplete_detail(response)


def test_an_irrelevant_order_is_answered_although_the_prefetch_is_no_object(
    client: FlaskClient, request_body: Json
) -> None:
    draft = {
        "resourceType": "MedicationRequest",
        "id": "d",
        "medicationCodeableConcept": {"text": "paracetamol 500 mg"},
    }
    request_body["context"]["draftOrders"]["entry"] = [{"resource": draft}]
    request_body["prefetch"] = [1, 2, 3]
    response = client.post(SIGN, json=request_body)
    assert (response.status_code, response.json) == (200, {"cards": []})


def test_a_draft_whose_drug_cannot_be_known_is_said_for_information(client: FlaskClient, request_body: Json) -> None:
    draft = {"resourceType": "MedicationRequest", "id": "d", "medicationReference": {"reference": "Medication/m1"}}
    request_body["context"]["draftOrders"]["entry"] = [{"resource": draft}]
    assert topics(client.post(SIGN, json=request_body)) == {"checkIncomplete": "info"}


@pytest.mark.parametrize("place", ["sibling", "contained", "prefetch", "display"])
def test_the_drug_is_found_wherever_it_is(client: FlaskClient, request_body: Json, place: str) -> None:
    before = topics(client.post(SIGN, json=request_body))
    entries = request_body["context"]["draftOrders"]["entry"]
    draft = entries[0]["resource"]
    medication = {"resourceType": "Medication", "id": "m1", "code": draft.pop("medicationCodeableConcept")}
    draft["medicationReference"] = {"reference": "Medication/m1"}
    match place:
        case "sibling":
            entries.append({"resource": medication})
        case "contained":
            draft["contained"] = [medication]
            draft["medicationReference"] = {"reference": "#m1"}
        case "prefetch":
            request_body["prefetch"]["drugs"] = {"resourceType": "Bundle", "entry": [{"resource": medication}]}
        case "display":
            draft["medicationReference"]["display"] = "LENALIDOMIDE 25 MG PO CAPS"
    assert topics(client.post(SIGN, json=request_body)) == before


def test_every_case_says_the_same_over_http(client: FlaskClient) -> None:
    knowledge = client.application.extensions["lencds"].order_check.reader.knowledge
    charts = load_base_charts()
    assert charts
    for one in load_cases():
        if one.chart.unavailable or one.chart.incomplete or one.hook != "order-sign":
            continue
        response = client.post(SIGN, json=hook_request(one, knowledge))
        assert response.status_code in (200, 412), one.sentence
        if response.status_code == 200:
            found = topics(response)
            missing = {topic for topic, level in one.expect.items() if found.get(topic) != level}
            assert not missing, f"{one.sentence}: {missing}"


def test_the_evaluation_instant_is_the_clock() -> None:
    assert datetime(2026, 3, 2, 12, tzinfo=UTC) == NOW
