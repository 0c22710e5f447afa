"""What counts as this machine."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from flask import Request
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from service.web.access import is_local, peer_of


def request(
    peer: str = "127.0.0.1", host: str = "localhost:8080", protocol: str = "HTTP/1.1", **headers: str
) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    base = {"REMOTE_ADDR": peer}
    environ = EnvironBuilder(headers={"Host": host, **named}, environ_base=base).get_environ()
    environ["SERVER_PROTOCOL"] = protocol
    return Request(environ)


@pytest.mark.parametrize(
    ("sent", "local"),
    [
        ({}, True),
        ({"peer": "::1", "host": "[::1]:8080"}, True),
        ({"host": "127.0.0.1"}, True),
        ({"peer": "192.0.2.1"}, False),
        ({"peer": ""}, False),
        ({"host": "cds.example.org"}, False),
        ({"host": "localhost.evil.example:8080"}, False),
        ({"host": "127.0.0.1.evil.example"}, False),
        ({"X_Forwarded_For": "127.0.0.1"}, False),
        ({"X_Forwarded_Host": "localhost"}, False),
        ({"Forwarded": "for=127.0.0.1"}, False),
        ({"Via": "1.1 proxy"}, False),
        ({"X_Real_IP": "127.0.0.1"}, False),
        ({"X_Forwarded_Proto": "https"}, False),
        ({"X_Forwarded_Client_Cert": "Subject=x"}, False),
        ({"host": ""}, False),
        ({"host": "127.0.0.1,evil.example"}, False),  # how the server joins two Host headers
        ({"host": "[::1]evil.example"}, False),
        ({"host": "localhost@evil.example"}, False),
        ({"host": "127.0.0.1:80:80"}, False),
        ({"host": "0.0.0.0:8080"}, False),
        ({"protocol": "HTTP/1"}, False),  # nginx on this machine, as it comes
        ({"protocol": "HTTP/1.0"}, False),
        ({"Origin": "http://localhost:3000"}, True),
        ({"Origin": "http://127.0.0.1:8080"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
    ],
)
def test_is_local(sent: dict[str, str], local: bool) -> None:
    assert is_local(request(**sent).environ, ()) is local


def test_a_known_proxy_on_this_machine_is_not_local() -> None:
    assert not is_local(request().environ, (ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "patient Smith", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_peer_of(peer: str, forwarded: str, seen: str) -> None:
    assert peer_of(request(peer, X_Forwarded_For=forwarded), (ip_network("10.0.0.0/8"),)) == seen


def test_with_authentication_off_only_this_machine_is_answered(make_app: Any, load_settings: Any) -> None:
    web: FlaskClient = make_app(load_settings()).test_client()
    assert web.get("/cds-services").status_code == 200
    assert web.get("/cds-services", headers={"Host": "evil.example"}).status_code == 403
    assert web.get("/cds-services", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403


def test_unless_the_network_is_declared_closed(make_app: Any, load_settings: Any) -> None:
    web: FlaskClient = make_app(load_settings(LENCDS_ALLOW_INSECURE="1")).test_client()
    assert web.get("/cds-services", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200


EVIL_PAGE = {"Origin": "https://evil.example", "Content-Type": "text/plain"}


@pytest.mark.parametrize("path", ["/cds-services", "/metrics", "/health", "/livez", "/openapi.json", "/console/"])
def test_a_name_rebound_to_this_machine_reaches_nothing(make_app: Any, load_settings: Any, path: str) -> None:
    """The name in the address bar is the attacker's; that it resolves to 127.0.0.1 does not make it ours."""
    web: FlaskClient = make_app(load_settings(LENCDS_CORS_ORIGINS="*")).test_client()
    response = web.get(path, headers={"Host": "rebound.evil.example:8080"})
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers or path == "/cds-services"


@pytest.mark.parametrize("path", ["/cds-services/lenalidomide-order-sign", "/cds-services/x/feedback", "/metrics"])
def test_a_page_of_another_site_cannot_send_anything(make_app: Any, load_settings: Any, path: str) -> None:
    web: FlaskClient = make_app(load_settings()).test_client()
    assert web.post(path, headers=EVIL_PAGE, data=b"{}").status_code == 403


def test_a_page_that_was_let_in_reaches_the_services_alone(make_app: Any, load_settings: Any) -> None:
    web: FlaskClient = make_app(load_settings(LENCDS_CORS_ORIGINS="https://sandbox.example.org")).test_client()
    page = {"Origin": "https://sandbox.example.org"}
    path = "/cds-services/lenalidomide-order-sign"
    assert web.options(path, headers={**page, "Access-Control-Request-Method": "POST"}).status_code == 200
    assert web.post(path, headers=page, data=b"{}").status_code == 200
    assert web.get("/metrics", headers=page).status_code == 403
    assert web.post(path, headers=EVIL_PAGE, data=b"{}").status_code == 403


@pytest.mark.parametrize("given", ["wrong", "", "metrics-token-000x", "Metrics-Token-0000"])
def test_only_the_very_token_opens(make_app: Any, load_settings: Any, given: str) -> None:
    web: FlaskClient = make_app(
        load_settings(LENCDS_ALLOW_INSECURE="1", LENCDS_METRICS_TOKEN="metrics-token-0000")
    ).test_client()
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    assert web.get("/metrics", headers={"Authorization": f"Bearer {given}"}, environ_base=elsewhere).status_code == 403
    good = {"Authorization": "Bearer metrics-token-0000"}
    assert web.get("/metrics", headers=good, environ_base=elsewhere).status_code == 200
    assert web.get("/metrics?token=metrics-token-0000", environ_base=elsewhere).status_code == 403
