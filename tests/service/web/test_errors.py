"""Whatever fails is answered with an OperationOutcome that quotes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.web.errors import outcome_response


def issue(response: TestResponse) -> dict[str, Any]:
    body = response.get_json()
    assert body["resourceType"] == "OperationOutcome"
    (only,) = body["issue"]
    return dict(only)


def test_outcome_response_leaves_out_what_is_empty() -> None:
    response = outcome_response(412, "processing", "Patient is needed", "$.prefetch.patient")
    assert response.status_code == 412
    assert json.loads(response.get_data())["issue"] == [
        {
            "severity": "error",
            "code": "processing",
            "diagnostics": "Patient is needed",
            "expression": ["$.prefetch.patient"],
        }
    ]
    assert json.loads(outcome_response(500, "exception").get_data())["issue"] == [
        {"severity": "error", "code": "exception"}
    ]


def test_401_gives_no_reason(guarded: FlaskClient, bearer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = "/cds-services/lenalidomide-order-sign"
    for headers in ({}, {"Authorization": "Bearer x"}, bearer(path, exp=1), bearer(path, iss="https://evil.example")):
        response = guarded.post(path, headers=headers, data=b"{}")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert issue(response) == {"severity": "error", "code": "login"}
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    refused = [line for line in lines if line["event"] == "call refused"]
    assert [line["reason"] for line in refused] == [
        "no bearer token",
        "not a JSON Web Token",
        "expired",
        "issuer not configured",
    ]
    assert refused[3]["issuer"] == "https://evil.example"
    assert refused[3]["route"] == "/cds-services/<service_id>"
    assert refused[3]["peer"] == "127.0.0.1"
    assert "eyJ" not in json.dumps(lines)


def test_a_good_token_is_let_in(guarded: FlaskClient, bearer: Any) -> None:
    path = "/cds-services/lenalidomide-order-sign"
    assert guarded.post(path, headers=bearer(path), data=b"{}").status_code == 200


def test_400_names_the_json_path(web: FlaskClient) -> None:
    response = web.post("/cds-services/broken", data=b"{}")
    assert response.status_code == 400
    assert issue(response)["expression"] == ["$.context.patientId"]
    assert issue(response)["code"] == "invalid"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{\x00}\x00", b'{"a":NaN}', b"[" * 5000, b"[]"])
def test_400_for_bodies_that_are_no_json(web: FlaskClient, body: bytes) -> None:
    response = web.post("/cds-services/parse", data=body)
    assert response.status_code == 400
    issue(response)


def test_404(web: FlaskClient) -> None:
    response = web.get("/no/such/patient-123")
    assert response.status_code == 404
    assert issue(response)["code"] == "not-found"
    assert b"123" not in response.data


def test_405(web: FlaskClient) -> None:
    response = web.put("/cds-services")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert issue(response)["code"] == "not-supported"


def test_500_gives_no_detail_and_the_log_no_message(web: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    response = web.post("/cds-services/boom", data=b"{}")
    assert response.status_code == 500
    assert issue(response) == {"severity": "error", "code": "exception"}
    logged = capsys.readouterr().err
    line = json.loads(logged.splitlines()[-1])
    assert line["error_type"] == "ValueError"
    assert any("hook" in place for place in line["where"])
    assert "123" not in logged
