"""Every clinical case, run through the pure evaluation."""

from __future__ import annotations

import uuid

import pytest

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.cases.resources import check_case
from cds_hooks.cases.run import run_case
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Reader
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.protocol.cards import cards
from cds_hooks.protocol.client_profile import PROFILES, CardOptions
from cds_hooks.topic_needs import topic_needs

OPTIONS = tuple(CardOptions(PROFILES[name]) for name in ("generic", "epic"))
CASES = load_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.subject}: {case.sentence}" for case in CASES])


@each_case
def test_the_service_says_what_the_case_expects(case: Case, reader: Reader, knowledge: Knowledge) -> None:
    check_case(case, knowledge)
    evaluation = run_case(case, reader, knowledge)
    failures = [
        *verdict(case, evaluation, knowledge),
        *(
            f"{trace.topic} looks at {need}: add it to topic_needs.yaml"
            for trace in evaluation.trace
            for need in sorted(trace.reads - topic_needs()[trace.topic])
        ),
    ]
    if failures:
        pytest.fail("\n  ".join((f"{case.place} {case.sentence}", *failures)), pytrace=False)
    for options in OPTIONS:  # each card is held against the JSON schema of the protocol where it is rendered
        shown = cards(
            evaluation.findings,
            knowledge,
            options,
            patient_id=case.patient_id,
            user_id="Practitioner/1",
            service_version="1",
            new_uuid=lambda: str(uuid.uuid4()),
        )
        assert len(shown) == len(evaluation.findings)


def test_no_two_cases_share_a_patient() -> None:
    assert len({case.patient_id for case in CASES}) == len(CASES)
