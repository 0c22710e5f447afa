"""The scan of the log over the whole run finds what it is to find, wherever it was written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import planted
from tests.log_scan import demo_patients, findings

LEAKS = {
    "the log": f"structlog.get_logger().info('x', reason='{planted.FAMILY}')",
    "the log, swallowed by the test": f"structlog.get_logger().info('x', reason='{planted.MRN}'); capsys.readouterr()",
    "a library's log": f"logging.getLogger('x').warning('{planted.PATIENT_ID} %s', 1)",
    "standard output": f"print('{planted.ACCESS_TOKEN}')",
    "standard error": f"print('{planted.GIVEN}', file=sys.stderr)",
    "another process": f"subprocess.run([sys.executable, '-c', 'print(\"{planted.STREET}\")'])",
    "another thread": f"t = threading.Thread(target=lambda: print('{planted.MRN}')); t.start(); t.join()",
    "a warning": f"warnings.warn('{planted.FAMILY}')",
    "a token": "print('eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln')",
    "a log file": f"(tmp_path / 'log').write_text('{planted.FAMILY}')",
    "a demo patient in the log": f"structlog.get_logger().info('x', reason='{demo_patients()[0]}')",
}
AT_THE_END = ("a warning", "a log file")
HEAD = """
import logging, subprocess, sys, threading, warnings
import structlog
from service.logs import configure_logs
"""
TEST = """
def test_NUMBER(tmp_path, capsys_or_not):
    configure_logs()
    LEAK
"""


def run(folder: Path, leaks: Iterable[str], *options: str) -> str:
    """Run tests that leak in a process of its own; returns what pytest said, with the exit code in the last line."""
    tests = [
        TEST.replace("NUMBER", str(number))
        .replace("capsys_or_not", "capsys" if "capsys" in leak else "request")
        .replace("LEAK", leak)
        for number, leak in enumerate(leaks)
    ]
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.log_scan"]\n')
    (folder / "test_x.py").write_text(HEAD + "\n".join(tests))
    (folder / "pytest.ini").write_text("[pytest]\n")
    left = folder / "left"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rf",
            "-p",
            "xdist",
            "-p",
            "no:cacheprovider",
            f"--basetemp={left}",
            *options,
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    shutil.rmtree(left, ignore_errors=True)  # or the scan of the outer run would find what is in it
    return f"{done.stdout}{done.stderr}\nexit code {done.returncode}"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run(tmp_path_factory.mktemp("leaks"), LEAKS.values(), "-n", "2")


@pytest.mark.leaks_on_purpose
@pytest.mark.parametrize("place", LEAKS)
def test_a_leak_fails_its_test(said: str, place: str) -> None:
    number = list(LEAKS).index(place)
    # Where the path is long, the line of the summary has no room for the reason and ends here.
    failed = re.search(rf"^FAILED \S*test_x\.py::test_{number}\b", said, re.MULTILINE)
    assert failed or place in AT_THE_END, said
    assert said.endswith("exit code 1")


@pytest.mark.leaks_on_purpose
def test_what_comes_to_light_later_fails_the_run(tmp_path: Path) -> None:
    said = run(tmp_path, [LEAKS[place] for place in AT_THE_END])
    assert "2 passed" in said
    assert said.endswith("exit code 1")
    late = said.partition("written although it must never be")[2]
    assert f"  {planted.FAMILY}" in late
    assert f"  log: {planted.FAMILY}" in late


def test_without_a_leak_the_run_passes(tmp_path: Path) -> None:
    assert run(tmp_path, ["structlog.get_logger().info('harmless'); print('harmless')"]).endswith("exit code 0")


def test_requests_logged_by_a_stub_server_are_not_ours() -> None:
    assert not findings(f'127.0.0.1 - - "GET /fhir/Patient/{planted.PATIENT_ID} HTTP/1.1" 200 -')
    assert findings(f"Patient {planted.PATIENT_ID}")


def test_the_demo_patients_are_known() -> None:
    assert len(demo_patients()) > 15
