"""The compose file hangs together: every service, file, variable and port it names is there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.deploy.manifests import DEPLOY, one_document

FOLDER = DEPLOY / "compose"
COMPOSE = one_document(FOLDER / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MADE_BY_THE_USER = {"clients.toml"}


def test_it_has_what_a_pilot_needs() -> None:
    assert SERVICES.keys() >= {"cds", "postgresql", "hapi", "prometheus", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_it_mounts_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, *_ = volume.split(":")
        if source.startswith("."):
            assert source.removeprefix("./") in MADE_BY_THE_USER or (FOLDER / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_it_waits_for_services_that_are_there(name: str) -> None:
    assert set(SERVICES[name].get("depends_on", ())) <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_may_not_gain_rights(name: str) -> None:
    image = SERVICES[name]["image"]
    assert ":" in image
    assert not image.endswith(":latest")
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]


def test_every_variable_is_asked_for_in_the_example() -> None:
    text = (FOLDER / "compose.yaml").read_text("utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    listed = set(re.findall(r"^(\w+)=", (FOLDER / "example.env").read_text("utf-8"), re.MULTILINE))
    assert asked == listed


def test_the_service_runs_with_a_read_only_root() -> None:
    for name in ("cds", "migrate"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["user"] == "10001:10001"


def test_prometheus_scrapes_the_service_where_it_listens() -> None:
    prometheus = one_document(FOLDER / "prometheus.yaml")
    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["cds:8080"]}]
    targets = [config["target"] for config in SERVICES["prometheus"]["configs"]]
    assert job["authorization"]["credentials_file"] in targets
