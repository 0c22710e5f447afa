"""A historic order is judged as the service would have judged it on its day."""

from __future__ import annotations

from typing import Any

import pytest

from service.auth.clients import Client
from service.backtest.judge import Judged, judge_patient, signings
from service.order_check import OrderCheck
from service.sandbox.patients import SandboxPatient
from tests.service.backtest.conftest import NOW, PATIENTS, signed

CLIENT = Client(name="backtest")


def judge(
    check: OrderCheck, patient: str, resources: list[Any], medications: dict[str, Any] | None = None
) -> list[Judged]:
    return list(judge_patient(patient, resources, medications or {}, check, None, CLIENT))


@pytest.mark.parametrize("patient", [one for one in PATIENTS if one.hook == "order-sign"], ids=lambda one: one.id)
def test_a_demo_patient_gets_the_cards_of_the_service(patient: SandboxPatient, check: OrderCheck) -> None:
    orders = [{**order, "requester": {"reference": "Practitioner/1"}} for order in signed(patient)]
    medications = {one["id"]: one for one in patient.resources if one["resourceType"] == "Medication"}
    judged = judge(check, patient.id, [*patient.resources, *orders], medications)[-1]
    assert judged.orders == tuple(f"MedicationRequest/{order['id']}" for order in orders)
    assert {one.topic for one in patient.expected_topics} <= judged.topics.keys()
    assert not set(patient.unexpected_topics) & judged.topics.keys()
    if patient.only_expected:
        assert {one.topic for one in patient.expected_topics} == judged.topics.keys()
    assert "checkIncomplete" not in judged.topics or "checkIncomplete" in {one.topic for one in patient.expected_topics}


def an_order(identity: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "active",
        "intent": "order",
        "authoredOn": NOW.isoformat(),
        "medicationCodeableConcept": {"text": "lenalidomide 25 mg oral capsule"},
        **more,
    }


def test_orders_of_one_clinician_and_instant_are_one_signing() -> None:
    one, other = {"reference": "Practitioner/1"}, {"agent": {"reference": "Practitioner/2"}}
    found = signings(
        [
            an_order("a", requester=one),
            an_order("b", requester=one),
            an_order("c", requester=other),
            an_order("d", requester=one, authoredOn="2026-01-01"),
        ]
    )
    assert [[order["id"] for order in signing.orders] for signing in found] == [["d"], ["a", "b"], ["c"]]
    assert found[0].time.isoformat() == "2026-01-01T23:59:59+00:00"
    assert found[2].clinician == "Practitioner/2"


@pytest.mark.parametrize(
    "change",
    [{"status": "draft"}, {"status": "cancelled"}, {"status": "entered-in-error"}, {"intent": "plan"},
     {"intent": "proposal"}, {"doNotPerform": True}, {"authoredOn": None}],
)  # fmt: skip
def test_what_was_never_signed_is_no_signing(change: dict[str, Any]) -> None:
    assert signings([an_order("a", **change)]) == ()


def test_an_unrelated_order_is_counted_and_not_judged(check: OrderCheck) -> None:
    (judged,) = judge(check, "p", [an_order("a", medicationCodeableConcept={"text": "metformin 500 mg tablet"})])
    assert (judged.outcome, judged.topics, judged.orders) == ("irrelevant", {}, ("MedicationRequest/a",))


def test_an_order_without_patient_record_says_so(check: OrderCheck) -> None:
    (judged,) = judge(check, "p", [an_order("a")])
    assert judged.outcome == "patient-missing"


def test_a_referenced_medication_is_found(check: OrderCheck) -> None:
    order = an_order("a", medicationReference={"reference": "Medication/m"})
    del order["medicationCodeableConcept"]
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "lenalidomide 25 mg oral capsule"}}
    resources = [{"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1950-01-01"}, order]
    assert judge(check, "p", resources)[0].outcome == "cards"  # cannot be identified: checkIncomplete says so
    assert "cbcOverdue" not in judge(check, "p", resources)[0].topics
    assert "cbcOverdue" in judge(check, "p", resources, {"m": medication})[0].topics


def test_a_later_result_does_not_change_an_earlier_card(check: OrderCheck) -> None:
    patient = {"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1950-01-01"}
    later = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "valueQuantity": {"value": 12, "code": "10*3/uL", "system": "http://unitsofmeasure.org"},
        "effectiveDateTime": "2026-03-05T08:00:00Z",
    }
    (judged,) = judge(check, "p", [patient, later, an_order("a")])
    assert "thrombocytopenia" not in judged.topics
    (judged,) = judge(check, "p", [patient, {**later, "effectiveDateTime": "2026-03-02T08:00:00Z"}, an_order("a")])
    assert "thrombocytopenia" in judged.topics


def test_a_judgement_that_raises_is_counted_and_ends_nothing(
    check: OrderCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(check, "answer", fail)
    assert [one.outcome for one in judge(check, "p", [an_order("a"), an_order("b", authoredOn="2026-01-01")])] == [
        "failed",
        "failed",
    ]
