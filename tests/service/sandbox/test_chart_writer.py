from typing import Any

import msgspec
import pytest

from service.sandbox.catalogue import load_catalogue
from service.sandbox.chart_writer import ChartWriter
from service.sandbox.patient_file import read_patient_file

HEAD = """
id: zoe
name: Zoe Maria Test
gender: female
birth_date: "@-50y"
story: s
point: p
expected_topics: []
"""


def written(lines: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    writer = ChartWriter(read_patient_file((HEAD + lines).encode()), load_catalogue())
    return writer.chart(), writer.drafts()


def test_the_patient_comes_first_and_is_marked_as_test_data() -> None:
    patient = written("")[0][0]
    assert patient["resourceType"] == "Patient"
    assert patient["name"][0] | {} == {
        "use": "official",
        "text": "Zoe Maria Test",
        "family": "Test",
        "given": ["Zoe", "Maria"],
    }
    assert patient["meta"]["security"][0]["code"] == "HTEST"


def test_results() -> None:
    chart, _ = written("""
results:
  - at: "@-2h"
    values: {anc: 2.5, hcg-serum: negative, weight: {value: 143, unit: lb}, inr: 2.1}
""")
    anc, hcg, weight, inr = chart[1:]
    quantity = {"value": 2.5, "unit": "10*3/uL", "system": "http://unitsofmeasure.org", "code": "10*3/uL"}
    assert anc["valueQuantity"] == quantity
    assert anc["referenceRange"][0]["low"] == quantity | {"value": 1.8}
    assert anc["effectiveDateTime"] == "@-2h"
    assert hcg["valueCodeableConcept"]["coding"][0]["code"] == "260385009"
    assert weight["valueQuantity"] == {"value": 143, "unit": "lb"}
    assert weight["category"][0]["coding"][0]["code"] == "vital-signs"
    assert inr["valueQuantity"] == {"value": 2.1}


def test_only_the_last_order_of_a_series_is_active() -> None:
    chart, _ = written("""
prescriptions:
  - {drug: lenalidomide-10, sig: daily, dose: 10 mg, every: 2 d, authored: ["@-56d", "@-28d"]}
""")
    assert [(order["status"], order["authoredOn"]) for order in chart[1:]] == [
        ("completed", "@-56d"),
        ("active", "@-28d"),
    ]
    assert chart[1]["dosageInstruction"][0]["timing"]["repeat"] == {"frequency": 1, "period": 2, "periodUnit": "d"}
    assert "dispenseRequest" not in chart[1]


def test_a_draft_says_how_much_is_dispensed() -> None:
    _, drafts = written("""
draft_orders:
  - {drug: lenalidomide-25, sig: daily, dose: 25 mg, amount: 1 capsule, every: 1 d, days: 21, quantity: 21,
     supply_days: 28, refills: 0, reason: multiple-myeloma}
""")
    draft = drafts[0]
    assert (draft["status"], draft["authoredOn"]) == ("draft", "@now")
    assert draft["dispenseRequest"]["numberOfRepeatsAllowed"] == 0
    assert draft["dispenseRequest"]["quantity"] == {"value": 21, "unit": "capsule"}
    assert draft["dispenseRequest"]["expectedSupplyDuration"]["value"] == 28
    assert draft["dosageInstruction"][0]["timing"]["repeat"]["boundsDuration"]["value"] == 21


def test_a_draft_without_a_dose_has_no_dosage_at_all() -> None:
    _, drafts = written("draft_orders: [{drug: lenalidomide-25}]")
    assert "dosageInstruction" not in drafts[0]


def test_the_shape_of_epic() -> None:
    chart, drafts = written("""
shape: epic
prescriptions: [{drug: dexamethasone-4, sig: weekly, dose: 40 mg, amount: 10 tablet, every: 1 wk, authored: ["@-1d"]}]
draft_orders: [{drug: lenalidomide-25, sig: daily, dose: 25 mg, amount: 1 capsule, every: 1 d}]
""")
    medications = {resource["id"] for resource in chart if resource["resourceType"] == "Medication"}
    assert len(medications) == 2
    draft = drafts[0]
    assert draft["medicationReference"]["reference"].removeprefix("Medication/") in medications
    rows = draft["dosageInstruction"][0]["doseAndRate"]
    assert [row["type"]["coding"][0]["code"] for row in rows] == ["calculated", "admin-amount", "ordered"]
    assert [row["doseQuantity"]["unit"] for row in rows] == ["mg", "capsule", "mg"]
    assert len(draft["id"]) > 40


@pytest.mark.parametrize("lines", ["shoes: 44", "results: [{at: '@now', value: {}}]", "shape: cerner", "conditions: 3"])
def test_a_misspelt_file_is_refused_with_the_place(lines: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        written(lines)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="elixir"):
        written("taking: [{drug: elixir, since: '@-1d', sig: daily}]")
