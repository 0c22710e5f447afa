"""The base charts: quiet patients, so that a case shows what it alone changes."""

from __future__ import annotations

import pytest

from cds_hooks.cases.case import Case, load_base_charts
from cds_hooks.cases.run import case_chart, run_case
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Reader
from cds_hooks.chart.therapy import therapy
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.loader import Knowledge

BASES = load_base_charts()
COUNSELLING = {"counselling": Indicator.INFO}

QUIET = {
    "mmFirstOrder": COUNSELLING,
    "mmContinuing": {},
    "maintenanceContinuing": {},
    "fertileWomanFirstOrder": COUNSELLING,
    "fertileWomanContinuing": {},
    "mdsFirstOrder": COUNSELLING,
    "mdsContinuing": {},
    "mclFirstOrder": COUNSELLING,
    "mclContinuing": {},
    "flFirstOrder": COUNSELLING,
    "flContinuing": {},
    "digoxinDraft": {"digoxinMonitoring": Indicator.INFO},
    "daratumumabDraft": {"daratumumabCounselling": Indicator.INFO},
    "pembrolizumabDraft": {"checkpointInhibitorCombination": Indicator.CRITICAL},
    "pomalidomideFirstOrder": {},
}


def case_of(name: str, expect: dict[str, Indicator]) -> Case:
    base = BASES[name]
    return Case(
        sentence=base.about,
        subject="base-charts",
        place=base.place,
        vectors=(),
        based_on=name,
        hook="order-sign",
        chart=base.chart,
        expect=expect,
        silent=(),
        only=True,
        says={},
        says_not={},
        source="",
    )


def test_every_base_chart_is_judged_here() -> None:
    assert QUIET.keys() == BASES.keys()


@pytest.mark.parametrize("name", QUIET)
def test_a_base_chart_says_nothing_but_what_it_is_for(name: str, reader: Reader, knowledge: Knowledge) -> None:
    case = case_of(name, QUIET[name])
    failures = verdict(case, run_case(case, reader, knowledge), knowledge)
    if failures:
        pytest.fail("\n  ".join((f"{case.place} {case.sentence}", *failures)), pytrace=False)


@pytest.mark.parametrize(
    ("name", "profile", "cycle"),
    [
        ("mmFirstOrder", "mmCombination", None),
        ("mmContinuing", "mmCombination", 6),
        ("maintenanceContinuing", "mmMaintenance", 5),
        ("fertileWomanContinuing", "mmCombination", 6),
        ("mdsFirstOrder", "mds", None),
        ("mdsContinuing", "mds", 6),
        ("mclFirstOrder", "mcl", None),
        ("flContinuing", "fl", 6),
    ],
)
def test_a_base_chart_is_read_as_it_is_meant(
    name: str, profile: str, cycle: int | None, reader: Reader, knowledge: Knowledge
) -> None:
    read = therapy(case_chart(case_of(name, {}), reader), knowledge)
    assert (read.profile_key, read.course.cycle) == (profile, cycle)
    assert read.course.first_order is (cycle is None)
