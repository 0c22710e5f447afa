"""The application as it runs, with a clock that stands still and without a FHIR server."""

from __future__ import annotations

import copy
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_hooks.protocol.validation import Document, faults
from service.app import create_app
from service.config import Settings
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import load_patients
from service.sandbox.server import Sandbox, create_sandbox
from tests.fuzz.mutation import encode

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = {patient.id: patient for patient in load_patients(NOW)}

ORDERED = sorted(name for name, patient in PATIENTS.items() if "enalidomide" in str(patient.draft_orders))
"""Patients for whom lenalidomide itself is ordered: for a partner drug alone the service may keep quiet."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """The application and the unbroken calls by patient."""

    client: FlaskClient
    calls: Mapping[str, Json]

    def call(self, patient_id: str) -> Json:
        """Return a fresh copy of the call about a patient."""
        return copy.deepcopy(self.calls[patient_id])

    def post(self, body: Any, hook: str = "order-sign") -> TestResponse:
        """Call the service of a hook with a JSON document, or with bytes."""
        data = body if isinstance(body, bytes) else encode(body)
        return self.client.post(f"/cds-services/lenalidomide-{hook}", data=data, content_type="application/json")


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    settings = Settings(
        auth="off",
        database_url=f"sqlite:///{folder / 'fuzz.sqlite3'}",
        spool_dir=folder / "spool",
        deadline_ms=20_000,
        log_level="error",
    )
    app = create_app(settings, clock=lambda: NOW)
    try:
        client = app.test_client()
        yield Stage(client, _calls(client.get("/cds-services").json["services"][0]["prefetch"]))
    finally:
        app.extensions["lencds"].close()


def _calls(templates: Mapping[str, str]) -> dict[str, Json]:
    resources = chain.from_iterable(patient.resources for patient in PATIENTS.values())
    sandbox: Sandbox = create_sandbox(resources).extensions["sandbox"]
    return {
        patient.id: hook_request(
            patient,
            hook=patient.hook,
            fhir_server=None,
            prefetch=fill_prefetch(templates, patient, lambda url: sandbox.get(url, base_url="https://ehr.test/fhir")),
            hook_instance=str(uuid.uuid5(uuid.NAMESPACE_URL, patient.id)),
        )
        for patient in PATIENTS.values()
    }


def kind_of(response: TestResponse) -> str:
    """Check that an answer is one the protocol knows, whatever was asked, and say which."""
    assert response.status_code in (200, 400, 412), response.status_code
    if response.status_code != 200:
        assert faults(Document.OPERATION_OUTCOME, response.json) == []
        return str(response.status_code)
    assert faults(Document.RESPONSE, response.json) == []
    return "200 with cards" if response.json["cards"] else "200 without cards"


def topics(response: TestResponse) -> dict[str, str]:
    """Return topic → indicator of the cards of a good answer."""
    assert response.status_code == 200, response.text
    found = Counter(card["source"]["topic"]["code"] for card in response.json["cards"])
    assert max(found.values(), default=1) == 1, "a topic came twice"
    return {card["source"]["topic"]["code"]: card["indicator"] for card in response.json["cards"]}
