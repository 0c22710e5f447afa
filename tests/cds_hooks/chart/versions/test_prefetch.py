"""Drafts and prefetch Bundles in each version of FHIR, answered by the whole check."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.auth.clients import LOCAL, Client
from service.config import Settings
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import create_sandbox
from tests.cds_hooks.chart.versions.convert import VERSIONS, in_version, narrowed

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = load_patients(NOW)


@pytest.fixture(scope="module", params=VERSIONS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, FlaskClient]]:
    folder: Path = tmp_path_factory.mktemp("service")
    settings = Settings(
        auth="off",
        database_url=f"sqlite:///{folder / 'audit.sqlite3'}",
        spool_dir=folder / "spool",
        deadline_ms=20_000,
        clients=(Client(name=LOCAL, fhir_version=request.param),),
    )
    app = create_app(settings, clock=lambda: NOW)
    with closing(app.extensions["lencds"]):
        yield request.param, app.test_client()


def request_of(patient: SandboxPatient, version: str, templates: dict[str, str]) -> dict[str, Any]:
    """Return the hook call of a patient with the full prefetch, everything in the given version."""
    sandbox = create_sandbox(patient.resources).extensions["sandbox"]
    prefetch = fill_prefetch(templates, patient, lambda url: sandbox.get(url, base_url="http://127.0.0.1/fhir"))
    body = hook_request(
        patient, hook=patient.hook, fhir_server=None, prefetch=prefetch, hook_instance=str(uuid.uuid4())
    )
    body = json.loads(json.dumps(body))
    for bundle in (body["context"]["draftOrders"], *body["prefetch"].values()):
        for entry in bundle.get("entry", ()):
            entry["resource"] = in_version(narrowed(entry["resource"]), version)
    body["prefetch"]["patient"] = in_version(body["prefetch"]["patient"], version)
    return body


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.id)
def test_the_expected_cards_come(service: tuple[str, FlaskClient], patient: SandboxPatient) -> None:
    version, client = service
    templates = client.get("/cds-services").json["services"][0]["prefetch"]
    body = request_of(patient, version, templates)
    response = client.post(f"/cds-services/lenalidomide-{patient.hook}", json=body)
    assert response.status_code == 200
    found = {card["source"]["topic"]["code"]: card["indicator"] for card in response.json["cards"]}
    expected = {one.topic: one.indicator for one in patient.expected_topics}
    assert {topic: found.get(topic) for topic in expected} == expected
    assert not found.keys() & {*patient.unexpected_topics, "checkIncomplete"}
