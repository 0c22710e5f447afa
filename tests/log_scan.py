"""Scans everything the service writes during the whole test run: a planted name, token or identifier fails the test.

Looked at are all log lines of the service (also those a test has swallowed), what was written to standard output and
error, warnings, and at the end the log files that servers of the tests have left behind.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import service.logs
from tests import planted

_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.")
# The stub servers of the tests log their requests; that is not our log.
_ACCESS_LOG_OF_A_STUB = re.compile(r'"(?:GET|POST|PUT|OPTIONS|HEAD|DELETE) \S* HTTP/1\.[01]"')
_LOG_FILES = ("log", "*.log")

_lines: list[str] = []
_at_the_end: list[str] = []


@cache
def demo_patients() -> tuple[str, ...]:
    """Names and ids of the demo patients. The command line may show them, the log may not."""
    text = "\n".join(
        file.read_text(encoding="utf-8") for file in (Path(service.__file__).parent / "sandbox/patients").glob("*.yaml")
    )
    names = re.findall(r"^name: *(.+)$", text, re.MULTILINE)
    ids = re.findall(r"^id: *(\S+-\S+)$", text, re.MULTILINE)
    return (*names, *ids)


def findings(text: str, forbidden: tuple[str, ...] = planted.VALUES) -> list[str]:
    """Return the lines of a text that hold what must not be there."""
    if not _TOKEN.search(text) and not any(value in text for value in forbidden):
        return []
    return [
        line
        for line in text.splitlines()
        if (_TOKEN.search(line) or any(value in line for value in forbidden)) and not _ACCESS_LOG_OF_A_STUB.search(line)
    ]


def _listen() -> Callable[[], None]:
    """Copy what the service logs, before anything can swallow it. Returns what stops that."""
    write = service.logs._StandardError.write

    def copied(self: Any, text: str) -> int:
        _lines.append(text)
        return write(self, text)

    service.logs._StandardError.write = copied  # type: ignore[method-assign]

    def stop() -> None:
        service.logs._StandardError.write = write  # type: ignore[method-assign]

    return stop


def _logged() -> list[str]:
    """Take the log lines since the last call that hold what must not be there."""
    text = "".join(_lines)
    _lines.clear()
    return findings(text, planted.VALUES + demo_patients())


@pytest.fixture(scope="session", autouse=True)
def _scan_log() -> Iterator[None]:
    stop = _listen()
    yield
    stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Fail the test during which something was written that must not be."""
    report = yield
    written = [text for name, text in report.sections if name.startswith(("Captured stdout", "Captured stderr"))]
    found = _logged() + [line for text in written for line in findings(text)]
    if found and not item.get_closest_marker("leaks_on_purpose"):
        report.outcome = "failed"
        report.longrepr = "written although it must never be:\n  " + "\n  ".join(dict.fromkeys(found))
    return report


def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    """Look at the text of a warning."""
    _at_the_end.extend(findings(str(warning_message.message)))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "leaks_on_purpose: shows that the scan of the log finds something")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look at the log files that are left, and fail the run if anything came to light after the last test."""
    _at_the_end.extend(_logged())
    factory = getattr(session.config, "_tmp_path_factory", None)
    folder = getattr(factory, "_basetemp", None)
    if folder is not None and not hasattr(session.config, "workerinput"):
        files = {file for pattern in _LOG_FILES for file in folder.rglob(pattern) if file.is_file()}
        for file in files:
            _at_the_end.extend(f"{file.name}: {line}" for line in findings(file.read_text(errors="replace")))
    if _at_the_end:
        sys.__stderr__.write("\nwritten although it must never be:\n  " + "\n  ".join(_at_the_end) + "\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
