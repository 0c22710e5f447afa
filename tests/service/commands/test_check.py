"""`lencds check`: one order in a file, the cards, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from service.commands.check import check

AT = "2026-03-02T12:00:00Z"
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1990-05-01"}
ORDER: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "draft",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p"},
    "medicationCodeableConcept": {"text": "lenalidomide 25 mg capsule"},
}


def run(folder: Path, document: Any, *options: str) -> Result:
    file = folder / "order.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return CliRunner().invoke(check, [str(file), "--at", AT, *options])


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def test_a_bundle_is_all_there_is(tmp_path: Path) -> None:
    result = run(tmp_path, bundle(PATIENT, ORDER))
    assert result.exit_code == 0
    assert "pregnancyTestRequired" in result.output
    assert "FHIR requests: 0." in result.output


def test_explained_rules_say_what_they_saw_and_what_was_found_comes_first(tmp_path: Path) -> None:
    told = run(tmp_path, bundle(PATIENT, ORDER), "--explain").output.partition("What each rule saw")[2]
    assert told.split()[0] == "fired"
    assert told.rindex("\nfired") < told.index("\npassed") < told.index("\nnot applicable")
    assert told.index("pregnancyTestRequired") < told.index("warfarinMonitoring")
    assert "Sex: female" in told


def test_the_response_as_it_would_be_sent(tmp_path: Path) -> None:
    cards = json.loads(run(tmp_path, bundle(PATIENT, ORDER), "--json").output)["cards"]
    assert "pregnancyTestRequired" in [card["source"]["topic"]["code"] for card in cards]


def test_another_drug_is_answered_at_once(tmp_path: Path) -> None:
    order = ORDER | {"medicationCodeableConcept": {"text": "amoxicillin 500 mg capsule"}}
    assert "No draft concerns lenalidomide" in run(tmp_path, bundle(PATIENT, order)).output


def test_without_the_patient_nothing_can_be_checked(tmp_path: Path) -> None:
    result = run(tmp_path, ORDER)
    assert result.exit_code == 2
    assert "--fhir-server" in result.output


def test_what_is_no_order_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "{")
    assert result.exit_code == 1
    assert "is not JSON" in result.output
