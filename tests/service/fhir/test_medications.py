"""Which Medications have to be read, and where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.medications import medication_address, missing_medications


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("Medication/x", "Medication/x"),
        ("Medication/x/_history/3", "Medication/x"),
        ("https://ehr.example/fhir/Medication/x", "https://ehr.example/fhir/Medication/x"),
        ("https://ehr.example/Medication/fhir/Medication/x/_history/1", "https://ehr.example/Medication/fhir/Medication/x"),
        ("https://ehr.example/fhir/Medication/x?_elements=id", "https://ehr.example/fhir/Medication/x%3F_elements%3Did"),
        ("Medication/a b", "Medication/a%20b"),
        ("Medication/..", ""),
        ("Substance/x", ""),
        ("https://ehr.example/fhir/Substance/x", ""),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", ""),
        ("#med", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_where_a_medication_is_read(reference: str, address: str) -> None:
    assert medication_address(reference) == address


def test_orders_come_first_and_nothing_twice() -> None:
    def record(kind: str, reference: str) -> dict[str, Any]:
        return {"resourceType": kind, "medicationReference": {"reference": reference}}

    resources = [
        record("MedicationStatement", "Medication/s"),
        record("MedicationRequest", "Medication/a"),
        record("MedicationRequest", "Medication/known"),
        {"resourceType": "MedicationRequest", "medication": {"reference": {"reference": "Medication/r5"}}},
        {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "lenalidomide"}},
        record("MedicationOrder", "Medication/a"),
        record("Observation", "Medication/no"),
        {"resourceType": "Medication", "id": "known"},
    ]
    assert missing_medications(resources) == ("Medication/a", "Medication/r5", "Medication/s")


@given(st.text(max_size=40) | st.text("Medication/:.#%?", max_size=40))
def test_any_text_may_stand_in_a_reference(reference: str) -> None:
    address = medication_address(reference)
    assert address == "" or "Medication/" in address
    assert "?" not in address.rpartition("/")[2]
