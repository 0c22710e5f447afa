"""US Core race: the OMB category, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.chart.patient import read_patient

URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
CDC = "urn:oid:2.16.840.1.113883.6.238"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"


def category(code: str, system: str = CDC, url: str = "ombCategory") -> dict[str, Any]:
    return {"url": url, "valueCoding": {"system": system, "code": code, "display": code}}


def races(*rows: dict[str, Any]) -> list[str]:
    return [race.code for race in read_patient({"extension": [{"url": URL, "extension": list(rows)}]}).races]


def test_the_category_is_read() -> None:
    assert races(category("2028-9"), category("2039-6", url="detailed")) == ["2028-9"]


def test_two_categories_are_two() -> None:
    assert races(category("2028-9"), category("2106-3")) == ["2028-9", "2106-3"]


@pytest.mark.parametrize("row", [category("UNK", NULL), category("ASKU", NULL), category("2039-6", url="detailed")])
def test_unknown_and_detail_alone_are_not_recorded(row: dict[str, Any]) -> None:
    assert races(row) == []


def test_text_alone_is_not_read() -> None:
    assert races({"url": "text", "valueString": "Asian"}) == []


def test_the_shape_of_dstu2() -> None:
    coding = {"system": "http://hl7.org/fhir/v3/Race", "code": "2028-9"}
    old = {"url": "http://hl7.org/fhir/StructureDefinition/us-core-race", "valueCodeableConcept": {"coding": [coding]}}
    assert [race.code for race in read_patient({"extension": [old]}).races] == ["2028-9"]


@pytest.mark.parametrize(
    "extension", [None, "Asian", 7, [], [None], [{"url": URL}], [{"url": URL, "extension": "Asian"}], {"url": URL}]
)
def test_odd_json_is_no_race(extension: object) -> None:
    assert read_patient({"resourceType": "Patient", "id": "1", "extension": extension}).races == ()
