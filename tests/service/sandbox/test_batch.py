from typing import Any

import pytest
from flask.testing import FlaskClient


def batch(client: FlaskClient, *requests: Any) -> list[dict[str, Any]]:
    body = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": request} for request in requests]}
    response = client.post("/fhir", json=body)
    assert response.status_code == 200
    bundle = response.get_json(force=True)
    assert bundle["type"] == "batch-response"
    entries: list[dict[str, Any]] = bundle["entry"]
    return entries


def get(url: str) -> dict[str, str]:
    return {"method": "GET", "url": url}


def test_each_request_gets_its_answer_in_order(client: FlaskClient) -> None:
    answers = batch(
        client,
        get("Patient/ada"),
        get("Observation?patient=ada&code=http%3A%2F%2Floinc.org%7C751-8&_sort=-date&_count=1"),
        get("http://localhost/fhir/Patient?name=ben"),
        get("metadata"),
    )
    assert [answer["response"]["status"] for answer in answers] == ["200 OK"] * 4
    assert answers[0]["resource"]["id"] == "ada"
    assert answers[1]["resource"]["entry"][0]["resource"]["id"] == "o1"
    assert answers[1]["resource"]["link"][1]["url"].startswith("http://localhost/fhir/Observation?")
    assert answers[2]["resource"]["total"] == 1
    assert answers[3]["resource"]["resourceType"] == "CapabilityStatement"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("Patient/nobody"), "404 Not Found"),
        (get("Spaceship?x=y"), "404 Not Found"),
        (get("Observation?date=soon"), "400 Bad Request"),
        (get("http://elsewhere/fhir/Patient/ada"), "400 Bad Request"),
        (get("http://["), "400 Bad Request"),
        (get("\ud800"), "404 Not Found"),
        ({"method": "DELETE", "url": "Patient/ada"}, "405 Method Not Allowed"),
        ({"method": "GET"}, "400 Bad Request"),
        ("Patient/ada", "400 Bad Request"),
    ],
)
def test_one_failure_leaves_the_others_alone(client: FlaskClient, request_: Any, status: str) -> None:
    failed, good = batch(client, request_, get("Patient/ada"))
    assert failed["response"]["status"] == status
    assert failed["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert "resource" not in failed
    assert good["response"]["status"] == "200 OK"


def test_strict_handling_counts_for_all(client: FlaskClient) -> None:
    body = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": get("Patient?shoe-size=44")}]}
    response = client.post("/fhir/", json=body, headers={"Prefer": "handling=strict"})
    assert response.get_json(force=True)["entry"][0]["response"]["status"] == "400 Bad Request"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"resourceType":"Bundle","type":"transaction"}',
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","type":"batch","entry":{}}',
    ],
)
def test_anything_but_a_batch_is_refused(client: FlaskClient, body: bytes) -> None:
    response = client.post("/fhir", data=body, content_type="application/fhir+json")
    assert response.status_code == 400
    assert response.get_json(force=True)["resourceType"] == "OperationOutcome"


def test_an_empty_batch_has_an_empty_answer(client: FlaskClient) -> None:
    response = client.post("/fhir", json={"resourceType": "Bundle", "type": "batch"})
    assert response.get_json(force=True) == {"resourceType": "Bundle", "type": "batch-response"}


def test_too_large_a_body_is_refused(client: FlaskClient) -> None:
    response = client.post("/fhir", data=b" " * (1024 * 1024 + 1), content_type="application/fhir+json")
    assert response.status_code == 413
    assert response.get_json(force=True)["issue"][0]["code"] == "too-long"
