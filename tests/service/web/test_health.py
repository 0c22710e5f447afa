"""A part that is down degrades the service; only the process itself takes it out."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from service.web.health import Component

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
    assert response.get_json()["checks"]["database"] == [{"status": "pass"}]


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
    assert report.get_json()["checks"]["knowledge"] == [{"status": "warn", "output": "figures not verified"}]


def test_before_warm_up_and_at_shutdown(guarded: FlaskClient) -> None:
    for state in ("warming", "stopping"):
        health_of(guarded).state = state
        response = guarded.get("/readyz")
        assert (response.status_code, response.get_json()) == (503, {"status": state})
        assert guarded.get("/health").status_code == 503
        assert guarded.get("/livez").status_code == 200
