"""The check of every answer in `conftest.py`: it sees what the application answers, and it fails the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Blueprint, Flask
from werkzeug.serving import make_server

from service.app import create_app
from service.config import Settings
from service.wiring import Services

SIGN = "/cds-services/lenalidomide-order-sign"


def answer_nothing(_services: Services) -> Blueprint:
    blueprint = Blueprint("hooks", __name__)

    @blueprint.post("/cds-services/<service_id>")
    def answer_hook(service_id: str) -> dict[str, list[str]]:
        return {"cards": [], "systemActions": []}

    return blueprint


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    settings = Settings(auth="off", database_url=f"sqlite:///{tmp_path / 'x.sqlite3'}", spool_dir=tmp_path / "spool")
    app = create_app(settings, hooks=answer_nothing)
    yield app
    app.extensions["lencds"].close()


def test_the_endpoints_are_called_as_the_check_knows_them(tmp_path: Path, every_answer_conforms: list[str]) -> None:
    settings = Settings(auth="off", database_url=f"sqlite:///{tmp_path / 'x.sqlite3'}", spool_dir=tmp_path / "spool")
    app = create_app(settings)
    views = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith("/cds-services")}
    app.extensions["lencds"].close()
    assert views == {"discovery.discover", "hooks.answer_hook", "feedback.receive"}


def test_a_wrong_answer_to_the_test_client_is_noticed(app: Flask, every_answer_conforms: list[str]) -> None:
    assert app.test_client().post(SIGN, json={}).status_code == 200
    assert every_answer_conforms == ["response: $.systemActions: breaks minItems 1"]
    every_answer_conforms.clear()


def test_a_wrong_answer_of_a_server_is_noticed(app: Flask, every_answer_conforms: list[str]) -> None:
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    assert requests.post(f"http://127.0.0.1:{server.server_port}{SIGN}", json={}, timeout=10).status_code == 200
    server.shutdown()
    thread.join()
    assert every_answer_conforms == ["response: $.systemActions: breaks minItems 1"] * 2
    every_answer_conforms.clear()


def test_an_error_that_is_no_operation_outcome_is_noticed(
    app: Flask, every_answer_conforms: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.web.errors.orjson.dumps", lambda _value: b"{}")
    assert app.test_client().post(f"{SIGN}/nowhere", json={}).status_code == 404
    monkeypatch.undo()
    assert every_answer_conforms == ["operation_outcome: $: lacks resourceType, issue"]
    every_answer_conforms.clear()


def test_a_wrong_answer_fails_its_test(tmp_path: Path) -> None:
    """Run in a session of its own, below a copy of the check."""
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text("utf-8"), "utf-8")
    (folder / "test_inner.py").write_text(
        "def test_wrong(every_answer_conforms):\n    every_answer_conforms.append('response: $: lacks cards')\n"
        "def test_right():\n    pass\n",
        "utf-8",
    )
    outcome = _inner_session(folder)
    assert outcome == {"passed": 2, "errors": 1}


def _inner_session(folder: Path) -> dict[str, int]:
    counts = {"passed": 0, "errors": 0}

    class Count:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call" and report.passed:
                counts["passed"] += 1
            if report.when == "teardown" and report.failed:
                counts["errors"] += 1

    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(folder)]
    pytest.main([*options, str(folder)], [Count()])
    return counts
