"""The public CDS Hooks sandbox, a browser client most developers try first: what it sends, in our own words.

It was tried by hand in a real browser (see docs/sandbox-client.md); these tests keep the shape of its requests: the
FHIR calls of its set-up and prefetch, a draft Bundle without type, `category` as an object, one pill as the dose, and
feedback with code and system alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from sqlalchemy import text

from service.addresses import Address
from service.app import create_app
from service.commands.local_server import served
from service.config import Settings
from service.sandbox.patients import load_patients
from service.sandbox.server import create_sandbox
from service.wiring import Services

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORIGIN = "http://localhost:8080"
OLD_JSON = {"Accept": "application/json+fhir", "Origin": ORIGIN}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CAPSULES = {"5": "602912", "10": "602910", "15": "643712", "25": "643720"}
TIMEOUT_S = 30


@dataclass(frozen=True)
class Client:
    """The browser client: it knows the two addresses and nothing else."""

    service_url: str
    fhir_url: str
    services: Services

    def prefetch(self, patient_id: str, templates: dict[str, str]) -> dict[str, Any]:
        """Ask for each template: a read by GET, a search by POST to `_search`."""
        answers = {}
        for key, template in templates.items():
            path, _, query = template.replace("{{context.patientId}}", patient_id).partition("?")
            if query:
                response = requests.post(
                    f"{self.fhir_url}/{path}/_search", data=parse_qsl(query), headers=OLD_JSON, timeout=TIMEOUT_S
                )
            else:
                response = requests.get(f"{self.fhir_url}/{path}", headers=OLD_JSON, timeout=TIMEOUT_S)
            assert response.status_code == 200, key
            answers[key] = response.json()
        return answers

    def call(self, hook: str, patient_id: str, order: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Call the service of a hook as the client does, and return the cards by topic."""
        discovery = requests.get(f"{self.service_url}/cds-services", headers={"Origin": ORIGIN}, timeout=TIMEOUT_S)
        service = next(one for one in discovery.json()["services"] if one["hook"] == hook)
        context: dict[str, Any] = {
            "patientId": patient_id,
            "userId": "Practitioner/COREPRACTITIONER1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
        }
        if hook == "order-select":
            context["selections"] = [f"MedicationRequest/{order['id']}"]
        body = {
            "hookInstance": str(uuid.uuid4()),
            "hook": hook,
            "fhirServer": self.fhir_url,
            "context": context,
            "prefetch": self.prefetch(patient_id, service["prefetch"]),
        }
        # With authentication off a token is of no matter, whatever it is.
        response = requests.post(
            f"{self.service_url}/cds-services/{service['id']}",
            json=body,
            headers={"Origin": ORIGIN, "Authorization": "Bearer none.of.ours"},
            timeout=TIMEOUT_S,
        )
        assert response.status_code == 200, response.text
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        return {card["source"]["topic"]["code"]: card for card in response.json()["cards"]}


def empty_order(patient_id: str) -> dict[str, Any]:
    """The draft before a drug is chosen: it has neither medication nor intent."""
    return {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": f"{NOW:%Y-%m-%d}",
    }


def order(patient_id: str, milligrams: str, *, supply_days: int = 30) -> dict[str, Any]:
    """The draft once a capsule was picked: one pill a day, no cycle, no directions in words."""
    name = f"lenalidomide {milligrams} MG Oral Capsule"
    pill = {"value": 1, "system": "http://unitsofmeasure.org", "code": "{pill}"}
    supply = {"value": supply_days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
    community = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
    return {
        **empty_order(patient_id),
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": pill}],
            }
        ],
        "dispenseRequest": {"expectedSupplyDuration": supply},
        "intent": "order",
        "category": {"coding": [{"system": community, "code": "community"}]},
        "medicationCodeableConcept": {
            "text": name,
            "coding": [{"display": name, "system": RXNORM, "code": CAPSULES[milligrams]}],
        },
    }


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("client")
    patients = load_patients(NOW)
    with ExitStack() as stack:
        sandbox = create_sandbox(chain.from_iterable(patient.resources for patient in patients))
        fhir_url = stack.enter_context(served(sandbox)) + "/fhir"
        settings = Settings(
            auth="off",
            database_url=f"sqlite:///{folder / 'audit.sqlite3'}",
            spool_dir=folder / "spool",
            deadline_ms=20_000,
            cors_origins=("*",),
            sandbox_url=Address.parse(fhir_url),
        )
        app = create_app(settings, clock=lambda: NOW)
        services: Services = app.extensions["lencds"]
        stack.callback(services.close)
        yield Client(stack.enter_context(served(app)), fhir_url, services)


