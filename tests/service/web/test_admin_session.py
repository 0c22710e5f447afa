"""The console's login, cookie and protection against writes from other sites."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from flask import Flask, Request, Response
from werkzeug.test import EnvironBuilder

from service.web.admin_session import LIFETIME, AdminSessions, CrossSiteWriteError, LoginRefusedError, Session
from service.web.login_brake import LoginBrake

TOKEN = "admin-token-of-the-tests"
KEY = b"k" * 32
PEER = "192.0.2.1"
HTTPS = "https://cds.example.org/base"
LOOPBACK = "http://127.0.0.1:8080"


def sessions(clock: Any, **changes: Any) -> AdminSessions:
    return AdminSessions(**{"admin_token": TOKEN, "audit_key": KEY, "base_url": HTTPS, "clock": clock, **changes})


def cookie_of(one: AdminSessions, session: Session) -> str:
    response = Response()
    one.hand_out(response, session)
    return str(response.headers["Set-Cookie"])


def request(one: AdminSessions, cookie: str = "", method: str = "GET", **sent: Any) -> Request:
    value = cookie.partition(";")[0].removeprefix(f"{one.cookie_name}=")
    headers = {"Cookie": f"{one.cookie_name}={value}", **sent.pop("headers", {})}
    return Request(EnvironBuilder(method=method, headers=headers, **sent).get_environ())


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(clock: Any) -> None:
    one = sessions(clock)
    name, *attributes = (part.strip() for part in cookie_of(one, one.log_in(TOKEN, PEER)).split(";"))
    assert name.startswith("__Host-lencds-console=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={8 * 3600}"} <= set(attributes)
    assert not any(part.lower().startswith("domain") for part in attributes)
    assert TOKEN not in name


@pytest.mark.parametrize(
    ("base_url", "secure"),
    [(LOOPBACK, False), ("http://localhost:8080", False), ("http://cds.internal", True), ("https://127.0.0.1", True)],
)
def test_only_plain_http_on_this_machine_does_without_secure(clock: Any, base_url: str, secure: bool) -> None:
    one = sessions(clock, base_url=base_url)
    cookie = cookie_of(one, one.log_in(TOKEN, PEER))
    assert ("Secure" in cookie) is secure
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_another_worker_recognises_the_session(clock: Any) -> None:
    one, other = sessions(clock), sessions(clock)
    begun = one.log_in(TOKEN, PEER)
    sent = request(other, cookie_of(one, begun))
    assert other.find(sent, local=False) == begun
    assert other.csrf_token(begun) == one.csrf_token(begun)


@pytest.mark.parametrize("changed", [{"admin_token": "another-admin-token"}, {"audit_key": b"x" * 32}])
def test_new_secrets_end_all_sessions(clock: Any, changed: dict[str, Any]) -> None:
    one, other = sessions(clock), sessions(clock, **changed)
    assert other.find(request(other, cookie_of(one, one.log_in(TOKEN, PEER))), local=True) is None


def test_sessions_expire(clock: Any) -> None:
    one = sessions(clock)
    cookie = cookie_of(one, one.log_in(TOKEN, PEER))
    clock.advance(seconds=LIFETIME.total_seconds() - 1)
    assert one.find(request(one, cookie), local=False)
    clock.advance(seconds=1)
    assert one.find(request(one, cookie), local=False) is None


def test_a_changed_cookie_is_none(clock: Any) -> None:
    one = sessions(clock)
    begun = one.begin_local()
    good = cookie_of(one, begun).split(";")[0].partition("=")[2]
    assert one.find(request(one, good), local=True)
    kind, expires, name, signature = good.split(".")
    for forged in (
        f"admin.{expires}.{name}.{signature}",
        f"{kind}.{int(expires) + 1}.{name}.{signature}",
        f"{kind}.{expires}.{name}",
        f"{kind}.{expires}.{name}.",
        f"{kind}.{expires}.{name}.{signature[:-1]}",
        f"{kind}.{expires}.{name}.{one.csrf_token(begun)}",
        f"{kind}.{expires}.{name}." + hmac.new(b"", name.encode(), "sha256").hexdigest(),
        "",
        ".",
        "é.é.é.é",
        "a" * 10_000,
    ):
        assert one.find(request(one, forged), local=True) is None, forged


def test_a_session_of_this_machine_is_of_no_use_elsewhere(clock: Any) -> None:
    one = sessions(clock)
    sent = request(one, cookie_of(one, one.begin_local()))
    assert one.find(sent, local=True)
    assert one.find(sent, local=False) is None


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ü", "\ud800", "x" * 100_000])
def test_wrong_tokens(clock: Any, token: str) -> None:
    with pytest.raises(LoginRefusedError):
        sessions(clock).log_in(token, PEER)


@pytest.mark.parametrize("token", ["", "None", "anything"])
def test_without_a_configured_token_nobody_logs_in(clock: Any, token: str) -> None:
    with pytest.raises(LoginRefusedError):
        sessions(clock, admin_token=None).log_in(token, PEER)


def test_a_write_needs_the_token_of_its_session(clock: Any) -> None:
    one = sessions(clock)
    mine, other = one.log_in(TOKEN, PEER), one.log_in(TOKEN, PEER)
    cookie = cookie_of(one, mine)
    one.check_write(request(one, cookie), mine)
    app = Flask("forms")
    good = one.csrf_token(mine)
    with app.test_request_context():
        one.check_write(request(one, cookie, "POST", data={"csrf": good}), mine)
        one.check_write(request(one, cookie, "DELETE", headers={"X-CSRF-Token": good}), mine)
        for sent in (
            {},
            {"data": {"csrf": ""}},
            {"data": {"csrf": one.csrf_token(other)}},
            {"query_string": {"csrf": good}},
            {"headers": {"X-CSRF-Token": "é"}},
        ):
            with pytest.raises(CrossSiteWriteError):
                one.check_write(request(one, cookie, "POST", **sent), mine)


def test_guessing_becomes_slow_and_a_right_token_waits_too(clock: Any, monotonic: Any) -> None:
    one = sessions(clock, brake=LoginBrake(monotonic))

    def pause(token: str = "wrong", peer: str = PEER) -> int:
        with pytest.raises(LoginRefusedError) as refusal:
            one.log_in(token, peer)
        return refusal.value.retry_after_s

    assert [pause() for _ in range(5)] == [0] * 5
    assert pause(TOKEN) == 2
    assert one.log_in(TOKEN, "192.0.2.2")
    pauses = []
    for _ in range(10):
        monotonic.now += pause() + 1
        assert pause() == 0
        pauses.append(pause())
    assert pauses == [3, 5, 9, 17, 33, 61, 61, 61, 61, 61]
    monotonic.now += 61
    assert one.log_in(TOKEN, PEER)
    assert pause() == 0


def test_failures_of_long_ago_and_of_too_many_peers_are_forgotten(monotonic: Any) -> None:
    brake = LoginBrake(monotonic)
    for _ in range(500):
        brake.failed("a")
    assert brake.pause_s("a") == 60
    monotonic.now += 901
    brake.failed("a")
    assert brake.pause_s("a") == 0
    for number in range(2000):
        brake.failed(f"peer-{number}")
    assert len(brake._failed) == 1000


def test_logging_out_takes_the_cookie_back(clock: Any) -> None:
    one, response = sessions(clock), Response()
    one.take_back(response)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith(f"{one.cookie_name}=;")
    assert "Max-Age=0" in cookie
