"""What a client's table says about its FHIR server, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.auth.clients import Client, read_clients
from service.fhir.versions import FHIR_VERSIONS

TABLE = {"name": "ehr", "issuer": "https://ehr.example.org", "jwks_url": "https://ehr.example.org/jwks"}


def read(**more: Any) -> tuple[tuple[Client, ...], list[str]]:
    return read_clients([{**TABLE, **more}])


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key.pem"
    file.write_bytes(
        ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@pytest.mark.parametrize("version", sorted(FHIR_VERSIONS))
def test_every_version_that_is_spoken_can_be_configured(version: str) -> None:
    (client,), problems = read(fhir_version=version)
    assert problems == []
    assert client.fhir_version == version


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_search_method(method: str) -> None:
    (client,), problems = read(search_method=method)
    assert (client.search_method, problems) == (method, [])


def test_defaults() -> None:
    (client,), _ = read()
    assert (client.fhir_version, client.search_method, client.batch, client.backend_services) == (
        "R4",
        "GET",
        False,
        None,
    )


@pytest.mark.parametrize(
    ("key", "value"), [("fhir_version", "R6"), ("fhir_version", "4.0.1"), ("search_method", "PUT")]
)
def test_what_is_not_known_is_refused(key: str, value: str) -> None:
    _, problems = read(**{key: value})
    assert len(problems) == 1
    assert key in problems[0]


def services(file: Path, **changes: Any) -> dict[str, Any]:
    table = {"client_id": "us", "token_url": "https://ehr.example.org/token", "key_file": str(file), "kid": "k1"}
    return {name: value for name, value in {**table, **changes}.items() if value is not None}


def test_backend_services(key_file: Path) -> None:
    (client,), problems = read(backend_services=services(key_file))
    assert problems == []
    assert client.backend_services is not None
    assert client.backend_services.token_url.url == "https://ehr.example.org/token"
    assert client.backend_services.scope == "system/*.rs"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kid": None}, "has no kid"),
        ({"key_file": "/no/such/key.pem"}, "cannot be read"),
        ({"token_url": "http://ehr.example.org/token"}, "token_url"),
        ({"token_url": "https://user:pw@ehr.example.org/token"}, "token_url"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": "x"}, "client_secret"),
    ],
)
def test_backend_services_that_cannot_work_are_found_at_start(
    key_file: Path, changes: dict[str, Any], said: str
) -> None:
    _, problems = read(backend_services=services(key_file, **changes))
    assert len(problems) == 1
    assert said in problems[0]


def test_a_key_that_cannot_sign_is_found_at_start(key_file: Path) -> None:
    key_file.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    _, problems = read(backend_services=services(key_file))
    assert len(problems) == 1
    assert "secret" not in problems[0]
