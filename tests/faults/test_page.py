"""The page lists every fault of the suite, and says what the card says."""

from __future__ import annotations

import re

import pytest

from cds_hooks.prefetch import FailureCause
from tests.faults.callers import CALLER_FAULTS
from tests.faults.page import reasons
from tests.faults.run import PAGE
from tests.faults.stage import SCOPES
from tests.faults.table import FAULTS

TITLES = ["blood counts", "creatinine and liver tests", "TSH, INR and digoxin level"]


def rows(section: str) -> dict[str, list[str]]:
    """Fault → its other cells, in one section of the page."""
    text = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in table[1:]}


@pytest.mark.parametrize(("scope", "title"), SCOPES.items())
def test_every_fault_is_listed(scope: str, title: str) -> None:
    expected = {one.title: one for one in FAULTS.values() if scope != "one" or not one.whole_server_only}
    listed = rows(title[0].upper() + title[1:])
    assert listed.keys() == expected.keys(), "run `make faults`"
    for name, (status, cards, said, wall) in listed.items():
        fault = expected[name]
        assert status == ("412" if scope == "all" and fault.cause and not fault.reads_work else "200"), name
        assert (said != "–") == ("checkIncomplete" in cards or status == "412"), name
        if status == "200" and fault.cause:
            assert fault.is_said_in(said), name
        assert re.fullmatch(r"\d+ ms", wall), name


def test_every_fault_of_callers_is_listed() -> None:
    listed = rows("Clocks of callers, and the token endpoint")
    assert {(name, cells[0]) for name, cells in listed.items()} == {
        (one.title, str(one.status)) for one in CALLER_FAULTS.values()
    }, "run `make faults`"


def test_reasons() -> None:
    timeout, error = FailureCause.TIMEOUT.phrase, FailureCause.SERVER_ERROR.phrase
    detail = f"Not checked:\n\n* Liver (creatinine and liver tests: {timeout})\n* Thyroid ({TITLES[2]}: {error})"
    assert reasons(detail, TITLES) == f"creatinine and liver tests: {timeout}; {TITLES[2]}: {error}"
    assert reasons(f"* Blood ({TITLES[0]}, {TITLES[1]}: {timeout})", TITLES) == f"2 kinds of data: {timeout}"
    assert reasons("", TITLES) == "–"


def test_no_two_faults_have_the_same_name() -> None:
    assert len({one.title for one in FAULTS.values()}) == len(FAULTS)
