"""Amounts over a month or a cycle, from the directions of an order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.dosing import read_dose
from cds_hooks.rules.recorded_dose import cycle_days, mg_within


def amount(text: str, days: int = 28) -> float | None:
    order = {"resourceType": "MedicationRequest", "dosageInstruction": [{"text": text}]}
    return mg_within(read_dose(order, strength_mg=4, drug_names={"dexamethasone"}), days)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Take 40 mg by mouth once a week", 160),
        ("Take 10 tablets by mouth once a week", 160),
        ("Take 40 mg on days 1, 8, 15, 22 of each 28-day cycle", 160),
        ("Take 40 mg on days 1, 8, 15 of each 28-day cycle", 120),
        ("Take 40 mg by mouth once daily on days 1-4 of each 28-day cycle", 160),
        ("Take 40 mg by mouth once daily on days 1-4, 9-12 and 17-20 of each 28-day cycle", 480),
        ("Take 20 mg by mouth on days 1, 2, 8, 9, 15, 16, 22, 23 of a 28 day cycle", 160),
        ("Take 4 mg daily", 112),
        ("Take 4 mg every other day", 56),
        ("Take 40 mg daily for 4 days", 160),
        ("Take 20 mg twice weekly", 160),
        ("as directed", None),
        ("Take 4 mg daily as needed", None),
    ],
)
def test_milligrams_in_28_days(text: str, expected: float | None) -> None:
    assert amount(text) == expected


def test_a_cycle_of_another_length() -> None:
    text = "Take 20 mg on days 1, 2, 4, 5, 8, 9, 11, 12 of each 21-day cycle"
    assert amount(text, 21) == 160
    assert amount(text, 28) == pytest.approx(213.333, abs=0.001)
    order = {"resourceType": "MedicationRequest", "dosageInstruction": [{"text": text}]}
    assert cycle_days(read_dose(order, strength_mg=4)) == 21


@given(st.text(max_size=80))
def test_any_text_gives_an_amount_or_none(text: str) -> None:
    found = amount(text)
    assert found is None or found >= 0
