"""Every response is uncacheable and harmless; browsers of other origins reach the CDS endpoints only."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

EHR = "https://ehr.example.org"
SERVICE = "/cds-services/lenalidomide-order-sign"
PREFLIGHT = {
    "Origin": EHR,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture
def for_ehr(make_app: Any, load_guarded_settings: Any) -> FlaskClient:
    return make_app(load_guarded_settings(LENCDS_CORS_ORIGINS=f"{EHR}, https://other.example.org:8443")).test_client()


@pytest.mark.parametrize("path", ["/cds-services", "/livez", "/no/such/page", "/metrics"])
def test_security_headers(web: FlaskClient, path: str) -> None:
    headers = web.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_tls_is_demanded_where_the_service_is_public(guarded: FlaskClient) -> None:
    assert "Strict-Transport-Security" in guarded.get("/livez").headers


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, f"{SERVICE}/feedback"])
def test_preflight_needs_no_token(for_ehr: FlaskClient, path: str) -> None:
    response = for_ehr.options(path, headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == EHR
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_errors_are_readable_for_browsers_too(for_ehr: FlaskClient) -> None:
    response = for_ehr.post(SERVICE, headers={"Origin": EHR}, data=b"{}")
    assert response.status_code == 401
    assert response.headers["Access-Control-Allow-Origin"] == EHR


@pytest.mark.parametrize("origin", ["https://evil.example", "null", EHR + ".evil.example", EHR.upper(), ""])
def test_other_origins_are_not_let_in(for_ehr: FlaskClient, origin: str) -> None:
    for response in (
        for_ehr.get("/cds-services", headers={"Origin": origin}),
        for_ehr.options(SERVICE, headers={**PREFLIGHT, "Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", ["/livez", "/health", "/metrics", "/cds-services-x", "/console/"])
def test_nothing_else_is_open_to_browsers(make_app: Any, load_settings: Any, path: str) -> None:
    web = make_app(load_settings(LENCDS_CORS_ORIGINS="*")).test_client()
    assert "Access-Control-Allow-Origin" not in web.get(path, headers={"Origin": EHR}).headers


def test_any_origin(make_app: Any, load_settings: Any) -> None:
    web = make_app(load_settings(LENCDS_CORS_ORIGINS="*")).test_client()
    assert web.get("/cds-services", headers={"Origin": EHR}).headers["Access-Control-Allow-Origin"] == "*"


def test_none_by_default(web: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in web.options(SERVICE, headers=PREFLIGHT).headers
