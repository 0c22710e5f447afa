"""Every clinical case, run through the pure evaluation."""

from __future__ import annotations

import pytest

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.cases.resources import check_case
from cds_hooks.cases.run import run_case
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Reader
from cds_hooks.knowledge.loader import Knowledge

CASES = load_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.subject}: {case.sentence}" for case in CASES])


@each_case
def test_the_service_says_what_the_case_expects(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    check_case(case, knowledge)
    failures = verdict(case, run_case(case, reader, knowledge), knowledge)
    if failures:
        pytest.fail("\n  ".join((f"{case.place} {case.sentence}", *failures)), pytrace=False)


def test_no_two_cases_share_a_patient() -> None:
    assert len({case.patient_id for case in CASES}) == len(CASES)
