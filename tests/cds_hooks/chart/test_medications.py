"""Medication records: dates, drugs in use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.chart.chart import Reader
from cds_hooks.chart.medications import MedicationFact, read_medications

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DIGOXIN = {"text": "digoxin 0.25 mg"}


def read(reader: Reader, *resources: Any, draft_ids: frozenset[str] = frozenset()) -> tuple[MedicationFact, ...]:
    facts, unknown = read_medications(resources, reader.drugs, draft_ids=draft_ids)
    assert not unknown
    return facts


def order(**fields: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": "r1", "medicationCodeableConcept": DIGOXIN, **fields}


@pytest.mark.parametrize(
    ("record", "active"),
    [
        (order(status="active", authoredOn="2020-01-01"), True),
        (order(status="on-hold"), True),
        (order(status="completed", authoredOn="2025-12-02"), True),
        (order(status="completed", authoredOn="2025-12-01"), False),
        (order(status="completed", authoredOn="2025-12-02T12:00:00Z"), True),
        (order(status="completed", authoredOn="2025-12-01T23:00:00Z"), False),
        (order(status="completed"), False),
        (order(status="stopped", authoredOn="2026-03-01"), False),
        (order(authoredOn="2026-03-01"), True),
        ({**order(status="active"), "resourceType": "MedicationStatement"}, True),
        ({**order(status="intended"), "resourceType": "MedicationStatement"}, True),
        ({**order(status="completed", effectivePeriod={"start": "2020", "end": "2026-02-01"}),
          "resourceType": "MedicationStatement"}, True),
        ({**order(status="completed", effectivePeriod={"start": "2020", "end": "2025-02-01"}),
          "resourceType": "MedicationStatement"}, False),
        ({**order(status="completed", whenHandedOver="2026-02-01"), "resourceType": "MedicationDispense"}, True),
        ({**order(status="completed", effectiveDateTime="2026-02-01"),
          "resourceType": "MedicationAdministration"}, True),
        ({**order(status="active", dateWritten="2026-02-01"), "resourceType": "MedicationOrder"}, True),
        (order(status="completed", authoredOn="2026-04-01"), False),
    ],
)  # fmt: skip
def test_what_counts_as_in_use(reader: Reader, record: dict[str, Any], active: bool) -> None:
    (fact,) = read(reader, record)
    assert fact.is_active(NOW, 90) is active


@pytest.mark.parametrize(
    "record",
    [
        order(status="entered-in-error"),
        order(status="cancelled"),
        order(status="draft"),
        order(status="active", doNotPerform=True),
        {**order(status="completed", wasNotGiven=True), "resourceType": "MedicationAdministration"},
        {**order(status="not-taken"), "resourceType": "MedicationStatement"},
        {**order(), "resourceType": "ServiceRequest"},
        {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "paracetamol"}},
    ],
)
def test_what_is_no_record_of_a_drug(reader: Reader, record: dict[str, Any]) -> None:
    assert read(reader, record) == ()


def test_the_draft_itself_is_no_history(reader: Reader) -> None:
    assert read(reader, order(status="active"), draft_ids=frozenset({"r1"})) == ()


def test_newest_first_undated_last(reader: Reader) -> None:
    facts = read(reader, order(id="a"), order(id="b", authoredOn="2025"), order(id="c", authoredOn="2026-01-01"))
    assert [fact.reference for fact in facts] == ["MedicationRequest/c", "MedicationRequest/b", "MedicationRequest/a"]


def test_a_record_whose_drug_cannot_be_known_is_reported(reader: Reader) -> None:
    record = {"resourceType": "MedicationRequest", "medicationReference": {"reference": "Medication/gone"}}
    facts, unknown = read_medications([record], reader.drugs, draft_ids=frozenset())
    assert (facts, unknown) == ((), {"MedicationRequest"})


def test_a_medication_beside_it_resolves_the_reference(reader: Reader) -> None:
    record = {"resourceType": "MedicationRequest", "medicationReference": {"reference": "Medication/m1"}}
    (fact,) = read(reader, record, {"resourceType": "Medication", "id": "m1", "code": DIGOXIN})
    assert fact.drugs == {"digoxin"}
    assert fact.by_name
