"""The demonstration as a whole: one port, three EHRs, one database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import text

from service.commands.demo import demo
from service.commands.demo_service import DemoService, demo_service
from service.sandbox.hook_request import hook_request

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoService]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with demo_service(folder, clock=lambda: NOW, deadline_ms=20_000) as one:
        yield one


def labels(running: DemoService, path: str) -> list[str]:
    """Sign the order of the patient with severe renal impairment; return the labels of all suggestions."""
    patient = next(one for one in running.patients if one.id == "severe-renal-impairment")
    body = hook_request(
        patient, hook="order-sign", fhir_server=running.fhir_url, prefetch=None, hook_instance=str(uuid.uuid4())
    )
    url = f"{running.url}{path}/cds-services/lenalidomide-order-sign"
    cards = requests.post(url, json=body, timeout=TIMEOUT_S).json()["cards"]
    assert [card["source"]["topic"]["code"] for card in cards] == ["renalDose", "counselling"]
    return [suggestion["label"] for card in cards for suggestion in card.get("suggestions", ())]


def test_each_path_answers_for_its_profile(running: DemoService) -> None:
    change = ["Change the order to 15 mg every other day on days 1-21 of 28"]
    assert labels(running, "") == labels(running, "/ehr/sandbox") == change
    assert labels(running, "/ehr/epic") == []


def test_all_write_to_the_same_database(running: DemoService) -> None:
    def rows() -> int:
        with running.services.database.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM audit")).scalar_one())

    before = rows()
    labels(running, "")
    labels(running, "/ehr/epic")
    assert rows() == before + 2


def test_only_the_demo_has_a_playground(running: DemoService) -> None:
    assert requests.get(running.playground_url, timeout=TIMEOUT_S).status_code == 200
    assert requests.get(running.url + "/ehr/epic/playground/", timeout=TIMEOUT_S).status_code == 404


def test_the_console_shows_the_calls_of_the_demo(running: DemoService) -> None:
    labels(running, "/ehr/epic")
    page = requests.get(running.console_url + "calls/", timeout=TIMEOUT_S)
    assert page.status_code == 200
    assert "Dose and renal function" in page.text
    assert "Access-Control-Allow-Origin" not in page.headers


def test_the_command_says_where_the_playground_is() -> None:
    result = CliRunner().invoke(demo, ["--once"])
    assert result.exit_code == 0, result.output
    assert "/playground/" in result.output
    assert "/console/" in result.output
    assert "missing:" not in result.output
