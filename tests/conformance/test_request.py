"""Rows J6, Q1 to Q11, V6: what a request must have and what the service bears with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds_hooks.protocol.validation import Document, faults

row = pytest.mark.row
EXPECTED = {"renalDose": "critical", "counselling": "info"}
EXTENSION = {"org.example.thing": {"a": 1, "b": None, "c": []}}


def refused_at(response: Any) -> str:
    assert response.status_code == 400
    issue = response.get_json()["issue"][0]
    return str(issue["expression"][0])


@row("Q1")
def test_a_conforming_request_is_answered(stage: Any) -> None:
    body = stage.request()
    assert faults(Document.CONFORMING_REQUEST, body) == []
    assert stage.topics(body) == EXPECTED
    assert stage.web.get("/cds-services/lenalidomide-order-sign").status_code == 405


@row("Q3")
@pytest.mark.parametrize("instance", ["3f1dde72-162b-11ec-99e8-0050568b7be6", "8f2a-not-a-uuid"])
def test_any_hook_instance_is_taken(stage: Any, instance: str) -> None:
    assert stage.topics(stage.request(hookInstance=instance)) == EXPECTED


@row("Q3", "Q6", "Q11")
@pytest.mark.parametrize(
    ("member", "value", "path"),
    [
        ("hook", None, "$.hook"),
        ("hookInstance", None, "$.hookInstance"),
        ("hookInstance", 7, "$.hookInstance"),
        ("context", None, "$.context"),
        ("context", [], "$.context"),
        ("context", {"draftOrders": {}}, "$.context.patientId"),
        ("context", {"patientId": "p"}, "$.context.draftOrders"),
        ("prefetch", [1], "$.prefetch"),
    ],
)
def test_what_is_missing_or_mistyped_is_named(stage: Any, member: str, value: Any, path: str) -> None:
    body = {name: content for name, content in {**stage.request(), member: value}.items() if content is not None}
    assert refused_at(stage.post(body)) == path


@row("Q11")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"hook": NaN}', b"\xff\xfe{}"])
def test_what_is_no_json_object_is_400(stage: Any, body: bytes) -> None:
    response = stage.web.post("/cds-services/lenalidomide-order-sign", data=body)
    assert refused_at(response) == "$"


@row("Q4")
def test_authorization_needs_a_server(stage: Any) -> None:
    body = stage.request(prefetch=False, fhirServer=None)
    assert stage.post(body).status_code == 400


@row("Q5", "Q10")
@pytest.mark.parametrize("taken_out", ["fhirAuthorization", "patient", "scope"])
def test_what_may_be_missing_of_the_authorization(stage: Any, taken_out: str) -> None:
    body = stage.request(
        fhirServer=stage.fhir_url,
        fhirAuthorization={
            "access_token": "t",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "x",
            "subject": "y",
        },
    )
    body.pop(taken_out, None)
    body.get("fhirAuthorization", {}).pop(taken_out, None)
    assert stage.topics(body) == EXPECTED


@row("Q9")
def test_the_authorization_holds_a_token(stage: Any) -> None:
    body = stage.request(prefetch=False)
    assert faults(Document.CONFORMING_REQUEST, body) == []
    del body["fhirAuthorization"]["access_token"]
    assert refused_at(stage.post(body)) == "$.fhirAuthorization.access_token"


@row("Q7")
def test_the_prefetch_may_be_missing(stage: Any) -> None:
    assert stage.topics(stage.request(prefetch=False)) == EXPECTED


@row("Q8", "J6", "V6")
def test_extensions_and_new_members_are_borne_with_everywhere(stage: Any) -> None:
    body = stage.request(extension=EXTENSION, surprise=[1])
    for part in (body["context"], body["prefetch"]["patient"], body["context"]["draftOrders"]["entry"][0]):
        part["extension"] = EXTENSION
        part["memberOfALaterVersion"] = {"x": [None]}
    assert stage.topics(body) == EXPECTED
    with_token = stage.request(prefetch=False)
    with_token["fhirAuthorization"]["extension"] = EXTENSION
    assert stage.topics(with_token) == EXPECTED


@row("Q1")
@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/fhir+json", "text/plain"])
def test_the_content_type_does_not_matter(stage: Any, content_type: str) -> None:
    body = json.dumps(stage.request())
    response = stage.web.post("/cds-services/lenalidomide-order-sign", data=body, content_type=content_type)
    assert len(response.get_json()["cards"]) == len(EXPECTED)
