"""What counts as this machine."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from flask import Request
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from service.web.access import is_local, peer_of


def request(peer: str = "127.0.0.1", host: str = "localhost:8080", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = EnvironBuilder(headers={"Host": host, **named}, environ_base={"REMOTE_ADDR": peer}).get_environ()
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
    ],
)
def test_is_local(sent: dict[str, str], local: bool) -> None:
    assert is_local(request(**sent), ()) is local


def test_a_known_proxy_on_this_machine_is_not_local() -> None:
    assert not is_local(request(), (ip_network("127.0.0.0/8"),))


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
