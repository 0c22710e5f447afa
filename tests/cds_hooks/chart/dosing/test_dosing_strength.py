"""The strength of a capsule from product names and Medication resources."""

import pytest

from cds_hooks.chart.dosing import strength_from_medication, strength_from_text

MG = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("REVLIMID 25 MG PO CAPS", 25),
        ("lenalidomide 2.5 mg capsule", 2.5),
        ("lenalidomide 25 MG Oral Capsule [Revlimid]", 25),
        ("Revlimid 25mg", 25),
        ("lenalidomide 10-mg capsules", 10),
        ("Lenalidomide 2,5 mg Hartkapseln", 2.5),
        ("LENALIDOMIDE\u00a05\u200b MG", 5),
        ("lenalidomide 0.005 g", 5),
        ("lenalidomide 25000 mcg", 25),
        ("lenalidomide 25,000 mcg", 25),
        ("Revlimid 25 mg (lenalidomide 25 mg)", 25),
        ("lenalidomide 25 mg/1", 25),
        ("lenalidomide 25 mg per capsule", 25),
        ("21 lenalidomide 25 MG Oral Capsule", 25),
        ("lenalidomide 5 mg, 10 mg", None),
        ("lenalidomide", None),
        ("lenalidomide 5 mg/mL solution", None),
        ("lenalidomide 5 mg per 5 mL", None),
        ("lenalidomide 0 mg", None),
        ("lenalidomide 25", None),
        ("", None),
    ],
)
def test_strength_from_text(text: str, strength: float | None) -> None:
    assert strength_from_text(text) == strength


def ratio(numerator: object, denominator: object) -> dict[str, object]:
    return {"ingredient": [{"strength": {"numerator": numerator, "denominator": denominator}}]}


@pytest.mark.parametrize(
    ("medication", "strength"),
    [
        (ratio({"value": 25, **MG}, {"value": 1, "unit": "capsule", "code": "{capsule}"}), 25),
        (ratio({"value": 25, **MG}, {"value": 1, "code": "1", "system": "http://unitsofmeasure.org"}), 25),
        (ratio({"value": 25, **MG}, {"value": 1}), 25),
        (ratio({"value": 25, **MG}, {"value": 1, "code": "732937005", "system": "http://snomed.info/sct"}), 25),
        (ratio({"value": 50, **MG}, {"value": 2, "unit": "capsules"}), 25),
        (ratio({"value": 25, **MG}, {"value": 25, **MG}), 25),  # the numerator repeated as denominator
        (ratio({"value": 25, **MG}, {}), 25),
        (ratio({"value": 25, **MG}, None), 25),
        (ratio({"value": 0.025, "code": "g"}, {"value": 1, "unit": "cap"}), 25),
        (ratio({"value": 25, **MG}, {"value": 5, "unit": "mL"}), None),
        (ratio({"value": 25, **MG}, {"value": 5, **MG}), None),
        (ratio({"value": 25, "unit": "mL"}, {"value": 1}), None),
        (ratio({"value": 25, **MG}, {"value": 0}), None),
        ({"ingredient": [{"strength": {"value": 25, **MG}}]}, 25),
        ({"ingredient": [{"strengthRatio": {"numerator": {"value": 10, **MG}}}]}, 10),
        ({"ingredient": [{"strengthQuantity": {"value": 10, **MG}}]}, 10),
        (
            {"product": {"ingredient": [{"amount": {"numerator": {"value": 15, **MG}, "denominator": {"value": 1}}}]}},
            15,
        ),
        ({"ingredient": [{"strength": {"numerator": {"value": 25, **MG}}}, {"item": {"text": "lactose"}}]}, 25),
        (
            {
                "ingredient": [
                    {"strength": {"numerator": {"value": 25, **MG}}},
                    {"isActive": False, "strength": {"numerator": {"value": 100, **MG}}},
                ]
            },
            25,
        ),
        (
            {
                "ingredient": [
                    {"strength": {"numerator": {"value": 25, **MG}}},
                    {"strength": {"numerator": {"value": 100, **MG}}},
                ]
            },
            None,
        ),
        ({}, None),
        ({"ingredient": "lenalidomide"}, None),
        ({"ingredient": [None, 3, {"strength": "25 mg"}]}, None),
    ],
)
def test_strength_from_medication(medication: dict[str, object], strength: float | None) -> None:
    assert strength_from_medication(medication) == strength
