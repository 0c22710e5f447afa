"""The same searches in the words of each FHIR version."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cds_hooks.data_needs import DataNeed, data_needs
from service.fhir.versions import FHIR_VERSIONS, media_type, spelled_for

NOW = datetime(2026, 6, 15, tzinfo=UTC)
NEEDS = data_needs({})


@pytest.mark.parametrize("version", ["R4", "R4B", "STU3"])
@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS.keys())
def test_most_versions_need_no_translation(version: str, need: DataNeed) -> None:
    assert spelled_for(version, need) == need
    assert media_type(version) == "application/fhir+json"


@pytest.mark.parametrize(
    ("version", "key", "search"),
    [
        (
            "DSTU2",
            "medicationRequests",
            "MedicationOrder?patient=p1&_sort:desc=datewritten&_count=100&_include=MedicationOrder:medication",
        ),
        (
            "DSTU2",
            "medicationStatements",
            "MedicationStatement?patient=p1&_sort:desc=effectivedate&_count=100&_include=MedicationStatement:medication",
        ),
        (
            "DSTU2",
            "medicationAdministrations",
            "MedicationAdministration?patient=p1&_sort:desc=effectivetime&_count=100&effectivetime=ge2025-05-11"
            "&_include=MedicationAdministration:medication",
        ),
        ("DSTU2", "procedures", "Procedure?patient=p1&_sort:desc=date&_count=100"),
        (
            "R5",
            "medicationAdministrations",
            "MedicationAdministration?patient=p1&_sort=-date&_count=100&date=ge2025-05-11"
            "&_include=MedicationAdministration:medication",
        ),
        ("R5", "adverseEvents", "AdverseEvent?subject=p1&_count=50"),
        ("R5", "researchSubjects", "ResearchSubject?patient=p1&_count=20"),
        (
            "DSTU2",
            "medicationDispenses",
            "MedicationDispense?patient=p1&_sort:desc=whenhandedover&_count=100&whenhandedover=ge2025-05-11"
            "&_include=MedicationDispense:medication",
        ),
        ("DSTU2", "conditions", "Condition?patient=p1&_count=200"),
    ],
)
def test_where_names_differ(version: str, key: str, search: str) -> None:
    need = spelled_for(version, NEEDS[key])
    assert need is not None
    assert need.search("p1", NOW) == search
    assert need.key == key


@pytest.mark.parametrize("key", ["adverseEvents", "researchSubjects"])
def test_dstu2_does_not_know_everything(key: str) -> None:
    assert spelled_for("DSTU2", NEEDS[key]) is None


@pytest.mark.parametrize("version", sorted(FHIR_VERSIONS))
def test_the_patient_is_read_the_same_way(version: str) -> None:
    assert spelled_for(version, NEEDS["patient"]) == NEEDS["patient"]


def test_dstu2_has_its_own_media_type() -> None:
    assert media_type("DSTU2") == "application/json+fhir"
