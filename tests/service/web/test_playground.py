"""The playground's own answers; what it does in a browser is tested in tests/browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_hooks.knowledge.loader import load_knowledge
from service.sandbox.patients import load_patients
from service.sandbox.server import create_sandbox
from service.web.pages.rendering import CONTENT_SECURITY_POLICY, register_pages
from service.web.playground import Playground, playground_blueprint

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = load_patients(NOW)
FHIR = "http://127.0.0.1:1/fhir"
TEMPLATES = {"patient": "Patient/{{context.patientId}}", "conditions": "Condition?patient={{context.patientId}}"}


@pytest.fixture(scope="module")
def playground() -> Playground:
    sandbox = create_sandbox(chain.from_iterable(patient.resources for patient in PATIENTS))
    return Playground(
        patients=PATIENTS,
        sandbox=sandbox.extensions["sandbox"],
        fhir_url=FHIR,
        prefetch=TEMPLATES,
        ehrs={"generic": "", "epic": "/ehr/epic"},
        knowledge=load_knowledge(),
        clock=lambda: NOW,
    )


@pytest.fixture(scope="module")
def played(playground: Playground) -> Iterator[FlaskClient]:
    app = Flask("demo", static_folder=None)
    register_pages(app)
    app.register_blueprint(playground_blueprint(playground))
    app.add_url_rule("/cds-services", "discovery.discover", lambda: "")
    app.add_url_rule("/console/", "console.overview", lambda: "")
    yield app.test_client()


def wish(**changes: Any) -> dict[str, Any]:
    patient = PATIENTS[0]
    return {
        "patient": patient.id,
        "hook": "order-sign",
        "prefetch": True,
        "orders": list(patient.draft_orders),
        **changes,
    }


@pytest.mark.parametrize("path", ["/playground/", "/playground/request", "/assets/base.css"])
def test_outside_the_demo_there_is_none(web: FlaskClient, path: str) -> None:
    assert web.get(path).status_code == 404
    assert web.post(path, json={}).status_code == 404


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.id)
def test_every_patient_has_a_page(played: FlaskClient, patient: Any) -> None:
    response = played.get("/playground/", query_string={"patient": patient.id})
    assert response.status_code == 200
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert f'<h1 id="patient-title">{patient.name}</h1>' in response.text


@pytest.mark.parametrize("path", ["/playground/", "/playground/?patient="])
def test_without_a_choice_it_begins_with_a_patient_who_gets_cards(played: FlaskClient, path: str) -> None:
    assert '<h1 id="patient-title">Talia Moreno</h1>' in played.get(path).text


def test_an_unknown_patient_is_not_found(played: FlaskClient) -> None:
    assert played.get("/playground/?patient=nobody").status_code == 404
    assert played.post("/playground/request", json=wish(patient="nobody")).status_code == 404


def test_a_request_carries_the_edited_orders_and_the_prefetch(played: FlaskClient) -> None:
    order = {"resourceType": "MedicationRequest", "id": "mine", "status": "draft"}
    body = played.post("/playground/request", json=wish(hook="order-select", orders=[order])).get_json()
    assert body["hook"] == "order-select"
    assert body["fhirServer"] == FHIR
    assert body["context"]["selections"] == ["MedicationRequest/mine"]
    assert body["context"]["draftOrders"]["entry"] == [{"resource": order}]
    assert body["prefetch"].keys() == TEMPLATES.keys()
    assert body["prefetch"]["patient"]["id"] == PATIENTS[0].id


def test_a_request_may_come_without_prefetch(played: FlaskClient) -> None:
    assert "prefetch" not in played.post("/playground/request", json=wish(prefetch=False)).get_json()


@pytest.mark.parametrize(
    "body",
    [
        [],
        wish(hook="patient-view"),
        wish(hook=None),
        wish(orders=None),
        wish(orders=[1]),
        wish(orders=[{"resourceType": "MedicationRequest"}]),
    ],
)
def test_nonsense_is_refused(played: FlaskClient, body: Any) -> None:
    assert played.post("/playground/request", json=body).status_code == 400


@pytest.mark.parametrize("body", [{}, {"details": "x"}, {"details": [1]}, {"details": ["x"] * 101}])
def test_only_a_bounded_list_of_texts_is_rendered(played: FlaskClient, body: Any) -> None:
    assert played.post("/playground/details", json=body).status_code == 400


def test_forms_of_other_sites_are_refused(played: FlaskClient) -> None:
    response = played.post("/playground/details", data='{"details": []}', content_type="text/plain")
    assert response.status_code == 400


def test_details_are_rendered_in_order(played: FlaskClient) -> None:
    answer = played.post("/playground/details", json={"details": ["*a*", "<b>"]}).get_json()
    assert [one["lead"] for one in answer["details"]] == ["<p><em>a</em></p>\n", "<p>&lt;b&gt;</p>\n"]


def test_every_capsule_strength_of_the_label_can_be_ordered(playground: Playground) -> None:
    drugs = playground.drugs()
    offered = [drug["mg"] for drug in drugs if drug["name"].startswith("lenalidomide ") and drug["mg"]]
    assert offered == [2.5, 5, 10, 15, 20, 25]
    names = [drug["name"] for drug in drugs]
    assert len(set(names)) == len(names)
    assert all(drug["concept"]["coding"][0]["code"] for drug in drugs)
