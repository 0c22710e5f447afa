"""Every demo patient, loaded into a FHIR server that is not ours and signed without prefetch: the same cards.

The embedded sandbox is what the demo and most tests run against. Whatever it tolerates or leaves out shows here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest
import requests

from service.app import create_app
from service.auth.clients import LOCAL, Client
from service.commands.local_server import served
from service.config import Settings
from service.sandbox.export import load_bundle
from service.sandbox.hook_request import hook_request
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import create_sandbox
from tests.cds_hooks.chart.versions.convert import in_version, narrowed
from tests.real_servers.servers import MissingError, hapi, medplum

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = load_patients(NOW)
SERVERS = {
    "medplum-R4": ("R4", medplum),
    **{
        f"hapi-{version}": (version, lambda version=version: hapi(version))
        for version in ("R4", "R4B", "R5", "STU3", "DSTU2")
    },
}
_MEDIA_TYPES = {"DSTU2": "application/json+fhir"}


@dataclass(frozen=True)
class Stage:
    """The service beside a FHIR server of some version that holds the demo patients.

    `forgets`: the server is slow with all of them, and is given the one that is signed for and a neighbour each time.
    """

    service_url: str
    fhir_url: str
    version: str
    forgets: bool = False

    def cards(self, patient: SandboxPatient) -> list[dict[str, Any]]:
        """Sign the orders of a patient without prefetch, and return the cards."""
        body = hook_request(
            patient, hook=patient.hook, fhir_server=self.fhir_url, prefetch=None, hook_instance=str(uuid.uuid4())
        )
        for entry in body["context"]["draftOrders"]["entry"]:
            entry["resource"] = in_version(entry["resource"], self.version)
        body["context"] = json.loads(json.dumps(body["context"]))
        response = requests.post(f"{self.service_url}/cds-services/lenalidomide-{patient.hook}", json=body, timeout=60)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["cards"]
        return found


@pytest.fixture(scope="module", params=list(SERVERS))
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    version, start = SERVERS[request.param]
    with ExitStack() as stack:
        try:
            fhir_url = stack.enter_context(start())
        except MissingError as missing:
            pytest.skip(str(missing))
        forgets = request.param.startswith("medplum")
        if not forgets:
            load(fhir_url, version, PATIENTS)
        yield replace(stack.enter_context(staged(fhir_url, version, tmp_path_factory)), forgets=forgets)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The service beside our own sandbox."""
    app = create_sandbox(chain.from_iterable(patient.resources for patient in PATIENTS))
    with served(app) as url, staged(f"{url}/fhir", "R4", tmp_path_factory) as stage:
        yield stage


@contextmanager
def staged(fhir_url: str, version: str, folders: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = folders.mktemp("service")
    settings = Settings(
        auth="off",
        database_url=f"sqlite:///{folder / 'audit.sqlite3'}",
        spool_dir=folder / "spool",
        deadline_ms=30_000,
        clients=(Client(name=LOCAL, fhir_version=version),),
    )
    app = create_app(settings, clock=lambda: NOW)
    try:
        with served(app) as service_url:
            yield Stage(service_url, fhir_url, version)
    finally:
        app.extensions["lencds"].close()


def load(fhir_url: str, version: str, patients: Sequence[SandboxPatient]) -> None:
    """Load patients, each as one transaction: one with all of them is too large for Medplum."""
    media_type = _MEDIA_TYPES.get(version, "application/fhir+json")
    for patient in patients:
        bundle = load_bundle(in_version(one, version) for one in patient.resources)
        response = requests.post(
            f"{fhir_url}/", data=json.dumps(bundle), headers={"Content-Type": media_type}, timeout=60
        )
        assert response.status_code == 200, response.text
        statuses = {entry["response"]["status"].split()[0] for entry in response.json()["entry"]}
        assert statuses <= {"200", "201"}, response.text


def comparable(cards: list[dict[str, Any]], version: str) -> Any:
    """Return cards without their random ids; of other versions also without the orders they suggest."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            rows = {key: plain(one) for key, one in value.items() if key != "uuid"}
            return {key: one for key, one in rows.items() if version in ("R4", "R4B") or key != "actions"}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value.replace("MedicationOrder", "MedicationRequest") if isinstance(value, str) else value

    return plain([without_new_orders(card) for card in cards] if version in ("STU3", "DSTU2") else cards)


def without_new_orders(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card without the orders it suggests to create: clients of old versions of FHIR are offered none."""
    kept = [one for one in card.get("suggestions", ()) if any(do["type"] != "create" for do in one["actions"])]
    rest = {key: one for key, one in card.items() if key not in ("suggestions", "selectionBehavior")}
    return {**rest, "suggestions": kept, "selectionBehavior": card["selectionBehavior"]} if kept else rest


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.id)
def test_the_cards_are_those_of_the_sandbox(real: Stage, embedded: Stage, patient: SandboxPatient) -> None:
    if real.version in ("STU3", "DSTU2"):
        patient = replace(patient, draft_orders=tuple(narrowed(order) for order in patient.draft_orders))
    if real.forgets:
        requests.delete(f"{real.fhir_url}/", timeout=60).raise_for_status()
        load(real.fhir_url, real.version, [patient, PATIENTS[PATIENTS.index(patient) - 1]])
    expected = comparable(embedded.cards(patient), real.version)
    found = comparable(real.cards(patient), real.version)
    assert [card["summary"] for card in found] == [card["summary"] for card in expected]
    assert found == expected
