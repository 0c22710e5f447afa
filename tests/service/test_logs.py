"""Log lines are JSON, and hold only what they may hold."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
import structlog

from service.logs import configure_logs


@pytest.fixture(autouse=True)
def configured() -> None:
    configure_logs("info")


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return dict(json.loads(captured.err.splitlines()[-1]))


def test_known_members_come_through(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("x").info("call answered", client="st-elsewhere", cards=2, topics=["neutropenia"])
    line = last(capsys)
    assert line["event"] == "call answered"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert (line["client"], line["cards"], line["topics"]) == ("st-elsewhere", 2, ["neutropenia"])


def test_unknown_members_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("x", patient="Smith", token="eyJ", body=b"{}")
    line = last(capsys)
    assert line["dropped"] == 3
    assert "Smith" not in json.dumps(line)


def test_values_are_plain_and_short(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("x", reason="r" * 1000, source={"name": "Smith"}, client=ValueError("Smith"))
    line = last(capsys)
    assert len(line["reason"]) == 201
    assert line["source"] == "dict"
    assert line["client"] == "ValueError"


def test_exceptions_are_reduced_to_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("Smith")
    except ValueError:
        structlog.get_logger().exception("failed")
    line = last(capsys)
    assert line["error_type"] == "ValueError"
    assert "test_logs.py" in line["where"][0]
    assert "Smith" not in json.dumps(line)


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("some.library").info("quiet %s", "x")
    assert capsys.readouterr().err == ""


def test_of_libraries_only_what_holds_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("some.http.library").warning("Retrying after %s", "/fhir/Patient/Smith")
    assert last(capsys)["event"] == "Retrying after %s"
    logging.getLogger("some.library").warning("Patient Smith")
    line = last(capsys)
    assert line["event"] == "message"
    assert "Smith" not in json.dumps(line)


def test_exceptions_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("Smith")
    except ValueError:
        logging.getLogger("some.library").exception("Smith")
    line = last(capsys)
    assert (line["event"], line["error_type"]) == ("message", "ValueError")
    assert "Smith" not in json.dumps(line)


LEAKS = """
import sys, threading, warnings
from service.logs import configure_logs, reduce_uncaught

configure_logs()
reduce_uncaught()
thread = threading.Thread(target=lambda: 1 / len("Smith"[9:]) or open("Smith"))
thread.start()
thread.join()

class Patient:
    def __del__(self):
        raise ValueError("Smith")

Patient()
warnings.warn("Smith")
raise ValueError("Smith")
"""


def test_a_process_of_the_service_lets_nothing_past_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", LEAKS], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("error_type") for line in lines] == ["ZeroDivisionError", "ValueError", None, "ValueError"]
    assert lines[2]["logger"] == "py.warnings"
    assert "Smith" not in done.stderr
