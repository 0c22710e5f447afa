"""A part that is down degrades the service; only the process itself takes it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.stopping import STOPPING_MARK
from service.web.exposition import FOLDER
from service.web.health import Component, Health

AWAY = {"REMOTE_ADDR": "192.0.2.1"}
ADMIN = "a-token-for-the-admin"


def health_of(web: FlaskClient) -> Any:
    return web.application.extensions["lencds"].health


def test_all_is_well(guarded: FlaskClient) -> None:
    assert guarded.get("/livez").get_json() == {"status": "alive"}
    assert guarded.get("/readyz").get_json() == {"status": "ready"}
    response = guarded.get("/health")
    assert response.content_type == "application/health+json"
    assert response.get_json()["status"] == "pass"
    assert response.get_json()["checks"]["database"] == [{"status": "pass", "componentType": "datastore"}]


def test_components_are_shown_to_this_machine_and_the_admin_only(make_app: Any, load_guarded_settings: Any) -> None:
    web: FlaskClient = make_app(load_guarded_settings(LENCDS_ADMIN_TOKEN=ADMIN)).test_client()
    assert "checks" in web.get("/health").get_json()
    assert web.get("/health", environ_base=AWAY).get_json() == {"status": "pass"}
    for header in ("Bearer wrong-token-for-the-admin", f"Basic {ADMIN}", "Bearer", "Bearer é"):
        headers = {"Authorization": header}
        assert web.get("/health", environ_base=AWAY, headers=headers).get_json() == {"status": "pass"}
    headers = {"Authorization": f"Bearer {ADMIN}"}
    assert "checks" in web.get("/health", environ_base=AWAY, headers=headers).get_json()


def test_without_a_token_configured_no_token_opens_it(guarded: FlaskClient) -> None:
    for header in ("Bearer ", "Bearer None"):
        response = guarded.get("/health", environ_base=AWAY, headers={"Authorization": header})
        assert response.get_json() == {"status": "pass"}


def test_a_part_that_is_down_degrades(guarded: FlaskClient) -> None:
    health_of(guarded).register("knowledge", lambda: Component("warn", "figures not verified"))
    response = guarded.get("/readyz")
    assert (response.status_code, response.get_json()) == (200, {"status": "degraded"})
    report = guarded.get("/health")
    assert (report.status_code, report.get_json()["status"]) == (200, "warn")
    assert report.get_json()["checks"]["knowledge"] == [
        {"status": "warn", "componentType": "component", "output": "figures not verified"}
    ]


def test_before_warm_up_and_at_shutdown(guarded: FlaskClient) -> None:
    for state in ("warming", "stopping"):
        health_of(guarded).state = state
        response = guarded.get("/readyz")
        assert (response.status_code, response.get_json()) == (503, {"status": state})
        assert guarded.get("/health").status_code == 503
        assert guarded.get("/livez").status_code == 200


def test_clients_whose_keys_are_not_at_hand_show(make_app: Any, load_settings: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        '[[client]]\nname = "st-elsewhere"\nissuer = "https://ehr.example.org"\njwks_url = "http://127.0.0.1:9/jwks"\n'
        'fhir_servers = ["https://ehr.example.org/fhir"]\n'
    )
    settings = load_settings(
        LENCDS_AUTH="required", LENCDS_BASE_URL="https://cds.example.org", LENCDS_CONFIG=str(tmp_path / "c.toml")
    )
    checks = make_app(settings).test_client().get("/health").get_json()["checks"]
    assert checks["client:st-elsewhere:keys"][0]["status"] == "warn"


def test_while_the_supervisor_stops_the_service_no_new_calls_are_asked_for(
    make_app: Any, load_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    health = Health()
    health.state = "ready"
    assert health.present == "ready"
    (tmp_path / STOPPING_MARK).touch()
    assert health.present == "stopping"
