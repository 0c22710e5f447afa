"""The compose file with HAPI FHIR hangs together. No container engine is there to run it."""

from __future__ import annotations

import re

import pytest

from service.config import Settings
from service.sandbox.export import load_bundle
from tests.deploy.manifests import DEPLOY, one_document

COMPOSE = one_document(DEPLOY / "compose.hapi.yaml")
SERVICES = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_are_open_to_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":[\w.-]+$", service["image"])
    assert not service["image"].endswith(":latest")
    assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_it_is_the_image_of_the_other_compose_file() -> None:
    other = one_document(DEPLOY / "compose" / "compose.yaml")["services"]
    assert SERVICES["hapi"]["image"] == other["hapi"]["image"]
    assert SERVICES["cds"]["image"] == other["cds"]["image"]
    assert (DEPLOY / SERVICES["cds"]["build"]["context"] / SERVICES["cds"]["build"]["dockerfile"]).is_file()


def test_the_service_reaches_hapi_under_the_address_hapi_gives_itself() -> None:
    hapi, cds = SERVICES["hapi"], SERVICES["cds"]
    assert cds["network_mode"] == "service:hapi"
    port = hapi["environment"]["server.port"]
    assert hapi["environment"]["hapi.fhir.server_address"] == f"http://127.0.0.1:{port}/fhir"
    assert f"127.0.0.1:{port}:{port}" in hapi["ports"]
    published = cds["command"][cds["command"].index("--port") + 1]
    assert f"127.0.0.1:{published}:{published}" in hapi["ports"]


def test_the_service_starts_with_these_settings() -> None:
    settings = Settings.load(dict(SERVICES["cds"]["environment"]))
    assert settings.auth == "off"


def test_the_patients_are_loaded_as_the_file_says() -> None:
    text = (DEPLOY / "compose.hapi.yaml").read_text("utf-8")
    assert "lencds sandbox --export" in text
    assert load_bundle([])["type"] == "transaction"
