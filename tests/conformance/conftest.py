"""The whole service beside a FHIR server, and a client that may call: what the rows of the table are shown with."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.commands.local_server import served
from service.config import Settings
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import Sandbox, create_sandbox

Json = dict[str, Any]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ISSUER = "https://ehr.example.org/fhir"
BASE_URL = "https://cds.example.org/base"
FHIR_TOKEN = "token-of-the-fhir-server"


@dataclass(frozen=True)
class Stage:
    """A running service, a FHIR server with the demo patients, and requests about them."""

    web: FlaskClient
    fhir_url: str
    sandbox: Sandbox
    patients: dict[str, SandboxPatient]
    templates: dict[str, str]
    folder: Path

    def request(self, patient_id: str = "severe-renal-impairment", *, prefetch: bool = True, **members: Any) -> Json:
        """A request that conforms, with other members in place; a member of None is taken out."""
        patient = self.patients[patient_id]
        filled = fill_prefetch(self.templates, patient, lambda url: self.sandbox.get(url, base_url=self.fhir_url))
        body = hook_request(
            patient,
            hook="order-sign",
            fhir_server=None if prefetch else self.fhir_url,
            prefetch=filled if prefetch else None,
            hook_instance=str(uuid.uuid4()),
            access_token=None if prefetch else FHIR_TOKEN,
        )
        return copy.deepcopy({name: value for name, value in {**body, **members}.items() if value is not None})

    def post(self, body: Any, hook: str = "order-sign") -> TestResponse:
        self.sandbox.requests.clear()
        return self.web.post(f"/cds-services/lenalidomide-{hook}", json=body)

    def topics(self, body: Any, hook: str = "order-sign") -> dict[str, str]:
        response = self.post(body, hook)
        assert response.status_code == 200, response.text
        return {card["source"]["topic"]["code"]: card["indicator"] for card in response.get_json()["cards"]}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("conformance")
    patients = {patient.id: patient for patient in load_patients(NOW)}
    records = chain.from_iterable(patient.resources for patient in patients.values())
    fhir_server = create_sandbox(records, access_token=FHIR_TOKEN)
    settings = Settings(
        auth="off",
        database_url=f"sqlite:///{folder / 'audit.sqlite3'}",
        spool_dir=folder / "spool",
        deadline_ms=20_000,
    )
    app = create_app(settings, clock=lambda: NOW)
    with served(fhir_server) as url:
        web = app.test_client()
        templates = web.get("/cds-services").get_json()["services"][0]["prefetch"]
        yield Stage(web, f"{url}/fhir", fhir_server.extensions["sandbox"], patients, templates, folder)
    app.extensions["lencds"].close()


@pytest.fixture(scope="session")
def answers(stage: Stage) -> list[Json]:
    """What the service answers for each demo patient."""
    found = [stage.post(stage.request(patient_id)).get_json() for patient_id in stage.patients]
    assert sum(len(answer["cards"]) for answer in found) > len(found)
    return found


@pytest.fixture(scope="session")
def shown_cards(answers: list[Json]) -> list[Json]:
    return [card for answer in answers for card in answer["cards"]]


@pytest.fixture(scope="session")
def actions(shown_cards: list[Json]) -> list[Json]:
    found = [
        action
        for card in shown_cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion.get("actions", ())
    ]
    assert {action["type"] for action in found} >= {"create", "update"}
    return found


@pytest.fixture(scope="session")
def discovered(stage: Stage) -> list[Json]:
    services: list[Json] = stage.web.get("/cds-services").get_json()["services"]
    return services


@dataclass(frozen=True)
class Key:
    """A private key of a client."""

    private: Any
    algorithm: str
    kid: str

    def public(self) -> Json:
        known = jwt.get_algorithm_by_name(self.algorithm)
        jwk: Json = known.to_jwk(self.private.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return {**jwk, "kid": self.kid}


@pytest.fixture(scope="session")
def rsa_key() -> Key:
    return Key(rsa.generate_private_key(65537, 2048), "RS384", "rsa")


@pytest.fixture(scope="session")
def ec_key() -> Key:
    return Key(ec.generate_private_key(ec.SECP384R1()), "ES384", "ec")


@dataclass(frozen=True)
class Guarded:
    """A service that wants tokens, and the keys of its client."""

    app: Flask
    web: FlaskClient
    folder: Path
    keys: dict[str, Key]

    def token(self, path: str, *, key: str = "rsa", header: Json | None = None, **claims: Any) -> str:
        """A good token for an address; a claim or header member of None is taken out."""
        moment = int(NOW.timestamp())
        good = {"iss": ISSUER, "aud": BASE_URL + path, "iat": moment, "exp": moment + 300, "jti": uuid.uuid4().hex}
        used = self.keys[key]
        return jwt.encode(
            {name: value for name, value in {**good, **claims}.items() if value is not None},
            used.private,
            algorithm=used.algorithm,
            headers={name: value for name, value in {"kid": used.kid, **(header or {})}.items() if value is not None},
        )

    def status(self, path: str, token: str | None, method: str = "GET", body: Any = None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.web.open(path, method=method, json=body, headers=headers).status_code


MakeGuarded = Callable[..., Guarded]


@pytest.fixture(scope="session")
def make_guarded(tmp_path_factory: pytest.TempPathFactory, rsa_key: Key, ec_key: Key) -> Iterator[MakeGuarded]:
    """Makes a service that wants tokens; its client's keys are written down unless another place is named."""
    made: list[Flask] = []

    def make(keys_at: str | None = None, **environ: str) -> Guarded:
        folder = tmp_path_factory.mktemp("guarded")
        written = json.dumps({"keys": [rsa_key.public(), ec_key.public()]}).replace('": ', '" = ')
        file = folder / "clients.toml"
        file.write_text(f'[[client]]\nname = "ehr"\nissuer = "{ISSUER}"\n{keys_at or "jwks = " + written}\n')
        settings = Settings.load(
            {
                "LENCDS_BASE_URL": BASE_URL,
                "LENCDS_CONFIG": str(file),
                "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'audit.sqlite3'}",
                "LENCDS_SPOOL_DIR": str(folder / "spool"),
                **environ,
            }
        )
        app = create_app(settings, clock=lambda: NOW)
        made.append(app)
        return Guarded(app, app.test_client(), folder, {"rsa": rsa_key, "ec": ec_key})

    yield make
    for app in made:
        app.extensions["lencds"].close()


@pytest.fixture(scope="session")
def guarded(make_guarded: MakeGuarded) -> Guarded:
    return make_guarded()
