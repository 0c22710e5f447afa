"""The chart of an earlier day holds what was known then, with the status it had then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.backtest.as_of import as_of, dated, known_since

DAY = datetime(2025, 6, 15, 12, tzinfo=UTC)
BEFORE, AFTER = "2025-06-01", "2025-07-01"


def then(resource: dict[str, Any]) -> list[Any]:
    return as_of(dated([resource]), DAY)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Observation", "effectiveDateTime"),
        ("MedicationRequest", "authoredOn"),
        ("MedicationStatement", "dateAsserted"),
        ("MedicationDispense", "whenHandedOver"),
        ("MedicationAdministration", "effectiveDateTime"),
        ("Condition", "recordedDate"),
        ("Condition", "onsetDateTime"),
        ("Procedure", "performedDateTime"),
        ("AllergyIntolerance", "recordedDate"),
        ("AdverseEvent", "date"),
    ],
)
def test_what_came_later_was_not_known(kind: str, field: str) -> None:
    assert len(then({"resourceType": kind, field: BEFORE})) == 1
    assert then({"resourceType": kind, field: AFTER}) == []
    assert len(then({"resourceType": kind, field: DAY.isoformat()})) == 1


def test_a_result_is_known_when_it_is_issued_not_when_it_was_drawn() -> None:
    drawn_before = {"resourceType": "Observation", "effectiveDateTime": BEFORE, "issued": AFTER + "T08:00:00Z"}
    assert then(drawn_before) == []


def test_what_has_no_date_is_known_only_where_that_is_usual() -> None:
    assert then({"resourceType": "Condition"})
    assert then({"resourceType": "AllergyIntolerance"})
    assert then({"resourceType": "Patient", "birthDate": "1950"})
    assert then({"resourceType": "Observation"}) == []
    assert then({"resourceType": "MedicationRequest"}) == []
    assert known_since({"resourceType": "Observation", "effectiveDateTime": "soon"}) is None


def order(status: str, **more: Any) -> str:
    (found,) = then({"resourceType": "MedicationRequest", "authoredOn": BEFORE, "status": status, **more})
    return str(found["status"])


def bounds(end: str) -> list[Any]:
    return [{"timing": {"repeat": {"boundsPeriod": {"start": BEFORE, "end": end}}}}]


def test_an_order_that_ended_later_was_active() -> None:
    assert order("completed", dosageInstruction=bounds(AFTER)) == "active"
    assert order("completed", dosageInstruction=bounds("2025-06-10")) == "completed"
    assert order("stopped", dispenseRequest={"validityPeriod": {"end": AFTER}}) == "active"
    assert order("stopped", statusChanged=AFTER) == "active"
    assert order("stopped", statusChanged="2025-06-10") == "stopped"
    assert order("active") == "active"


def test_an_order_that_was_stopped_at_an_unknown_date_counts_from_its_own() -> None:
    assert order("stopped") == order("completed") == "completed"


def test_a_resolution_that_came_later_is_taken_back() -> None:
    resolved = {
        "resourceType": "Condition",
        "recordedDate": BEFORE,
        "clinicalStatus": {"coding": [{"code": "resolved"}]},
    }
    (later,) = then({**resolved, "abatementDateTime": AFTER})
    assert later["clinicalStatus"] == {"coding": [{"code": "active"}]}
    assert "abatementDateTime" not in later
    (earlier,) = then({**resolved, "abatementDateTime": "2025-06-10"})
    assert earlier["clinicalStatus"] == resolved["clinicalStatus"]
    assert then(resolved) == [resolved]


def test_a_statement_and_a_study_that_ended_later_went_on() -> None:
    period = {"start": BEFORE, "end": AFTER}
    (statement,) = then({"resourceType": "MedicationStatement", "status": "completed", "effectivePeriod": period})
    assert statement["status"] == "active"
    (study,) = then({"resourceType": "ResearchSubject", "status": "off-study", "period": period})
    assert (study["status"], study["period"]) == ("on-study", {"start": BEFORE})


def test_no_record_is_changed_in_place() -> None:
    record = {"resourceType": "MedicationRequest", "authoredOn": BEFORE, "status": "stopped", "statusChanged": AFTER}
    then(record)
    assert record["status"] == "stopped"
