"""The console in a real browser: logging in, going about by keyboard, on a phone, in the dark."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.app import create_app
from service.clinical import Clinical
from service.commands.demo_service import DemoService
from service.commands.local_server import served
from service.config import Settings
from service.wiring import Services
from tests import planted
from tests.browser.accessibility import poor_contrasts, scrolls_sideways, structural_faults
from tests.service.web.console_calls import NOW, identifier, plant_calls

SCREEN = {"width": 1440, "height": 1000}
PHONE = {"width": 360, "height": 780}
FORWARDED = {"X-Forwarded-For": "192.0.2.7"}
"""Makes a browser on this machine a stranger."""
PAGES = {
    "overview": "",
    "calls": "calls/",
    "call": f"calls/{identifier('call 1')}",
    "topics": "knowledge/",
    "topic": "knowledge/topics/neutropenia",
    "figures": "knowledge/figures?show=unverified",
    "codes": "knowledge/codes/",
    "code-set": "knowledge/codes/lenalidomide",
    "cases": "knowledge/cases",
    "documents": "knowledge/documents",
    "coverage": "coverage",
    "conformance": "conformance",
    "prefetch": "prefetch",
    "clients": "clients",
    "login": "login",
    "missing": "nothing",
}
PICTURED = ("overview", "calls", "call", "topic", "clients", "login")
"""Pages of which pictures are kept; the others look alike."""
MOST_TABS = 30

OpenPage = Callable[..., Page]
KeepScreenshot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("console")
    settings = Settings.load(
        {
            "LENCDS_AUTH": "off",
            "LENCDS_ALLOW_INSECURE": "1",
            "LENCDS_ADMIN_TOKEN": planted.ADMIN_TOKEN,
            "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'lencds.sqlite3'}",
            "LENCDS_SPOOL_DIR": str(folder / "spool"),
            "LENCDS_LOG_LEVEL": "error",
        }
    )
    app = create_app(settings, clock=lambda: NOW, clinical=Clinical())
    services: Services = app.extensions["lencds"]
    plant_calls(services)
    with served(app) as url:
        yield f"{url}/console/"
    services.close()


@pytest.fixture
def open_console(open_page: OpenPage, console: str) -> OpenPage:
    def open_one(page: str = "", **options: Any) -> Page:
        return open_page(console + page, **options)

    return open_one


def heading(page: Page) -> Any:
    return expect(page.get_by_role("heading", level=1))


def test_a_stranger_logs_in_and_out(open_console: OpenPage, keep_screenshot: KeepScreenshot) -> None:
    page = open_console("calls/", extra_http_headers=FORWARDED, tolerated="401 (UNAUTHORIZED)")
    heading(page).to_have_text("Console")
    expect(page.get_by_label("Admin token")).to_be_focused()
    page.keyboard.type("not the token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the admin token.")
    keep_screenshot(page, "console-login-refused")
    page.get_by_label("Admin token").fill(planted.ADMIN_TOKEN)
    page.get_by_role("button", name="Log in").click()
    heading(page).to_have_text("Calls")
    assert planted.ADMIN_TOKEN not in page.url
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    heading(page).to_have_text("Console")


def test_pages_are_reached_by_keyboard(open_console: OpenPage) -> None:
    page = open_console()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    knowledge = page.get_by_role("navigation", name="Console").get_by_role("link", name="Knowledge")
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if knowledge.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    heading(page).to_have_text("Topics")
    expect(page.get_by_role("link", name="Knowledge")).to_have_attribute("aria-current", "page")


def test_the_skip_link_leads_past_the_navigation(open_console: OpenPage) -> None:
    page = open_console()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="7 days")).to_be_focused()


def test_the_numbers_of_a_chart_open_by_keyboard(open_console: OpenPage) -> None:
    page = open_console()
    table = page.get_by_role("region", name="Table: What clinicians did with the cards")
    expect(table).to_be_hidden()
    page.locator(".figure-answers summary").focus()
    page.keyboard.press("Enter")
    expect(table.get_by_role("row", name="Neutropenia")).to_contain_text("Within a clinical trial")


def test_period_and_client_are_chosen(open_console: OpenPage) -> None:
    page = open_console()
    page.get_by_role("link", name="7 days").click()
    page.get_by_label("Client").select_option("mercy")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".tiles dd").first).to_have_text("5")
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")


def test_charts_take_their_colours_from_the_page_in_both_schemes(open_console: OpenPage) -> None:
    fills = {}
    for scheme in ("light", "dark"):
        page = open_console(color_scheme=scheme)
        rectangle = page.locator(".figure-calls .chart rect").first
        fills[scheme] = rectangle.evaluate("element => getComputedStyle(element).fill")
        ground = page.evaluate(
            "() => { const one = document.querySelector('.figure'); return getComputedStyle(one).backgroundColor }"
        )
        assert fills[scheme] not in ("rgb(0, 0, 0)", ground)
        line = page.locator(".figure-latency .line").first
        assert line.evaluate("element => getComputedStyle(element).stroke") not in ("none", "rgb(0, 0, 0)", ground)
    assert fills["light"] != fills["dark"]


def test_a_call_is_looked_up_and_leads_to_its_topic(open_console: OpenPage) -> None:
    page = open_console("calls/")
    page.get_by_role("link", name="2026-03-02 06:00:00").click()
    heading(page).to_have_text("Call of 2026-03-02 06:00:00 UTC")
    page.get_by_role("region", name="What was found").get_by_role("link", name="Neutropenia").click()
    heading(page).to_have_text("Neutropenia")


def test_an_export_is_downloaded(open_console: OpenPage) -> None:
    page = open_console()
    with page.expect_download() as download:
        page.get_by_role("link", name="Overrides").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert download.value.suggested_filename == "lencds-overrides-2026-03-02-30-days.csv"
    assert rows
    assert {row["reason"] for row in rows} == {"trialProtocol"}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_read_by_everybody(
    open_console: OpenPage, keep_screenshot: KeepScreenshot, name: str
) -> None:
    page = open_console(PAGES[name], tolerated="404 (NOT FOUND)" if name == "missing" else "")
    for scheme, size in (("light", SCREEN), ("dark", SCREEN), ("light", PHONE)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)
        if scheme == "light":
            assert structural_faults(page) == []
            assert not scrolls_sideways(page)
        if size == SCREEN:
            assert poor_contrasts(page) == []
        if name in PICTURED:
            keep_screenshot(page, f"console-{name}-{'phone' if size == PHONE else scheme}")


def test_the_demo_shows_its_own_calls(open_page: OpenPage, demo: DemoService) -> None:
    page = open_page(f"{demo.playground_url}?patient=severe-renal-impairment")
    with page.expect_response("**/playground/fhir-requests"):
        page.locator("#sign").click()
    page.get_by_role("link", name="Console").click()
    heading(page).to_have_text("Overview")
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Calls").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Dose and renal function")
