"""Rows J1 to J5, S1 to S7, V3, V4: the form of every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

row = pytest.mark.row
SIGN = "/cds-services/lenalidomide-order-sign"


def members(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    yield path, value
    children: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from members(child, f"{path}.{name}")


def irrelevant(stage: Any) -> Any:
    body = stage.request()
    draft = {"resourceType": "MedicationRequest", "id": "d", "medicationCodeableConcept": {"text": "paracetamol"}}
    body["context"]["draftOrders"]["entry"] = [{"resource": draft}]
    return body


@row("J1", "J5")
def test_every_answer_is_strict_json(stage: Any) -> None:
    responses = [
        stage.web.get("/cds-services"),
        stage.post(stage.request()),
        stage.post({}),
        stage.web.post(f"{SIGN}/feedback", json={"feedback": []}),
        stage.web.get("/cds-services/nothing/here"),
    ]
    for response in responses:
        assert response.mimetype == "application/json"
        json.loads(response.get_data(), parse_constant=pytest.fail)


@row("J2", "A8")
def test_embedded_resources_are_fhir(actions: list[Any]) -> None:
    created = [action["resource"] for action in actions if action["type"] == "create"]
    assert created
    for resource in created:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert "id" not in resource


@row("J3")
def test_nothing_is_null_or_empty(answers: list[Any], discovered: list[Any]) -> None:
    for document in (*answers, {"services": discovered}):
        empty = [path for path, value in members(document) if value in (None, "", [], {}) and path != "$.cards"]
        assert not empty


@row("J3")
def test_what_is_empty_in_a_draft_does_not_come_back(stage: Any) -> None:
    body = stage.request()
    draft = body["context"]["draftOrders"]["entry"][0]["resource"]
    draft |= {"note": [], "encounter": None, "reasonReference": [{}], "groupIdentifier": {"value": ""}}
    (card,) = (card for card in stage.post(body).get_json()["cards"] if "suggestions" in card)
    updated = card["suggestions"][0]["actions"][0]["resource"]
    assert not updated.keys() & {"note", "encounter", "reasonReference", "groupIdentifier"}
    assert updated["id"] == draft["id"]


@row("J4", "S2")
def test_optional_members_without_value_are_left_out(answers: list[Any]) -> None:
    assert all(answer.keys() == {"cards"} for answer in answers)
    plain = [card for answer in answers for card in answer["cards"] if "suggestions" not in card]
    assert plain
    assert not [card for card in plain if "selectionBehavior" in card]


@row("S1")
def test_success_is_200_with_cards(stage: Any) -> None:
    response = stage.post(stage.request())
    assert response.status_code == 200
    assert len(response.get_json()["cards"]) == 2


@row("S3")
def test_nothing_to_say_is_an_empty_array(stage: Any) -> None:
    response = stage.post(irrelevant(stage))
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


@row("S5", "S6", "D13")
def test_failures_have_an_operation_outcome(stage: Any) -> None:
    without_patient = stage.request()
    del without_patient["prefetch"]["patient"]
    failures = {
        400: stage.post({}),
        404: stage.web.post("/cds-services/another", json={}),
        405: stage.web.delete(SIGN),
        412: stage.post(without_patient),
    }
    for status, response in failures.items():
        assert response.status_code == status
        document = response.get_json()
        assert document["resourceType"] == "OperationOutcome"
        assert document["issue"][0]["severity"] == "error"


@row("S7", "X13")
def test_a_bad_token_is_401_without_reason(guarded: Any) -> None:
    good = guarded.token(SIGN)
    bodies = set()
    for bad in (good[:-4] + "AAAA", guarded.token(SIGN, exp=1, iat=0), guarded.token("/other"), "x", good + "."):
        response = guarded.web.post(SIGN, json={}, headers={"Authorization": f"Bearer {bad}"})
        assert response.status_code == 401
        bodies.add(response.get_data())
    assert len(bodies) == 1
    assert b"diagnostics" not in bodies.pop()


@row("V3")
def test_no_answer_is_to_be_cached(stage: Any) -> None:
    for response in (stage.web.get("/cds-services"), stage.post(stage.request()), stage.post({})):
        assert response.headers["Cache-Control"] == "no-store"


@row("V4")
def test_no_extension_is_sent(answers: list[Any], discovered: list[Any]) -> None:
    for document in (*answers, {"services": discovered}):
        assert not [path for path, _ in members(document) if path.endswith(".extension") and ".resource" not in path]
