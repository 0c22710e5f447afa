"""A running demonstration and a real Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from service.commands.demo_service import DemoService, demo_service

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on the PATH (looked for " + ", ".join(PROGRAMS) + ")")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        except Error as error:
            pytest.skip(f"{program} does not start: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoService]:
    with demo_service(tmp_path_factory.mktemp("demo"), clock=lambda: NOW, deadline_ms=20_000) as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Opens pages; what the browser complains about, such as a breach of the security policy, fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_one(url: str, width: int = 1440, height: int = 1000, tolerated: str = "", **options: Any) -> Page:
        def note(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not (tolerated and tolerated in message.text):
                complaints.append(message.text)

        context = chromium.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        with suppress(Error):
            context.close()
    assert not complaints


@pytest.fixture(scope="session")
def keep_screenshot() -> Callable[[Page, str], None]:
    """Keeps a picture of the whole page in the folder LENCDS_SCREENSHOTS."""
    folder = Path(os.environ.get("LENCDS_SCREENSHOTS", "build/screenshots"))

    def keep(page: Page, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        page.mouse.move(0, 0)
        page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")

    return keep
