"""Every number of the knowledge is listed with its source."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from cds_hooks.knowledge.loader import load_knowledge
from service.reports.numbers import numbers, unverified_first

KNOWLEDGE = load_knowledge()
ROWS = numbers(KNOWLEDGE)
CLINICAL = ("figures/", "regimens.yaml", "scores.yaml", "counselling.yaml")


def test_every_figure_is_there_once() -> None:
    keys = [row.key for row in ROWS if row.place.startswith("figures/")]
    assert sorted(keys) == sorted(KNOWLEDGE.figures)


def test_a_figure_is_told_in_full() -> None:
    row = next(row for row in ROWS if row.key == "transaminaseCritical")
    assert row.limit == "> 5 × ULN"
    assert row.source == "Common Terminology Criteria for Adverse Events v5.0"
    assert (row.section, row.revision) == ("ALT increased, AST increased", "2017-11-27")
    assert row.url.startswith("https://ctep.cancer.gov/")
    assert (row.strength, row.verified) == ("design", True)
    assert row.place.startswith("figures/liver.yaml:")


def test_as_many_wait_for_a_check_as_the_knowledge_counts() -> None:
    assert sum(row.verified is False for row in ROWS if row.place.startswith(CLINICAL)) == KNOWLEDGE.unverified > 0


def test_no_row_is_without_source() -> None:
    assert not [row.key for row in ROWS if not row.source]


def test_doses_bands_and_schedules_are_there() -> None:
    limits = {row.key: row.limit for row in ROWS if row.place == "regimens.yaml"}
    assert limits["bands.reduced"] == ">= 30 and < 60 mL/min"
    assert (
        limits["mmCombination.doses.severe"]
        == "15 mg every other day on days 1-21 of 28 (7.5 mg/day on treatment days)"
    )
    assert (
        limits["mmCombination.doses.reduced.later"]
        == "15 mg once daily on days 1-21 of 28 (15 mg/day on treatment days)"
    )
    assert limits["mds.count_schedule.1"] == "<= 7 d"
    assert limits["mmMaintenance.maximum_later"] == "<= 15 mg/day"
    assert {f"{profile}.maximum" for profile in (*KNOWLEDGE.profiles, "unknown")} <= limits.keys()


def test_laboratory_defaults_and_conversions_are_there() -> None:
    limits = {row.key: row.limit for row in ROWS if row.place in ("analytes.yaml", "units.yaml")}
    assert limits["alt.reference"] == "<= 40 U/L"
    assert limits["tsh.reference"] == "0.4 to 4 m[iU]/L"
    assert limits["creatinine.umol/L"] == "umol/L × 1 / 88.4"
    assert limits["temperature.[degF]"] == "([degF] -32) × 5 / 9"


def test_what_waits_for_a_check_comes_first() -> None:
    marks = [row.verified is False for row in unverified_first(ROWS)]
    assert marks == sorted(marks, reverse=True)


def test_a_figure_that_changes_is_listed_changed() -> None:
    figure = msgspec.structs.replace(KNOWLEDGE.figures["transaminaseCritical"], value=6, operator=">=")
    rows = numbers(replace(KNOWLEDGE, figures={**KNOWLEDGE.figures, "transaminaseCritical": figure}))
    assert next(row.limit for row in rows if row.key == "transaminaseCritical") == ">= 6 × ULN"
