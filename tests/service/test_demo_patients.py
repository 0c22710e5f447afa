"""Every demo patient, signed over real HTTP: with the prefetch discovery asks for, and without any."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import requests

from service.addresses import Address
from service.app import create_app
from service.commands.local_server import served
from service.config import Settings
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import Sandbox, create_sandbox

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = load_patients(NOW)


@dataclass(frozen=True)
class Stage:
    """A running service beside a running sandbox."""

    service_url: str
    fhir_url: str
    sandbox: Sandbox
    templates: dict[str, str]

    def sign(self, patient: SandboxPatient, *, with_prefetch: bool) -> requests.Response:
        prefetch = None
        if with_prefetch:
            prefetch = fill_prefetch(self.templates, patient, lambda url: self.sandbox.get(url, base_url=self.fhir_url))
        body = hook_request(
            patient,
            hook=patient.hook,
            fhir_server=None if with_prefetch else self.fhir_url,
            prefetch=prefetch,
            hook_instance=str(uuid.uuid4()),
        )
        self.sandbox.requests.clear()
        return requests.post(f"{self.service_url}/cds-services/lenalidomide-{patient.hook}", json=body, timeout=30)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("stage")
    sandbox_app = create_sandbox(chain.from_iterable(patient.resources for patient in PATIENTS))
    with ExitStack() as stack:
        fhir_url = stack.enter_context(served(sandbox_app)) + "/fhir"
        settings = Settings(
            auth="off",
            database_url=f"sqlite:///{folder / 'audit.sqlite3'}",
            spool_dir=folder / "spool",
            deadline_ms=20_000,
            sandbox_url=Address.parse(fhir_url),
        )
        app = create_app(settings, clock=lambda: NOW)
        stack.callback(app.extensions["lencds"].close)
        service_url = stack.enter_context(served(app))
        services = requests.get(f"{service_url}/cds-services", timeout=10).json()["services"]
        yield Stage(service_url, fhir_url, sandbox_app.extensions["sandbox"], services[0]["prefetch"])


def topics(response: requests.Response) -> dict[str, str]:
    assert response.status_code == 200, response.text
    cards: list[dict[str, Any]] = response.json()["cards"]
    found = {card["source"]["topic"]["code"]: card["indicator"] for card in cards}
    assert len(found) == len(cards), "a topic came twice"
    return found


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.id)
def test_the_expected_cards_come_with_prefetch(stage: Stage, patient: SandboxPatient) -> None:
    found = topics(stage.sign(patient, with_prefetch=True))
    expected = {one.topic: one.indicator for one in patient.expected_topics}
    assert {topic: found.get(topic) for topic in expected} == expected
    assert not found.keys() & set(patient.unexpected_topics)
    if patient.only_expected:
        assert found == expected


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.id)
def test_the_same_cards_come_from_the_fhir_server(stage: Stage, patient: SandboxPatient) -> None:
    prefetched = topics(stage.sign(patient, with_prefetch=True))
    fetched = topics(stage.sign(patient, with_prefetch=False))
    assert fetched == prefetched
    assert 0 < stage.sandbox.requests.count <= 2 * len(stage.templates)


def test_a_full_prefetch_needs_no_fhir_request(stage: Stage) -> None:
    stage.sign(next(one for one in PATIENTS if one.id == "steady-cycle-six"), with_prefetch=True)
    assert stage.sandbox.requests.count == 0
