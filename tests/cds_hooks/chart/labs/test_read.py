"""Observations one by one: code, status, date, versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from cds_hooks.chart.labs import LabProblem, LabResult, LabState, assess

Build = Callable[..., dict[str, Any]]
One = Callable[..., LabResult]
Read = Callable[..., Mapping[str, tuple[LabResult, ...]]]

ANC, WBC, PLATELETS, CREATININE, QUALITATIVE = "751-8", "6690-2", "777-3", "2160-0", "2118-8"


def coding(*pairs: tuple[str | None, str]) -> dict[str, Any]:
    rows = [({"system": system} if system is not None else {}) | {"code": code} for system, code in pairs]
    return {"coding": rows}


# --- what was measured --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "system",
    ["http://loinc.org", "https://loinc.org", "http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1", "LN", None],
)
def test_loinc_under_its_spellings(system: str | None, one: One, obs: Build) -> None:
    assert one(obs(ANC, 1.5, "K/uL", code=coding(("urn:local", "X"), (system, ANC)))).value == 1.5


@pytest.mark.parametrize(
    "code",
    [
        coding(("http://snomed.info/sct", ANC)),
        coding(("urn:local", ANC)),
        {"text": "ANC"},
        {"coding": [{"system": "http://loinc.org", "display": "Neutrophils [#/volume] in Blood by Automated count"}]},
        None,
        ANC,
        [],
    ],
)
def test_neither_other_systems_nor_displays_match(code: Any, read: Read, obs: Build) -> None:
    assert read(obs(ANC, 1.5, "K/uL", code=code)) == {}


@pytest.mark.parametrize("code", [f"\u200b{ANC}", f"{ANC}\ufeff", f" {ANC} ", "\N{FULLWIDTH DIGIT SEVEN}51-8"])
def test_characters_nobody_sees_do_not_hide_a_code(code: str, one: One, obs: Build) -> None:
    assert one(obs(ANC, 1.5, "K/uL", code=coding(("http://loinc.org", code)))).value == 1.5


def test_several_codes_of_one_analyte(one: One, obs: Build) -> None:
    loinc = "http://loinc.org"
    assert one(obs(ANC, 1.5, "K/uL", code=coding((loinc, "26499-4"), (loinc, ANC)))).problem is None
    hcg = obs(QUALITATIVE, valueString="negative", code=coding((loinc, QUALITATIVE), (loinc, "21198-7")))
    assert (one(hcg).analyte, one(hcg).problem) == ("hcgQualitative", None)


@pytest.mark.parametrize("other", ["26507-4", "30394-1", "74398-9", "6690-2"])
def test_contradicting_codes_are_not_read(other: str, one: One, obs: Build) -> None:
    loinc = "http://loinc.org"
    result = one(obs(ANC, 1.5, "K/uL", code=coding((loinc, ANC), (loinc, other))))
    assert (result.analyte, result.problem) == ("anc", LabProblem.CONFLICTING_CODE)


# --- status -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended"])
def test_final(status: str, one: One, obs: Build) -> None:
    assert one(obs(ANC, 1.5, "K/uL", status=status)).is_final


@pytest.mark.parametrize("status", ["preliminary", "registered", "partial", "unknown", "?", "", 5, [], None])
def test_everything_not_called_final_may_alarm_but_never_clears(status: Any, one: One, obs: Build) -> None:
    result = one(obs(ANC, 0.4, "K/uL", status=status))
    assert result.preliminary
    assert not result.is_final
    assert result.is_below(0.5)


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_withdrawn(status: str, read: Read, obs: Build) -> None:
    assert read(obs(ANC, 1.5, "K/uL", status=status)) == {}


@pytest.mark.parametrize("status", ["registered", "preliminary", "partial", None])
def test_a_test_under_way_without_a_value_is_no_result(status: str | None, read: Read, obs: Build) -> None:
    assert read(obs(ANC, status=status)) == {}
    assert read(obs(ANC, status=status, dataAbsentReason={"text": "pending"})) == {}


# --- dates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"effectiveDateTime": "2025-06-19"}, "2025-06-19"),
        ({"effectiveDateTime": "2025-06-19T23:30:00-05:00"}, "2025-06-20 04:30 UTC"),
        ({"effectiveInstant": "2025-06-19T08:00:00.123Z"}, "2025-06-19 08:00 UTC"),
        ({"effectivePeriod": {"start": "2025-06-17", "end": "2025-06-18"}}, "2025-06-18"),
        ({"effectivePeriod": {"start": "2025-06-17"}}, "2025-06-17"),
        ({"appliesDateTime": "2025-06-16"}, "2025-06-16"),
    ],
)
def test_dates(fields: dict[str, Any], when: str, one: One, obs: Build) -> None:
    result = one(obs(ANC, 1.5, "K/uL", **{"effectiveDateTime": None, **fields}))
    assert (str(result.when), result.dated_by_issue, result.problem) == (when, False, None)


@pytest.mark.parametrize("effective", [None, "yesterday", "", 5, {"start": "?"}])
def test_the_issue_date_stands_in_and_is_said(effective: Any, one: One, obs: Build) -> None:
    result = one(obs(ANC, 1.5, "K/uL", effectiveDateTime=effective, issued="2025-06-19T09:00:00Z"))
    assert (str(result.when), result.dated_by_issue) == ("2025-06-19 09:00 UTC", True)
    assert "issue" in result.note


def test_without_any_date(one: One, obs: Build) -> None:
    result = one(obs(ANC, 1.5, "K/uL", effectiveDateTime=None))
    assert (result.when, result.problem, result.value) == (None, LabProblem.NO_DATE, 1.5)
    assert result.is_below(2.0) is None


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("2025-06-20T12:00:00Z", None),
        ("2025-06-20T13:00:00Z", None),  # clock skew
        ("2025-06-20T13:00:01Z", LabProblem.FUTURE_DATE),
        ("2025-06-20", None),
        ("2025-06-21", None),  # has begun in UTC+14
        ("2025-06-22", LabProblem.FUTURE_DATE),
        ("2062-06-19", LabProblem.FUTURE_DATE),
    ],
)
def test_dates_in_the_future(when: str, problem: LabProblem | None, one: One, obs: Build) -> None:
    assert one(obs(ANC, 1.5, "K/uL", effectiveDateTime=when)).problem is problem


# --- versions and copies ------------------------------------------------------------------------------------------


def test_the_same_resource_counts_once(read: Read, obs: Build) -> None:
    resource = obs(ANC, 1.5, "K/uL")
    assert len(read(resource, dict(resource), resource)["anc"]) == 1
    nameless = obs(ANC, 1.5, "K/uL", id=None)
    assert len(read(nameless, dict(nameless))["anc"]) == 1


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"meta": {"lastUpdated": "2025-06-19T09:00:00Z"}}, {"meta": {"lastUpdated": "2025-06-19T10:00:00Z"}}),
        ({"meta": {"versionId": "9"}}, {"meta": {"versionId": "10"}}),
        ({"issued": "2025-06-19T09:00:00Z"}, {"issued": "2025-06-19T10:00:00Z"}),
        ({"status": "preliminary"}, {"status": "final"}),
        ({"status": "final"}, {"status": "corrected"}),
    ],
)
def test_the_later_version_counts(older: dict[str, Any], newer: dict[str, Any], read: Read, obs: Build) -> None:
    old, new = obs(ANC, 1.5, "K/uL", id="same", **older), obs(ANC, 0.4, "K/uL", id="same", **newer)
    for order in ((old, new), (new, old)):
        assert [result.value for result in read(*order)["anc"]] == [0.4]


def test_a_withdrawal_is_not_undone_by_an_old_copy(read: Read, obs: Build) -> None:
    old, withdrawn = obs(ANC, 1.5, "K/uL", id="same"), obs(ANC, 1.5, "K/uL", id="same", status="entered-in-error")
    assert read(old, withdrawn) == read(withdrawn, old) == {}


# --- newest first --------------------------------------------------------------------------------------------


def test_newest_first_and_state_of_the_newest(read: Read, obs: Build, now: datetime) -> None:
    results = read(
        obs(ANC, 4.0, "K/uL", effectiveDateTime="2025-06-10"),
        obs(ANC, 0.9, "furlongs", effectiveDateTime="2025-06-19"),
        obs(ANC, 3.0, "K/uL", effectiveDateTime="2025-06-01"),
    )["anc"]
    assert [str(result.when) for result in results] == ["2025-06-19", "2025-06-10", "2025-06-01"]
    lab = assess(results, now=now, max_age_days=30)
    assert (lab.state, lab.latest_readable) == (LabState.UNINTERPRETABLE, results[1])


def test_a_toxic_level_is_not_hidden_by_an_older_normal_one(read: Read, obs: Build) -> None:
    """The published digoxin check does both: it hides the newer level and calls a toxic one missing."""
    results = read(
        obs("10535-3", 0.9, "ng/mL", effectiveDateTime="2025-06-01"),
        obs("14698-5", 4.0, "nmol/L", effectiveDateTime="2025-06-18"),
    )["digoxinLevel"]
    assert results[0].is_above(2.0) is True
