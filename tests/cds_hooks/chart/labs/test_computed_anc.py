"""An ANC is computed only where there is none, and only from parts that belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cds_hooks.chart.labs import LabProblem, LabResult

Build = Callable[..., dict[str, Any]]
Read = Callable[..., Mapping[str, tuple[LabResult, ...]]]

ANC, WBC, NEUTROPHILS, SEGMENTED, BANDS = "751-8", "6690-2", "770-8", "769-0", "764-1"
SEGMENTED_COUNT, BAND_COUNT = "30451-9", "26507-4"


def test_wbc_times_percent(read: Read, obs: Build) -> None:
    (result,) = read(obs(WBC, 2.0, "K/uL", id="w"), obs(NEUTROPHILS, 40, "%", id="n"))["anc"]
    assert (result.value, result.unit, result.raw) == (0.8, "10*3/uL", "0.8 10*3/uL")
    assert result.computed_from == ("Observation/w", "Observation/n")
    assert result.reference == "Observation/w"
    assert result.note == "computed: WBC 2 K/uL × (neutrophils 40 %)"
    assert result.is_final
    assert result.is_below(1.0)


def test_bands_are_added_and_named(read: Read, obs: Build) -> None:
    (result,) = read(obs(WBC, 2000, "/uL"), obs(NEUTROPHILS, 40, "%"), obs(BANDS, 10, "%"))["anc"]
    assert result.value == 1.0
    assert result.is_below(1.0) is False
    assert "bands 10 %" in result.note
    assert len(result.computed_from) == 3


def test_the_sum_is_capped(read: Read, obs: Build) -> None:
    (result,) = read(obs(WBC, 2.0, "K/uL"), obs(NEUTROPHILS, 95, "%"), obs(BANDS, 20, "%"))["anc"]
    assert result.value == 2.0


def test_segmented_with_bands_go_before_all_neutrophils(read: Read, obs: Build) -> None:
    """All neutrophils of an automated count include the bands; segmented + bands cannot count twice."""
    parts = [obs(WBC, 10.0, "K/uL"), obs(NEUTROPHILS, 50, "%"), obs(SEGMENTED, 42, "%"), obs(BANDS, 8, "%")]
    assert read(*parts)["anc"][0].value == 5.0
    assert read(*parts[:3])["anc"][0].value == 5.0  # without bands: all neutrophils
    assert read(parts[0], parts[2])["anc"][0].value == 4.2  # segmented alone: can only be too low


def test_bands_alone_are_no_anc(read: Read, obs: Build) -> None:
    assert "anc" not in read(obs(WBC, 10.0, "K/uL"), obs(BANDS, 8, "%"), obs(BAND_COUNT, 0.8, "K/uL"))


def test_segmented_and_band_counts(read: Read, obs: Build) -> None:
    (result,) = read(obs(SEGMENTED_COUNT, 0.7, "K/uL"), obs(BAND_COUNT, 200, "/uL"))["anc"]
    assert result.value == 0.9
    assert result.note == "computed: segmented 0.7 K/uL + bands 200 /uL"


def test_a_segmented_count_alone_stands_for_the_anc_and_says_so(read: Read, obs: Build) -> None:
    (result,) = read(obs(SEGMENTED_COUNT, 0.7, "K/uL"))["anc"]
    assert (result.value, result.is_below(1.0)) == (0.7, True)
    assert "bands not reported" in result.note


def test_counts_go_before_percentages(read: Read, obs: Build) -> None:
    found = read(obs(SEGMENTED_COUNT, 0.7, "K/uL"), obs(WBC, 2.0, "K/uL"), obs(NEUTROPHILS, 40, "%"))["anc"]
    assert [result.value for result in found] == [0.7]


@pytest.mark.parametrize(
    ("wbc", "percent", "computed"),
    [
        ({"effectiveDateTime": "2025-06-19T08:00:00Z"}, {"effectiveDateTime": "2025-06-19T09:00:00Z"}, True),
        ({"effectiveDateTime": "2025-06-19T08:00:00Z"}, {"effectiveDateTime": "2025-06-19T09:00:01Z"}, False),
        ({"effectiveDateTime": "2025-06-19T08:00:00Z"}, {"effectiveDateTime": "2025-06-19T03:30:00-05:00"}, True),
        ({"effectiveDateTime": "2025-06-19"}, {"effectiveDateTime": "2025-06-19"}, True),
        ({"effectiveDateTime": "2025-06-19"}, {"effectiveDateTime": "2025-06-18"}, False),
        ({"effectiveDateTime": "2025-06-19"}, {"effectiveDateTime": "2025-06-19T08:00:00Z"}, False),
        ({"effectiveDateTime": "2025-06"}, {"effectiveDateTime": "2025-06"}, True),
    ],
)
def test_parts_belong_to_one_hour_or_one_day(
    wbc: dict[str, Any], percent: dict[str, Any], computed: bool, read: Read, obs: Build
) -> None:
    found = read(obs(WBC, 2.0, "K/uL", **wbc), obs(NEUTROPHILS, 40, "%", **percent))
    assert ("anc" in found) is computed


def test_the_same_specimen_joins_parts_hours_apart(read: Read, obs: Build) -> None:
    specimen = {"reference": "Specimen/s"}
    found = read(
        obs(WBC, 2.0, "K/uL", specimen=specimen, effectiveDateTime="2025-06-19T08:00:00Z"),
        obs(NEUTROPHILS, 40, "%", specimen=specimen, effectiveDateTime="2025-06-19T14:00:00Z"),
    )
    (result,) = found["anc"]
    assert (result.value, str(result.when)) == (0.8, "2025-06-19 08:00 UTC")  # dated by its oldest part


def test_the_nearest_part_is_taken(read: Read, obs: Build) -> None:
    (result,) = read(
        obs(WBC, 2.0, "K/uL", effectiveDateTime="2025-06-19T08:00:00Z"),
        obs(NEUTROPHILS, 90, "%", effectiveDateTime="2025-06-19T08:50:00Z"),
        obs(NEUTROPHILS, 40, "%", effectiveDateTime="2025-06-19T08:10:00Z"),
    )["anc"]
    assert result.value == 0.8


def test_of_parts_at_one_moment_the_lower_is_taken(read: Read, obs: Build) -> None:
    parts = [obs(WBC, 2.0, "K/uL"), obs("33256-9", 1.8, "K/uL"), obs(NEUTROPHILS, 50, "%"), obs("26511-6", 40, "%")]
    assert [result.value for result in read(*parts)["anc"]] == [0.72]


@pytest.mark.parametrize(
    "direct",
    [
        {"valueQuantity": {"value": 1.5, "unit": "K/uL"}},
        {"valueQuantity": {"value": 1.5, "unit": "K/uL"}, "status": "preliminary"},
        {"valueQuantity": {"value": 1.5, "unit": "furlongs"}},
        {"valueString": "see comment"},
    ],
)
def test_a_direct_anc_stands_in_the_way(direct: dict[str, Any], read: Read, obs: Build) -> None:
    found = read(obs(ANC, **direct), obs(WBC, 2.0, "K/uL"), obs(NEUTROPHILS, 40, "%"))["anc"]
    assert len(found) == 1
    assert found[0].computed_from == ()


def test_a_direct_anc_that_is_only_missing_does_not(read: Read, obs: Build) -> None:
    missing = obs(ANC, dataAbsentReason={"text": "not performed"})
    found = read(missing, obs(WBC, 2.0, "K/uL"), obs(NEUTROPHILS, 40, "%"))["anc"]
    assert [(result.value, result.problem) for result in found] == [(0.8, None), (None, LabProblem.NO_VALUE)]


def test_direct_and_computed_stand_side_by_side_in_order_of_time(read: Read, obs: Build) -> None:
    week = {"effectiveDateTime": "2025-06-12T08:00:00Z"}
    older = {"effectiveDateTime": "2025-06-05T08:00:00Z"}
    found = read(
        obs(ANC, 1.5, "K/uL"),
        obs(WBC, 2.0, "K/uL", **week),
        obs(NEUTROPHILS, 40, "%", **week),
        obs(ANC, 3.0, "K/uL", **older),
    )["anc"]
    assert [result.value for result in found] == [1.5, 0.8, 3.0]


def test_preliminary_parts_make_a_preliminary_result(read: Read, obs: Build) -> None:
    (result,) = read(obs(WBC, 2.0, "K/uL"), obs(NEUTROPHILS, 40, "%", status="preliminary"))["anc"]
    assert result.preliminary


@pytest.mark.parametrize(
    ("wbc", "percent"),
    [
        ({"value": 2.0, "unit": "furlongs"}, {"value": 40, "unit": "%"}),
        ({"value": 2.0, "unit": "K/uL"}, {"value": 140, "unit": "%"}),
        ({"value": 2.0, "unit": "K/uL"}, {"value": 0.4, "unit": "1"}),
        ({"value": 2.0, "unit": "K/uL"}, {"value": 40}),
        ({"value": 2.0, "unit": "K/uL", "comparator": "<"}, {"value": 40, "unit": "%", "comparator": ">"}),
    ],
)
def test_unreadable_parts_make_none(wbc: dict[str, Any], percent: dict[str, Any], read: Read, obs: Build) -> None:
    assert "anc" not in read(obs(WBC, valueQuantity=wbc), obs(NEUTROPHILS, valueQuantity=percent))


def test_comparators_carry_over(read: Read, obs: Build) -> None:
    wbc = obs(WBC, valueQuantity={"value": 0.4, "unit": "K/uL", "comparator": "<"})
    (result,) = read(wbc, obs(NEUTROPHILS, 50, "%"))["anc"]
    assert (result.comparator, result.value, result.is_below(0.5), result.is_below(0.1)) == ("<=", 0.2, True, None)
    above = obs(WBC, valueQuantity={"value": 100, "unit": "K/uL", "comparator": ">"})
    (result,) = read(above, obs(NEUTROPHILS, 50, "%"))["anc"]
    assert (result.comparator, result.is_at_least(1.0)) == (">=", True)


def test_a_computed_value_must_be_plausible_too(read: Read, obs: Build) -> None:
    (result,) = read(obs(WBC, 900, "K/uL"), obs(NEUTROPHILS, 90, "%"))["anc"]
    assert result.problem is LabProblem.IMPLAUSIBLE
