"""The dose table: its words and its numbers say the same."""

from __future__ import annotations

import pytest

from cds_hooks.chart.dosing import ScheduleKind, read_dose
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.knowledge.schema import LabelDose, LaterDose, Profile

CAPSULES_MG = (2.5, 5, 10, 15, 20, 25)
KNOWLEDGE = load_knowledge()
PROFILES = {**KNOWLEDGE.profiles, "unknown": KNOWLEDGE.unknown_profile}
ROWS = [
    (name, column, row)
    for name, profile in PROFILES.items()
    for column, table in profile.doses.items()
    for row in (table, table.later)
    if row is not None
]


@pytest.fixture
def knowledge() -> Knowledge:
    return KNOWLEDGE


@pytest.mark.parametrize(("name", "column", "row"), ROWS, ids=[f"{n}-{c}-{r.regimen}" for n, c, r in ROWS])
def test_words_and_numbers_agree(name: str, column: str, row: LabelDose | LaterDose) -> None:
    profile = PROFILES[name]
    dose = read_dose({"dosageInstruction": [{"text": row.regimen}]}, strength_mg=None)
    assert dose.average_mg_per_day == row.average_mg_per_day
    every_other_day = dose.schedule.kind is ScheduleKind.EVERY_OTHER_DAY
    assert every_other_day is (isinstance(row, LabelDose) and row.every_days == 2)
    rests = profile.days_on < profile.cycle_days
    days = (profile.days_on, profile.cycle_days) if rests else (None, None)
    assert (dose.schedule.days_on, dose.schedule.cycle_days) == days
    assert dose.schedule.after_dialysis is (column == "dialysis")


@pytest.mark.parametrize(("name", "column", "row"), ROWS, ids=[f"{n}-{c}-{r.regimen}" for n, c, r in ROWS])
def test_every_single_dose_is_a_capsule(name: str, column: str, row: LabelDose | LaterDose) -> None:
    single = row.single_mg if isinstance(row, LabelDose) else row.average_mg_per_day
    assert single in CAPSULES_MG


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_doses_do_not_rise_as_renal_function_falls(profile: Profile) -> None:
    averages = [profile.doses[column].average_mg_per_day for column in ("full", "reduced", "severe", "dialysis")]
    assert averages == sorted(averages, reverse=True)
    assert profile.maximum.value == profile.doses["full"].average_mg_per_day


def test_without_an_indication_the_highest_dose_of_each_column_is_taken(knowledge: Knowledge) -> None:
    for column, table in knowledge.unknown_profile.doses.items():
        rows = [profile.doses[column] for profile in knowledge.profiles.values()]
        assert table.average_mg_per_day == max(row.average_mg_per_day for row in rows)
        later = [row.later for row in rows if row.later is not None]
        if table.later is not None or later:
            assert table.later is not None
            assert table.later.average_mg_per_day == max(row.average_mg_per_day for row in later)
            assert table.later.after_cycles == min(row.after_cycles for row in later)


def test_rows_nobody_has_held_against_the_current_label_say_so(knowledge: Knowledge) -> None:
    """The rows marked `[K]` in the clinical specification, B.3."""
    unverified = {
        (name, column)
        for name, profile in knowledge.profiles.items()
        for column, table in profile.doses.items()
        if not table.verified
    }
    assert unverified >= {
        ("mmMaintenance", "reduced"),
        ("mmMaintenance", "severe"),
        ("mmMaintenance", "dialysis"),
        ("mds", "severe"),
        ("mds", "dialysis"),
        ("fl", "severe"),
        ("fl", "dialysis"),
        ("mzl", "severe"),
        ("mzl", "dialysis"),
    }
    assert not any(
        table.later.verified
        for profile in knowledge.profiles.values()
        for table in profile.doses.values()
        if table.later
    )
