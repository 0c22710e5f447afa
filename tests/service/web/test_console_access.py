"""Who may see the console, and how one logs in and out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.clinical import Clinical
from service.config import Settings
from service.wiring import Services
from tests import planted

TOKEN = planted.ADMIN_TOKEN
HTTPS = "https://cds.example.org"
COOKIE = "__Host-lencds-console"
PAGES = (
    *("", "calls/", "calls/x", "knowledge/", "knowledge/figures", "clients", "conformance", "coverage", "prefetch"),
    *("export/calls.csv", "export/cards.csv", "export/overrides.csv", "nothing"),
)


@pytest.fixture
def make_console(load_guarded_settings: Any, clinical: Clinical, clock: Any) -> Iterator[Callable[..., Flask]]:
    apps: list[Flask] = []

    def make(**environ: str) -> Flask:
        settings: Settings = load_guarded_settings(**environ)
        apps.append(create_app(settings, clock=clock, clinical=clinical))
        return apps[-1]

    yield make
    for app in apps:
        services: Services = app.extensions["lencds"]
        services.close()


@pytest.fixture
def console(make_console: Callable[..., Flask]) -> Flask:
    """A console that can be logged in to."""
    return make_console(LENCDS_ADMIN_TOKEN=TOKEN)


def stranger(app: Flask, peer: str = "192.0.2.7") -> FlaskClient:
    """A browser on another machine, over the public address."""
    web = app.test_client()
    web.environ_base["REMOTE_ADDR"] = peer
    return web


def ask(web: FlaskClient, page: str = "", method: str = "GET", **sent: Any) -> Any:
    return web.open(f"/console/{page}", method=method, base_url=HTTPS, **sent)


def log_in(web: FlaskClient, token: str = TOKEN, to: str = "") -> Any:
    return ask(web, "login", "POST", data={"token": token, "to": to})


def csrf_of(page: Any) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_sent_to_the_login(console: Flask, page: str) -> None:
    answer = ask(stranger(console), page)
    assert answer.status_code == 303
    assert re.fullmatch(r"(\.\./)*login(\?to=.*)?", answer.headers["Location"])
    assert answer.data == b""


@pytest.mark.parametrize("page", PAGES)
def test_without_a_token_to_log_in_with_a_stranger_is_refused(make_console: Callable[..., Flask], page: str) -> None:
    answer = ask(stranger(make_console()), page)
    assert answer.status_code == 403
    assert "LENCDS_ADMIN_TOKEN" in answer.text


def test_this_machine_needs_no_login(console: Flask) -> None:
    answer = console.test_client().get("/console/")
    assert answer.status_code == 200
    assert "Log out" not in answer.text


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {"Host": "cds.example.org"},
    {"Origin": "https://evil.example.org"},
])  # fmt: skip
def test_what_came_through_a_proxy_or_from_another_site_is_not_this_machine(
    console: Flask, headers: dict[str, str]
) -> None:
    assert console.test_client().get("/console/", headers=headers).status_code == 303


def test_logging_in_opens_every_page(console: Flask) -> None:
    web = stranger(console)
    answer = log_in(web)
    assert (answer.status_code, answer.headers["Location"]) == (303, "./")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=admin.")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    for page in ("", "calls/", "knowledge/", "clients", "export/calls.csv"):
        assert ask(web, page).status_code == 200


@pytest.mark.parametrize(("page", "to"), [
    ("calls/", "calls/"), ("knowledge/topics/neutropenia", "knowledge/topics/neutropenia"), ("", ""),
])  # fmt: skip
def test_after_the_login_one_is_where_one_wanted_to_be(console: Flask, page: str, to: str) -> None:
    web = stranger(console)
    form = web.get(urljoin(f"{HTTPS}/console/{page}", ask(web, page).headers["Location"]))
    assert f'name="to" value="{to}"' in form.text
    assert log_in(web, to=to).headers["Location"] == f"./{to}"


@pytest.mark.parametrize("to", [
    "https://evil.example.org", "//evil.example.org", "/health", "../health", "..", "javascript:alert(1)", "login",
    "logout", "calls/../../health", "a\r\nSet-Cookie: a=b", "\\\\evil", "calls//evil.example.org",
])  # fmt: skip
def test_a_login_leads_nowhere_else(console: Flask, to: str) -> None:
    assert log_in(stranger(console), to=to).headers["Location"] == "./"


def test_a_wrong_token_is_refused(console: Flask) -> None:
    web = stranger(console)
    answer = log_in(web, "not-the-admin-token-at-all")
    assert answer.status_code == 401
    assert "That is not the admin token." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "not-the-admin-token-at-all" not in answer.text
    assert ask(web).status_code == 303


def test_guessing_is_slowed_down(console: Flask) -> None:
    web = stranger(console)
    for _ in range(5):
        assert log_in(web, "wrong" * 5).status_code == 401
    answer = log_in(web)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Too many wrong tokens" in answer.text
    assert log_in(stranger(console, "192.0.2.8")).status_code == 303


def test_a_token_in_the_address_counts_for_nothing(console: Flask) -> None:
    for page in ("?token=" + TOKEN, "calls/?access_token=" + TOKEN):
        assert ask(stranger(console), page).status_code == 303
    assert ask(stranger(console), "login?token=" + TOKEN, "POST").status_code == 401


@pytest.mark.parametrize("cookie", [
    "admin.99999999999.abc.def", "admin.99999999999.abc.", "", "x", "local.99999999999.abc.00", "\xff", "a" * 5000,
])  # fmt: skip
def test_a_forged_cookie_opens_nothing(console: Flask, cookie: str) -> None:
    web = stranger(console)
    assert ask(web, headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 303


def test_a_cookie_of_this_machine_is_worth_nothing_elsewhere(console: Flask) -> None:
    cookie = console.test_client().get("/console/").headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith(f"{COOKIE}=local.")
    assert ask(stranger(console), headers={"Cookie": cookie}).status_code == 303


def test_a_login_ends_after_its_time(console: Flask, clock: Any) -> None:
    web = stranger(console)
    log_in(web)
    clock.advance(hours=8)
    assert ask(web).status_code == 303


def test_logging_out_ends_the_session(console: Flask) -> None:
    web = stranger(console)
    log_in(web)
    token = csrf_of(ask(web))
    answer = ask(web, "logout", "POST", data={"csrf": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "login")
    assert ask(web).status_code == 303


@pytest.mark.parametrize("data", [{}, {"csrf": ""}, {"csrf": "0" * 64}])
def test_a_write_without_the_token_of_the_session_is_not_done(console: Flask, data: dict[str, str]) -> None:
    web = stranger(console)
    log_in(web)
    answer = ask(web, "logout", "POST", data=data)
    assert answer.status_code == 403
    assert "Not done" in answer.text
    assert ask(web).status_code == 200


def test_a_script_exports_with_the_admin_token(console: Flask) -> None:
    answer = ask(stranger(console), "export/calls.csv", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert "Set-Cookie" not in answer.headers


def test_a_script_with_another_token_is_refused(console: Flask) -> None:
    answer = ask(stranger(console), "export/calls.csv", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_script_writes_nothing(console: Flask) -> None:
    answer = ask(stranger(console), "logout", "POST", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_pages_take_no_other_methods(console: Flask, method: str) -> None:
    assert ask(stranger(console), "", method).status_code in (303, 405)


def test_without_the_clinical_part_there_is_no_console(make_app: Any, load_settings: Any) -> None:
    assert make_app(load_settings()).test_client().get("/console/").status_code == 404
