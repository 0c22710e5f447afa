"""Statuses as the versions of FHIR write them, and what follows for "in use"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.chart.chart import Reader
from cds_hooks.chart.medication_status import medication_status
from cds_hooks.chart.medications import MedicationFact, read_medications

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CONCEPT = {"text": "digoxin 0.25 mg"}


def adherence(code: str) -> dict[str, Any]:
    return {"status": "recorded", "adherence": {"code": {"coding": [{"code": code}]}}}


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({}, ""),
        ({"status": ["active"]}, ""),
        ({"status": "active", "wasNotTaken": False}, "active"),
        ({"status": "completed", "wasNotTaken": True}, "not-taken"),
        ({"status": "entered-in-error", "wasNotTaken": True}, "entered-in-error"),
        ({"status": "active", "taken": "y"}, "active"),
        ({"status": "active", "taken": "unk"}, "active"),
        ({"status": "active", "taken": "n"}, "not-taken"),
        ({"status": "stopped", "taken": "n"}, "stopped"),
        ({"status": "completed", "notGiven": True}, "not-done"),
        ({"status": "completed", "notDone": True}, "not-done"),
        ({"status": "completed", "wasNotGiven": True}, "not-done"),
        (adherence("taking"), "active"),
        (adherence("taking-not-as-directed"), "active"),
        (adherence("on-hold-as-directed"), "on-hold"),
        (adherence("stopped-as-directed"), "stopped"),
        (adherence("not-taking"), "not-taken"),
        (adherence("unknown"), "recorded"),
        ({"status": "recorded", "adherence": "odd"}, "recorded"),
    ],
)
def test_status_as_r4_would_say_it(record: dict[str, Any], status: str) -> None:
    assert medication_status(record) == status


def only(reader: Reader, **record: Any) -> MedicationFact:
    (fact,), _ = read_medications([{"id": "m1", **record}], reader.drugs, draft_ids=frozenset())
    return fact


@pytest.mark.parametrize(
    ("period", "active"),
    [
        ({"start": "2024-01-01"}, True),
        ({"start": "2024-01-01", "end": "2026-03-02"}, True),
        ({"start": "2024-01-01", "end": "2027"}, True),
        ({"start": "2024-01-01", "end": "2026-02-20"}, True),  # within the window of completed records
        ({"start": "2024-01-01", "end": "2025-01-01"}, False),
    ],
)
def test_a_recorded_statement_is_in_use_until_its_period_is_over(
    reader: Reader, period: dict[str, str], active: bool
) -> None:
    fact = only(
        reader,
        resourceType="MedicationStatement",
        status="recorded",
        medication={"concept": CONCEPT},
        effectivePeriod=period,
    )
    assert fact.is_active(NOW, 90) is active


def test_a_timing_dates_an_administration_of_r5(reader: Reader) -> None:
    fact = only(
        reader,
        resourceType="MedicationAdministration",
        status="completed",
        medication={"concept": CONCEPT},
        occurenceTiming={"event": ["2026-02-03", "2026-02-01"]},
    )
    assert (str(fact.when), str(fact.end)) == ("2026-02-01", "2026-02-03")


def test_an_order_of_dstu2_says_when_it_ended(reader: Reader) -> None:
    fact = only(
        reader,
        resourceType="MedicationOrder",
        status="completed",
        medicationCodeableConcept=CONCEPT,
        dateWritten="2025-06-01",
        dateEnded="2026-02-01",
    )
    assert fact.is_active(NOW, 90)
    assert not fact.is_active(NOW, 20)


@pytest.mark.parametrize(
    "ingredient",
    [
        {"item": {"reference": {"reference": "#s"}}},
        {"item": {"reference": "#s"}},
        {"itemReference": {"reference": "#s"}},
        {"item": {"reference": {"reference": "Substance/x", "display": "Digoxin"}}},
        {"itemReference": {"display": "Digoxin"}},
    ],
)
def test_an_ingredient_may_be_a_reference(reader: Reader, ingredient: dict[str, Any]) -> None:
    substance = {"resourceType": "Substance", "id": "s", "code": {"text": "Digoxin"}}
    medication = {"resourceType": "Medication", "contained": [substance], "ingredient": [ingredient]}
    assert reader.drugs.identify(medication).drugs == {"digoxin"}
