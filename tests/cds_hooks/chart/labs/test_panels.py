"""Panels: components, members, contained Observations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cds_hooks.chart.labs import LabProblem, LabResult

Build = Callable[..., dict[str, Any]]
Read = Callable[..., Mapping[str, tuple[LabResult, ...]]]

ANC, WBC, PLATELETS = "751-8", "6690-2", "777-3"


def loinc(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def component(code: str, value: float, unit: str, **fields: Any) -> dict[str, Any]:
    return {"code": loinc(code), "valueQuantity": {"value": value, "unit": unit}, **fields}


def test_components(read: Read, obs: Build) -> None:
    panel = obs(
        "58410-2",
        id="panel",
        component=[
            component(ANC, 0.9, "K/uL"),
            component(PLATELETS, 45_000, "/uL"),
            component("1975-2", 17.1, "umol/L", referenceRange=[{"low": {"value": 0}, "high": {"value": 20.52}}]),
            component("718-7", 9.1, "g/dL"),
            {"code": loinc(WBC), "dataAbsentReason": {"text": "clotted"}},
            "rubbish",
            {},
        ],
    )
    results = read(panel)
    assert {key: value[0].value for key, value in results.items()} == {
        "anc": 0.9,
        "platelets": 45.0,
        "bilirubinTotal": 1.0,
        "hemoglobin": 9.1,
        "wbc": None,
    }
    assert {value[0].reference for value in results.values()} == {"Observation/panel"}
    assert {str(value[0].when) for value in results.values()} == {"2025-06-19 08:00 UTC"}
    bilirubin = results["bilirubinTotal"][0]
    assert (bilirubin.reference_low, bilirubin.reference_high) == (0, pytest.approx(1.2))
    assert results["wbc"][0].problem is LabProblem.NO_VALUE
    assert all(value[0].preliminary for value in read(panel | {"status": "preliminary"}).values() if value[0].value)
    assert read(panel | {"status": "entered-in-error"}) == {}


def test_a_panel_without_a_value_is_neither_result_nor_problem(read: Read, obs: Build) -> None:
    group = obs(
        "34530-6",
        component=[{"code": loinc("883-9"), "valueCodeableConcept": {"coding": [{"code": "278147001"}]}}],
    )
    assert [result.coded for result in read(group)["bloodGroup"]] == [{"278147001"}]
    member = obs("883-9", id="abo", valueCodeableConcept={"coding": [{"code": "278147001"}]})
    panel = obs("34530-6", hasMember=[{"reference": "Observation/abo"}])
    assert [result.reference for result in read(panel, member)["bloodGroup"]] == ["Observation/abo"]
    assert read(obs("34530-6"))["bloodGroup"][0].problem is LabProblem.NO_VALUE


def test_a_status_with_its_due_date_as_component(read: Read, obs: Build) -> None:
    status = obs(
        "82810-3",
        valueCodeableConcept={"coding": [{"system": "http://snomed.info/sct", "code": "77386006"}]},
        component=[{"code": loinc("11778-8"), "valueDateTime": "2026-01-15"}],
    )
    results = read(status)
    assert results["pregnancyStatus"][0].coded == {"77386006"}
    assert str(results["estimatedDeliveryDate"][0].date) == "2026-01-15"


def test_a_member_without_a_date_has_that_of_its_panel(read: Read, obs: Build) -> None:
    member = obs(ANC, 0.9, "K/uL", id="member", effectiveDateTime=None)
    panel = obs("58410-2", id="panel", hasMember=[{"reference": "Observation/member"}])
    assert str(read(panel, member)["anc"][0].when) == "2025-06-19 08:00 UTC"
    outer = obs("57021-8", hasMember=[{"reference": "http://fhir.example/r4/Observation/panel/_history/2"}])
    inner = panel | {"effectiveDateTime": None}
    assert str(read(inner, outer, member)["anc"][0].when) == "2025-06-19 08:00 UTC"
    own = member | {"effectiveDateTime": "2025-06-18"}
    assert str(read(panel, own)["anc"][0].when) == "2025-06-18"


def test_members_in_the_old_ways(read: Read, obs: Build) -> None:
    member = obs(ANC, 0.9, "K/uL", id="member", effectiveDateTime=None)
    related = obs("58410-2", related=[{"type": "has-member", "target": {"reference": "Observation/member"}}])
    assert read(related, member)["anc"][0].problem is None
    derived = obs("58410-2", related=[{"type": "derived-from", "target": {"reference": "Observation/member"}}])
    assert read(derived, member)["anc"][0].problem is LabProblem.NO_DATE


def test_contained_members(read: Read, obs: Build) -> None:
    inside = obs(ANC, 0.9, "K/uL", id="inside", effectiveDateTime=None, status=None)
    panel = obs(
        "58410-2", id="panel", contained=[inside, {"resourceType": "Specimen"}, 5], hasMember=[{"reference": "#inside"}]
    )
    result = read(panel)["anc"][0]
    assert (result.value, result.reference, result.is_final) == (0.9, "Observation/panel", True)
    assert str(result.when) == "2025-06-19 08:00 UTC"
    assert read(panel | {"status": "cancelled"}) == {}


def test_panels_in_a_circle(read: Read, obs: Build) -> None:
    one = obs(ANC, 0.9, "K/uL", id="a", effectiveDateTime=None, hasMember=[{"reference": "Observation/b"}])
    other = obs(WBC, 2.0, "K/uL", id="b", effectiveDateTime=None, hasMember=[{"reference": "Observation/a"}])
    assert read(one, other)["anc"][0].problem is LabProblem.NO_DATE


def test_of_several_panels_the_oldest_date_counts(read: Read, obs: Build) -> None:
    member = obs(ANC, 0.9, "K/uL", id="member", effectiveDateTime=None)
    link = [{"reference": "Observation/member"}]
    panels = [obs("58410-2", id=None, hasMember=link, effectiveDateTime=day) for day in ("2025-06-12", "2025-06-11")]
    assert str(read(*panels, member)["anc"][0].when) == str(read(member, *panels[::-1])["anc"][0].when) == "2025-06-11"
