"""Rows D1 to D16 and P3 to P6: discovery and the prefetch templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from service.app import create_app
from service.config import Settings

row = pytest.mark.row
TOKEN = re.compile(r"\{\{(.*?)\}\}")
OFFERED = {"context.userId", "context.patientId", "context.encounterId"}
"""First-level members that order-sign and order-select offer as prefetch tokens."""
DOCS = Path(__file__).parents[2] / "docs"


def each_template(discovered: list[Any]) -> list[str]:
    found = [template for service in discovered for template in service["prefetch"].values()]
    assert found
    return found


@row("D1", "D13")
def test_discovery_is_always_there(stage: Any) -> None:
    first = stage.web.get("/cds-services")
    stage.post({})
    second = stage.web.get("/cds-services")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.get_json() == second.get_json()


@row("D2")
def test_services_are_an_array(stage: Any) -> None:
    document = stage.web.get("/cds-services").get_json()
    assert isinstance(document, dict)
    assert isinstance(document["services"], list)


@row("D3")
def test_no_services_are_an_empty_array(tmp_path: Path) -> None:
    settings = Settings(auth="off", database_url=f"sqlite:///{tmp_path / 'x.sqlite3'}", spool_dir=tmp_path / "spool")
    app = create_app(settings, discovery={"services": []})
    response = app.test_client().get("/cds-services")
    app.extensions["lencds"].close()
    assert (response.status_code, response.get_json()) == (200, {"services": []})


@row("D4", "V7")
def test_each_service_names_a_published_hook(discovered: list[Any]) -> None:
    assert [service["hook"] for service in discovered] == ["order-sign", "order-select"]


@row("D5")
def test_each_service_has_a_title(discovered: list[Any]) -> None:
    assert len({service["title"] for service in discovered}) == len(discovered)


@row("D6")
def test_each_service_has_a_description(discovered: list[Any]) -> None:
    assert all(len(service["description"]) > 20 for service in discovered)


@row("D7")
def test_each_service_is_called_by_its_id(stage: Any, discovered: list[Any]) -> None:
    for service in discovered:
        body = stage.request(hook=service["hook"])
        body["context"]["selections"] = ["MedicationRequest/none"]
        assert stage.web.post(f"/cds-services/{service['id']}", json=body).status_code == 200
    assert stage.web.post("/cds-services/another", json=stage.request()).status_code == 404


@row("D8")
def test_prefetch_maps_keys_to_templates(discovered: list[Any]) -> None:
    for service in discovered:
        assert service["prefetch"]
        assert all(isinstance(text, str) and text for pair in service["prefetch"].items() for text in pair)


@row("D9")
def test_usage_requirements_name_every_resource_that_is_read(discovered: list[Any]) -> None:
    for service in discovered:
        types = {re.split(r"[/?]", template)[0] for template in service["prefetch"].values()}
        assert not {one for one in types if one not in service["usageRequirements"]}


@row("D10")
def test_the_version_is_that_of_the_specification(discovered: list[Any]) -> None:
    assert {service["version"] for service in discovered} == {"2.0.1"}


@row("D11")
def test_a_hook_version_is_not_claimed_wrongly(discovered: list[Any]) -> None:
    assert {service.get("hookVersion", "1.0") for service in discovered} == {"1.0"}


@row("D12", "Q2")
def test_a_call_is_told_apart_by_id_and_hook(stage: Any) -> None:
    body = stage.request(hook="order-select")
    body["context"]["selections"] = ["MedicationRequest/none"]
    assert stage.post(body, "order-select").status_code == 200
    assert stage.post(body, "order-sign").status_code == 400
    assert stage.post(stage.request(), "order-select").status_code == 400


@row("D14")
def test_a_token_for_discovery_is_made_out_to_its_address(guarded: Any) -> None:
    assert guarded.status("/cds-services", None) == 200
    assert guarded.status("/cds-services", guarded.token("/cds-services")) == 200
    assert guarded.status("/cds-services", guarded.token("/cds-services/lenalidomide-order-sign")) == 401
    response = guarded.web.get("/cds-services")
    assert "max-age" in response.headers["Strict-Transport-Security"]


@row("D15")
def test_what_the_service_asks_for_is_written_down_for_people(discovered: list[Any]) -> None:
    text = (DOCS / "prefetch-sheet.md").read_text("utf-8")
    for service in discovered:
        assert service["id"] in text
        assert not [key for key in service["prefetch"] if f"`{key}`" not in text]


@row("D16", "P20")
def test_no_template_depends_on_another(discovered: list[Any]) -> None:
    assert not [template for template in each_template(discovered) if "%" in "".join(TOKEN.findall(template))]


@row("P3")
def test_templates_are_reads_and_searches(discovered: list[Any]) -> None:
    for template in each_template(discovered):
        assert re.match(r"[A-Z][A-Za-z]+(/\{\{[^}]+\}\}$|\?[^?]+$)", template), template


@row("P4", "P5")
def test_tokens_are_first_level_members_that_the_hooks_offer(discovered: list[Any]) -> None:
    for template in each_template(discovered):
        assert set(TOKEN.findall(template)) <= OFFERED, template
        assert "{" not in TOKEN.sub("", template)


@row("P6")
def test_templates_keep_to_the_recommended_grammar(discovered: list[Any]) -> None:
    for template in each_template(discovered):
        query = template.partition("?")[2]
        for name, value in parse_qsl(query):
            assert name in ("_count", "_sort") or re.fullmatch(r"[a-z][a-z-]*", name), template
            assert not re.match(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)\d", unquote(value)), template
