"""Rows P1, P2, P7 to P18: where the data come from, and what becomes of the access token."""

from __future__ import annotations

import copy
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from service.app import create_app
from service.config import Settings

row = pytest.mark.row
EXPECTED = {"renalDose": "critical", "counselling": "info"}
FHIR_TOKEN = "token-of-the-fhir-server"


def outcome(severity: str = "error") -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}


@pytest.fixture
def deaf_server() -> Iterator[str]:
    """A FHIR server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"


@row("P1")
def test_a_dead_fhir_server_does_not_hold_the_answer_up(stage: Any, tmp_path: Path, deaf_server: str) -> None:
    settings = Settings(auth="off", database_url=f"sqlite:///{tmp_path / 'x.sqlite3'}", spool_dir=tmp_path / "spool")
    assert settings.deadline_ms <= 500
    app = create_app(settings, clock=stage.web.application.extensions["lencds"].clock)
    body = stage.request(fhirServer=deaf_server)
    del body["prefetch"]["chemistry"]
    started = time.perf_counter()
    response = app.test_client().post("/cds-services/lenalidomide-order-sign", json=body)
    seconds = time.perf_counter() - started
    app.extensions["lencds"].close()
    assert "checkIncomplete" in {card["source"]["topic"]["code"] for card in response.get_json()["cards"]}
    assert seconds < 5  # many times the deadline, for slow machines; without one this would wait for ever


@row("P2", "P15")
def test_prefetch_and_fhir_server_give_the_same_cards(stage: Any) -> None:
    assert stage.topics(stage.request()) == EXPECTED
    assert stage.sandbox.requests.count == 0
    assert stage.topics(stage.request(prefetch=False)) == EXPECTED
    assert stage.sandbox.requests.count > 0


@row("P7", "P8", "P13")
@pytest.mark.parametrize("kept", [(), ("patient",), ("patient", "chemistry", "vitalSigns"), ("conditions",)])
def test_what_was_not_prefetched_is_read(stage: Any, kept: tuple[str, ...]) -> None:
    body = stage.request(prefetch=False)
    body["prefetch"] = {key: value for key, value in stage.request()["prefetch"].items() if key in kept}
    assert stage.topics(body) == EXPECTED
    asked = {entry.path.removeprefix("/fhir/").partition("?")[0] for entry in stage.sandbox.requests.entries}
    assert "MedicationRequest" in asked
    assert ("Condition" in asked) == ("conditions" not in kept)


@row("P9")
@pytest.mark.parametrize("nothing", [None, {"resourceType": "Bundle", "type": "searchset", "total": 0}])
def test_none_exists_is_not_asked_again(stage: Any, nothing: Any) -> None:
    body = stage.request(prefetch=False)
    body["prefetch"] = {**stage.request()["prefetch"], "vitalSigns": nothing, "chemistry": nothing}
    assert "renalFunctionUnknown" in stage.topics(body)
    assert stage.sandbox.requests.count == 0


@row("P10", "P11")
@pytest.mark.parametrize(
    ("place", "severity", "is_failure"),
    [
        ("value", "error", True),
        ("value", "fatal", True),
        ("entry", "error", True),
        ("entry", "fatal", True),
        ("entry", "warning", False),
        ("entry", "information", False),
    ],
)
def test_operation_outcomes_are_looked_for(stage: Any, place: str, severity: str, is_failure: bool) -> None:
    body = stage.request()
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": outcome(severity)}]}
    body["prefetch"]["chemistry"] = outcome(severity) if place == "value" else bundle
    found = stage.topics(body)
    assert ("checkIncomplete" in found) == is_failure
    assert ("renalFunctionUnknown" in found) != is_failure


@row("P12", "P16")
def test_the_next_page_is_read_with_the_token_of_the_call(stage: Any) -> None:
    template = stage.templates["chemistry"].replace("{{context.patientId}}", "severe-renal-impairment")
    url = f"{stage.fhir_url}/{template.replace('_count=100', '_count=1')}"
    headers = {"Authorization": f"Bearer {FHIR_TOKEN}"}
    first_page = requests.get(url, headers=headers, timeout=10).json()
    assert [link["relation"] for link in first_page["link"]].count("next") == 1
    body = stage.request(prefetch=False)
    body["prefetch"] = {**stage.request()["prefetch"], "chemistry": first_page}
    assert stage.topics(body) == EXPECTED
    assert stage.sandbox.requests.count >= 1
    without = {**body, "fhirAuthorization": {**body["fhirAuthorization"], "access_token": "another"}}
    assert "checkIncomplete" in stage.topics(without)


@row("P14", "S4")
def test_without_the_patient_it_is_412(stage: Any) -> None:
    body = stage.request()
    del body["prefetch"]["patient"]
    response = stage.post(body)
    assert response.status_code == 412
    assert "'patient'" in response.get_json()["issue"][0]["diagnostics"]


@row("P16")
def test_every_call_of_the_fhir_server_bears_the_token(stage: Any) -> None:
    """This FHIR server refuses every call without it."""
    assert stage.topics(stage.request(prefetch=False)) == EXPECTED
    assert stage.sandbox.requests.count > 1
    assert stage.post(stage.request(prefetch=False, fhirAuthorization=None)).status_code == 412


@row("P17", "P18")
def test_the_access_token_is_kept_nowhere(stage: Any, capfd: pytest.CaptureFixture[str]) -> None:
    planted = "planted-token-of-the-fhir-server"
    body = stage.request(fhirServer=stage.fhir_url)
    body["fhirAuthorization"] = {"access_token": planted}
    del body["prefetch"]["chemistry"]
    assert "checkIncomplete" in stage.topics(body)
    broken = copy.deepcopy(body)
    broken["fhirAuthorization"]["access_token"] = [planted]
    assert planted not in stage.post(broken).text
    written = capfd.readouterr()
    assert planted not in written.out + written.err
    for file in stage.folder.rglob("*"):
        if file.is_file():
            assert planted.encode() not in file.read_bytes(), file.name
    assert planted not in stage.web.get("/metrics").text
