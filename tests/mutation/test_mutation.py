"""The mutation check itself, on one subject; the whole of it is `make mutation`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_hooks.cases.case import load_cases
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from tests.mutation.hunt import Hunt
from tests.mutation.mutants import Mutant, mutants, step_of
from tests.mutation.run import explained

KNOWLEDGE = load_knowledge()
MUTANTS = {one.name: one for one in mutants(KNOWLEDGE)}


@pytest.fixture(scope="module")
def hunt() -> Hunt:
    return Hunt.prepare([case for case in load_cases() if case.subject == "liver"], make_reader(KNOWLEDGE))


def test_every_mutant_has_a_name_of_its_own() -> None:
    assert len(MUTANTS) == len(mutants(KNOWLEDGE)) > 500


@pytest.mark.parametrize("part", ["figures", "bands", "profiles", "unknown_profile", "scores"])
def test_every_mutant_changes_one_part(part: str) -> None:
    ours = [one for one in MUTANTS.values() if one.part == part]
    assert ours
    for one in ours:
        changed = one.change(KNOWLEDGE)
        assert getattr(changed, part) != getattr(KNOWLEDGE, part)
        assert replace(changed, **{part: getattr(KNOWLEDGE, part)}) == KNOWLEDGE


def test_every_figure_goes_up_and_down() -> None:
    for key, figure in KNOWLEDGE.figures.items():
        for value in (figure.value - step_of(figure), figure.value + step_of(figure)):
            assert f"figures.{key} value {value:g}" in MUTANTS


@pytest.mark.parametrize(
    ("key", "step"), [("ancHold.mmCombination", 0.01), ("plateletHold.mcl", 1), ("inrHigh", 0.1), ("weightDays", 1)]
)
def test_steps(key: str, step: float) -> None:
    assert step_of(KNOWLEDGE.figures[key]) == step


@pytest.mark.parametrize(
    "name",
    [
        "figures.transaminaseWarning value 2.9",
        "figures.transaminaseWarning value 3.1",
        "figures.liverResultRecentDays value 29",
        "figures.liverResultRecentDays value 31",
        "figures.liverResultRecentDays operator <",
    ],
)
def test_a_change_is_noticed(hunt: Hunt, name: str) -> None:
    assert not hunt.broken
    killer = hunt.killer(MUTANTS[name])
    assert killer is not None
    assert killer.subject == "liver"


def test_a_change_no_case_notices_survives(hunt: Hunt) -> None:
    assert hunt.killer(MUTANTS["figures.hcgPositiveFrom value 24"]) is None


def test_nothing_is_noticed_where_nothing_changes(hunt: Hunt) -> None:
    def unchanged(knowledge: Knowledge) -> Knowledge:
        return knowledge

    assert hunt.killer(Mutant("figures/liver.yaml", "none", "figures", "transaminaseWarning", unchanged)) is None


def test_explanations_are_of_mutants_that_exist() -> None:
    assert not explained().keys() - MUTANTS.keys()
