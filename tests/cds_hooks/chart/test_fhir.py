"""Tolerant accessors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart import fhir

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("reference", "identity"),
    [
        ({"reference": "Patient/p1"}, "p1"),
        ({"reference": "https://ehr.example.org/fhir/Patient/p1"}, "p1"),
        ({"reference": "Patient/p1/_history/3"}, "p1"),
        ("Patient/p1", "p1"),
        ("p1", "p1"),
        ({"reference": "Group/p1"}, ""),
        ({"reference": "#p1"}, ""),
        ({"display": "somebody"}, ""),
        (None, ""),
    ],
)
def test_reference_id(reference: Any, identity: str) -> None:
    assert fhir.reference_id(reference, "Patient") == identity


@pytest.mark.parametrize(
    ("system", "canonical"),
    [
        ("urn:oid:2.16.840.1.113883.6.88", fhir.RXNORM),
        ("http://fhir.de/CodeSystem/bfarm/atc", fhir.ATC),
        ("http://loinc.org", fhir.LOINC),
        ("urn:oid:2.16.840.1.113883.6.253", "urn:oid:2.16.840.1.113883.6.253"),
    ],
)
def test_code_systems_have_one_spelling(system: str, canonical: str) -> None:
    assert fhir.canonical_system(system) == canonical


def test_text_is_folded() -> None:
    assert fhir.as_text("  µg\u200b/\u00a0L ") == "μg/ L"
    assert fhir.as_text("1\u20132") == "1\u20132"


@pytest.mark.parametrize(
    ("value", "number"), [("0.7", 0.7), (3, 3.0), (True, None), ("x", None), ("nan", None), ("inf", None), (None, None)]
)
def test_numbers(value: Any, number: float | None) -> None:
    assert fhir.as_number(value) == number


def test_concept_text_prefers_text_then_display_then_code() -> None:
    assert fhir.concept_text({"text": "MM", "coding": [{"code": "C90.0"}]}) == "MM"
    assert fhir.concept_text({"coding": [{"code": "C90.0"}, {"code": "x", "display": "Myeloma"}]}) == "Myeloma"
    assert fhir.concept_text({"coding": [{"code": "C90.0"}]}) == "C90.0"


@given(value=ANY_JSON)
def test_nothing_raises(value: Any) -> None:
    fhir.as_mapping(value)
    fhir.as_list(value)
    fhir.as_text(value)
    fhir.as_number(value)
    list(fhir.codings(value))
    fhir.concept_text(value)
    fhir.reference_id(value)
    fhir.subject_id({"subject": value, "patient": value})
    list(fhir.extension_values(value, "x"))