def test_its_set_up_finds_server_patient_and_problems(client: Client) -> None:
    metadata = requests.get(
        f"{client.fhir_url}/metadata", headers={"Accept": "application/json", "Origin": ORIGIN}, timeout=TIMEOUT_S
    )
    assert metadata.json()["fhirVersion"] == "4.0.1"
    everyone = requests.get(f"{client.fhir_url}/Patient", headers=OLD_JSON, timeout=TIMEOUT_S)
    entries = everyone.json()["entry"]
    assert len(entries) == len(load_patients(NOW)), "the list of patients is one page"
    for entry in entries:
        assert entry["resource"]["name"][0]["given"], "it joins the given names"
        url = f"{client.fhir_url}/Condition?patient={entry['resource']['id']}"
        problems = requests.get(url, headers=OLD_JSON, timeout=TIMEOUT_S)
        assert problems.headers["Access-Control-Allow-Origin"] == "*"
        for problem in problems.json().get("entry", ()):
            assert problem["resource"]["code"]["text"], "it labels the choice of problems with the text"


def test_a_draft_without_a_drug_is_no_order_of_ours(client: Client) -> None:
    assert client.call("order-select", "no-pregnancy-test", empty_order("no-pregnancy-test")) == {}


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(
    ("patient_id", "expected"),
    [
        ("steady-cycle-six", {"remsSupplyLimit"}),
        (
            "no-pregnancy-test",
            {"pregnancyTestRequired", "contraceptionRequired", "remsSupplyLimit", "counselling"},
        ),
        ("severe-renal-impairment", {"renalDose", "remsSupplyLimit", "counselling"}),
        ("pembrolizumab-running", {"checkpointInhibitorCombination", "remsSupplyLimit", "counselling"}),
    ],
)
def test_a_capsule_picked_from_its_list_gets_the_right_cards(
    client: Client, hook: str, patient_id: str, expected: set[str]
) -> None:
    assert client.call(hook, patient_id, order(patient_id, "25")).keys() == expected


def test_fourteen_days_of_supply_leave_a_good_order_in_peace(client: Client) -> None:
    assert client.call("order-sign", "steady-cycle-six", order("steady-cycle-six", "25", supply_days=14)) == {}


@pytest.mark.parametrize(("patient_id", "milligrams"), [("severe-renal-impairment", "15"), ("hemodialysis", "5")])
def test_a_dose_suggestion_carries_the_product_it_reads(client: Client, patient_id: str, milligrams: str) -> None:
    """Of an accepted update it takes only `medicationCodeableConcept`: text, and the first coding's code."""
    card = client.call("order-select", patient_id, order(patient_id, "25"))["renalDose"]
    action = card["suggestions"][0]["actions"][0]
    concept = action["resource"]["medicationCodeableConcept"]
    assert action["type"] == "update"
    assert action["description"]
    assert concept["text"] == f"lenalidomide {milligrams} MG Oral Capsule"
    assert concept["coding"][0]["code"] == CAPSULES[milligrams]


def test_accepting_and_overriding_reach_the_store(client: Client) -> None:
    cards = client.call("order-sign", "hemodialysis", order("hemodialysis", "25"))
    renal, supply = cards["renalDose"], cards["remsSupplyLimit"]
    reason = {key: supply["overrideReasons"][0][key] for key in ("code", "system")}
    accepted = {
        "card": renal["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": renal["suggestions"][0]["uuid"]}],
        "outcomeTimestamp": "2026-03-02T12:01:00.123Z",
    }
    overridden = {
        "card": supply["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T12:02:00.456Z",
        "overrideReason": {"reason": reason},
    }
    address = f"{client.service_url}/cds-services/lenalidomide-order-sign/feedback"
    preflight = requests.options(
        address,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
        timeout=TIMEOUT_S,
    )
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    for report in (accepted, overridden):
        sent = requests.post(address, json={"feedback": [report]}, headers={"Origin": ORIGIN}, timeout=TIMEOUT_S)
        assert sent.status_code == 200
    with client.services.database.engine.connect() as connection:
        query = text("SELECT topic, outcome, reason_code FROM feedback ORDER BY outcome_time")
        rows = [tuple(row) for row in connection.execute(query)]
    assert rows == [("renalDose", "accepted", ""), ("remsSupplyLimit", "overridden", reason["code"])]
