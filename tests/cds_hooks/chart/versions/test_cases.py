"""Every clinical case, written in each version of FHIR: the same cards."""

from __future__ import annotations

from itertools import chain

import pytest

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.cases.drafts import draft_orders
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.resources import case_resources
from cds_hooks.chart.chart import Reader
from tests.cds_hooks.chart.versions.convert import both_ways
from tests.cds_hooks.chart.versions.facts import read_chart, shown_cards

CASES = load_cases()
VERSIONS = ("R5", "STU3", "DSTU2")
SHARES = 4
"""The cases of a version are dealt to so many tests, so that several processes can share them."""


def check(case: Case, version: str, reader: Reader) -> str:
    """Return "same" or "different", or "not expressible" when the version cannot carry the draft."""
    resources = list(chain.from_iterable(case_resources(case, reader.knowledge).values()))
    before, after, _ = both_ways(resources, version)
    drafts_before, drafts, lost = both_ways(draft_orders(case, reader.knowledge), version)
    if lost:
        return "not expressible"
    of_r4 = read_chart(reader, before, drafts_before, patient_id=case.patient_id, now=NOW, hook=case.hook)
    of_version = read_chart(reader, after, drafts, patient_id=case.patient_id, now=NOW, hook=case.hook)
    return "same" if shown_cards(of_version, reader) == shown_cards(of_r4, reader) else "different"


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("version", VERSIONS)
def test_the_cases_come_out_the_same(version: str, share: int, reader: Reader) -> None:
    """Each case in one of the versions: all in all would take a minute and find little more."""
    cases = CASES[VERSIONS.index(version) :: len(VERSIONS)][share::SHARES]
    outcomes = [(case, check(case, version, reader)) for case in cases]
    assert [f"{case.place} {case.sentence}" for case, outcome in outcomes if outcome == "different"] == []
    same = [case for case, outcome in outcomes if outcome == "same"]
    assert len(same) > 0.9 * len(cases)
