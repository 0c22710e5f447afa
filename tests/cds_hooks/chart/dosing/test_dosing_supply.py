"""Days of supply and refills."""

from typing import Any

import pytest

from cds_hooks.chart.dosing import days_supply, read_supply, refills


def order(sig: str, capsules: float | None = None, **request: Any) -> dict[str, Any]:
    if capsules is not None:
        request["quantity"] = {"value": capsules, "unit": "capsule"}
    return {"dosageInstruction": [{"text": sig}], "dispenseRequest": request}


@pytest.mark.parametrize(
    ("duration", "days"),
    [
        ({"value": 28, "unit": "d", "code": "d"}, 28),
        ({"value": 28, "unit": "Day", "code": "d"}, 28),
        ({"value": 28, "unit": "days"}, 28),
        ({"value": 4, "unit": "weeks", "code": "wk"}, 28),
        ({"value": 1, "unit": "mo"}, 30.4375),
        ({"value": 672, "code": "h"}, 28),
        ({"value": "28", "code": "d"}, 28),
        ({"value": 28}, None),
        ({"value": 28, "unit": "moons"}, None),
        ({"value": 0, "unit": "d"}, None),
        ("28 days", None),
    ],
)
def test_the_stated_supply(duration: object, days: float | None) -> None:
    assert days_supply({"dispenseRequest": {"expectedSupplyDuration": duration}}) == days
    assert days_supply({"resourceType": "MedicationDispense", "daysSupply": duration}) == days


@pytest.mark.parametrize(
    ("sig", "capsules", "days"),
    [
        ("1 capsule daily on days 1-21 of 28", 21, 28),
        ("1 capsule daily on days 1-21 of 28", 20, 20),
        ("1 capsule daily on days 1-21 of 28", 22, 29),
        ("1 capsule daily on days 1-21 of 28", 28, 35),
        ("1 capsule daily on days 1-21 of 28", 42, 56),
        ("2 capsules daily on days 1-21 of 28", 42, 28),
        ("1 capsule daily", 21, 21),
        ("1 capsule daily", 28, 28),
        ("1 capsule daily", 30, 30),
        ("1 capsule every other day", 14, 28),
        ("1 capsule on Mon, Wed, Fri", 12, 28),
        ("1 capsule daily for 21 days", 21, 21),
        ("1 capsule as needed daily", 21, None),
        ("take as directed", 21, None),
        ("1 capsule daily for 7 days then 2 capsules daily", 21, None),
    ],
)
def test_the_days_a_quantity_lasts(sig: str, capsules: float, days: float | None) -> None:
    assert days_supply(order(sig, capsules)) == days


def test_a_dose_in_mg_needs_the_strength() -> None:
    made = order("25 mg daily on days 1-21 of 28", 21)
    assert days_supply(made) is None
    assert days_supply(made, strength_mg=25) == 28
    assert days_supply(made, strength_mg=12.5) == 10.5


@pytest.mark.parametrize(
    ("quantity", "days"),
    [
        ({"value": 21}, 21),
        ({"value": 21, "unit": "Capsule", "code": "C48480"}, 21),
        ({"value": 21, "code": "732937005", "system": "http://snomed.info/sct"}, 21),
        ({"value": 525, "unit": "mg"}, 21),
        ({"value": 1, "unit": "bottle"}, None),
        ({"value": -1}, None),
        ({}, None),
        ("21", None),
    ],
)
def test_units_of_a_quantity(quantity: object, days: float | None) -> None:
    made = {"dosageInstruction": [{"text": "1 capsule daily"}], "dispenseRequest": {"quantity": quantity}}
    assert days_supply(made, strength_mg=25) == days
    dispense = {"dosageInstruction": [{"text": "1 capsule daily"}], "quantity": quantity}
    assert days_supply(dispense, strength_mg=25) == days


def test_the_stated_supply_governs_and_the_longer_one_is_known() -> None:
    made = order("1 capsule daily", 84, expectedSupplyDuration={"value": 28, "unit": "d"}, numberOfRepeatsAllowed=1)
    supply = read_supply(made)
    assert (supply.days, supply.computed_days, supply.longest_days) == (28, 84, 84)
    assert (supply.capsules, supply.refills) == (84, 1)
    assert read_supply({}).longest_days is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (3, 3), (1.0, 1), ("2", 2), (None, None), (-1, None), (1.5, None), (True, None), ("x", None), ([1], None)],
)
def test_refills(value: object, expected: int | None) -> None:
    assert refills({"dispenseRequest": {"numberOfRepeatsAllowed": value}}) == expected


def test_refills_of_odd_orders() -> None:
    assert refills({}) is None
    assert refills({"dispenseRequest": "none"}) is None
