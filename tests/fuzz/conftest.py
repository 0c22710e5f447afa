"""The real application, and the demo patients' calls with full prefetch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.fuzz.stage import Stage, open_stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("fuzz")) as stage:
        yield stage


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """Counts answers by kind; shown at the end of the run."""
    counts: Counter[str] = Counter()
    yield counts
    record_property("answers", dict(counts))  # a plain one, so that a process of several can send it


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the fuzz tests were answered."""
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {', '.join(f'{count} × {kind}' for kind, count in value.items())}"
        for report in terminalreporter.stats.get("", ())  # set-ups and tear-downs that passed
        for name, value in report.user_properties
        if name == "answers"
    ]
    if lines:
        terminalreporter.section("answers to fuzzed calls")
        for line in lines:
            terminalreporter.line(line)
