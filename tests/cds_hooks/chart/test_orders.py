"""The drafts of a call: which drug, where it stands, whether they are judged."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.chart.chart import Reader
from cds_hooks.chart.orders import Relevance, read_drafts, relevance, scope_of
from cds_hooks.data_needs import Scope

LENALIDOMIDE = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "643720"}]}
MEDICATION = {"resourceType": "Medication", "id": "m1", "code": LENALIDOMIDE}


def draft(**fields: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": "d1", "status": "draft", **fields}


def read(reader: Reader, *drafts: Any, selections: frozenset[str] | None = None, **options: Any) -> Any:
    return read_drafts(drafts, reader.drugs, patient_id="p1", selections=selections, **options)


@pytest.mark.parametrize(
    "order",
    [
        draft(medicationCodeableConcept=LENALIDOMIDE),
        draft(medication={"concept": LENALIDOMIDE}),
        draft(medication=LENALIDOMIDE),
        draft(medicationReference={"reference": "Medication/m1"}),
        draft(medicationReference={"reference": "https://ehr.example.org/fhir/Medication/m1"}),
        draft(medication={"reference": {"reference": "Medication/m1"}}),
        draft(contained=[{**MEDICATION, "id": "c"}], medicationReference={"reference": "#c"}),
        draft(contained=[{**MEDICATION, "id": "c"}], medicationReference={"display": "see contained"}),
        {**draft(medicationCodeableConcept=LENALIDOMIDE), "resourceType": "MedicationOrder"},
        draft(medicationReference={"reference": "Medication/gone", "display": "REVLIMID 25 MG PO CAPS"}),
        draft(status="active", medicationCodeableConcept=LENALIDOMIDE),
    ],
    ids=["concept", "R5 concept", "R5 bare", "sibling", "absolute", "R5 reference", "contained", "only contained",
         "DSTU2", "display", "not draft"],
)  # fmt: skip
def test_lenalidomide_is_found_in_every_shape(reader: Reader, order: dict[str, Any]) -> None:
    (found,) = read(reader, order, MEDICATION)
    assert found.match.drugs == {"lenalidomide"}
    assert scope_of(found, reader.drugs) is Scope.LENALIDOMIDE
    assert relevance([found], reader.drugs) is Relevance.YES


def test_the_strength_comes_with_the_code(reader: Reader) -> None:
    (found,) = read(reader, draft(medicationCodeableConcept=LENALIDOMIDE))
    assert found.match.strength_mg == 25


def test_a_sibling_goes_before_the_display(reader: Reader) -> None:
    paracetamol = {"resourceType": "Medication", "id": "m1", "code": {"text": "paracetamol"}}
    order = draft(medicationReference={"reference": "Medication/m1", "display": "REVLIMID"})
    (found,) = read(reader, order, paracetamol)
    assert not found.match.drugs


@pytest.mark.parametrize("display", ["", "ACETAMINOPHEN 325 MG PO TABS"])
def test_a_bare_reference_leaves_the_relevance_open(reader: Reader, display: str) -> None:
    (found,) = read(reader, draft(medicationReference={"reference": "Medication/m9", "display": display}))
    assert found.medication_reference == "Medication/m9"
    assert found.unresolved is not bool(display)
    assert relevance([found], reader.drugs) is Relevance.UNKNOWN
    (resolved,) = read(
        reader, found.resource, medications={"m9": {"resourceType": "Medication", "id": "m9", "code": LENALIDOMIDE}}
    )
    assert relevance([resolved], reader.drugs) is Relevance.YES


@pytest.mark.parametrize(
    "other",
    [
        {"resourceType": "ServiceRequest", "code": LENALIDOMIDE},
        {"resourceType": "DeviceRequest"},
        draft(),
        draft(medicationCodeableConcept={"text": "ibuprofen 400 mg"}),
        draft(medicationCodeableConcept=None, medicationReference=3, medication=[]),
        draft(doNotPerform=True, medicationCodeableConcept=LENALIDOMIDE),
        draft(status="entered-in-error", medicationCodeableConcept=LENALIDOMIDE),
        {},
    ],
)
def test_other_orders_are_not_relevant(reader: Reader, other: Any) -> None:
    assert relevance(read(reader, other), reader.drugs) is Relevance.NO


def test_only_selected_drafts_are_judged(reader: Reader) -> None:
    one = draft(medicationCodeableConcept=LENALIDOMIDE)
    (found,) = read(reader, one, selections=frozenset({"MedicationRequest/other"}))
    assert not found.selected
    assert relevance([found], reader.drugs) is Relevance.NO
    for selection in ("MedicationRequest/d1", "d1", "https://ehr.example.org/fhir/MedicationRequest/d1"):
        (found,) = read(reader, one, selections=frozenset({selection}))
        assert found.selected


def test_a_draft_of_another_patient_is_marked(reader: Reader) -> None:
    (found,) = read(reader, draft(medicationCodeableConcept=LENALIDOMIDE, subject={"reference": "Patient/p2"}))
    assert found.other_patient
    (found,) = read(reader, draft(medicationCodeableConcept=LENALIDOMIDE, subject={"reference": "Patient/p1"}))
    assert not found.other_patient


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("thalidomide 100 mg", Scope.ANALOGUE),
        ("Pomalyst 4 mg", Scope.ANALOGUE),
        ("pembrolizumab", Scope.PARTNER),
        ("digoxin 0.25 mg", Scope.PARTNER),
        ("Coumadin 5 mg", Scope.PARTNER),
        ("darbepoetin alfa", Scope.PARTNER),
        ("estradiol 2 mg oral tablet", Scope.PARTNER),
        ("DARZALEX FASPRO", Scope.PARTNER),
        ("dexamethasone 4 mg", None),
        ("aspirin 81 mg", None),
        ("ipilimumab", None),
    ],
)
def test_scopes(reader: Reader, text: str, scope: Scope | None) -> None:
    (found,) = read(reader, draft(medicationCodeableConcept={"text": text}))
    assert scope_of(found, reader.drugs) is scope


@pytest.mark.parametrize("kind", [{}, [], None, 5, ["MedicationRequest"]])
def test_a_draft_whose_type_is_no_text_is_left_out(reader: Reader, kind: Any) -> None:
    good = draft(medicationCodeableConcept={"text": "lenalidomide"})
    assert len(read(reader, {**good, "resourceType": kind}, good)) == 1
