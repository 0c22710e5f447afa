"""Birth date and sex for clinical use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.patient import Sex, read_patient

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SEX_PARAMETER = "http://hl7.org/fhir/StructureDefinition/patient-sexParameterForClinicalUse"
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"


def sex_parameter(code: str) -> dict[str, Any]:
    return {
        "url": SEX_PARAMETER,
        "extension": [{"url": "value", "valueCodeableConcept": {"coding": [{"code": code}]}}],
    }


@pytest.mark.parametrize(
    ("fields", "sex", "source"),
    [
        ({"gender": "female"}, Sex.FEMALE, "administrative gender"),
        ({"gender": "male"}, Sex.MALE, "administrative gender"),
        ({"gender": "other"}, Sex.UNKNOWN, "not recorded"),
        ({}, Sex.UNKNOWN, "not recorded"),
        ({"gender": "male", "extension": [{"url": BIRTH_SEX, "valueCode": "F"}]}, Sex.FEMALE, "birth sex"),
        ({"gender": "female", "extension": [{"url": BIRTH_SEX, "valueCode": "UNK"}]}, Sex.FEMALE,
         "administrative gender"),
        ({"gender": "male", "extension": [{"url": BIRTH_SEX, "valueCode": "M"}, sex_parameter("female-typical")]},
         Sex.FEMALE, "sex parameter for clinical use"),
        ({"gender": "female", "extension": [sex_parameter("unknown")]}, Sex.FEMALE, "administrative gender"),
    ],
)  # fmt: skip
def test_sex_is_read_from_the_most_clinical_source(fields: dict[str, Any], sex: Sex, source: str) -> None:
    facts = read_patient({"resourceType": "Patient", "id": "p1", **fields})
    assert (facts.sex, facts.sex_source) == (sex, source)


@pytest.mark.parametrize(
    ("birth_date", "age"), [("1966-03-02", 60), ("1966-03-03", 59), ("1966", 60), (None, None), ("2027-01-01", None)]
)
def test_age_in_completed_years(birth_date: str | None, age: int | None) -> None:
    assert read_patient({"birthDate": birth_date}).age_years(NOW) == age


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["gender", "birthDate", "extension", "id"]), json_values))
def test_any_patient_is_read(patient: dict[str, Any]) -> None:
    read_patient(patient).age_years(NOW)
