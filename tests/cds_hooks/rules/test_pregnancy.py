"""Pregnancy: what no case can write. The clinical cases: pregnancy.yaml and reproductive_potential.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.cases.case import load_cases
from cds_hooks.cases.run import run_case
from cds_hooks.chart.chart import Chart, Reader, build_chart, make_reader
from cds_hooks.chart.orders import read_drafts
from cds_hooks.findings import CreateTest, DeleteDraft, Finding, Outcome, Status
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.protocol.cards import SUMMARY_LIMIT, summary
from cds_hooks.rules.pregnancy import pregnancy_contraindicated
from cds_hooks.rules.pregnancy_tests import pregnancy_test_required

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOPICS = ("pregnancyContraindicated", "pregnancyTestRequired")
PREGNANT = {"coding": [{"system": "http://snomed.info/sct", "code": "77386006", "display": "Pregnant"}]}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return make_reader(load_knowledge())


def draft(drug: str, identity: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "draft",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"text": drug},
    }


def observation(loinc: str, **content: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o-{loinc}",
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": "2026-02-20",
        **content,
    }


def condition(**content: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": PREGNANT, **content}


def chart(
    reader: Reader, *resources: dict[str, Any], drugs: Sequence[str] = ("lenalidomide 25 mg capsule",), **gaps: str
) -> Chart:
    patient = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1990-06-01"}
    orders = [draft(drug, f"draft-{number}") for number, drug in enumerate(drugs, start=1)]
    return build_chart(
        reader,
        now=NOW,
        hook="order-sign",
        patient_id="p",
        drafts=read_drafts(orders, reader.drugs, patient_id="p", selections=None),
        resources=[patient, *resources],
        gaps=gaps,
    )


def finding_of(outcome: Outcome) -> Finding:
    assert outcome.finding is not None
    return outcome.finding


def test_every_wording_is_used_by_a_case_and_fits_the_summary(reader: Reader) -> None:
    knowledge = reader.knowledge
    used = set()
    for case in load_cases():
        if case.subject in ("pregnancy", "reproductive_potential"):
            for finding in run_case(case, reader, knowledge).findings:
                if finding.topic in TOPICS:
                    used.add((finding.topic, finding.variant))
                    text = summary(finding, knowledge)
                    assert len(text) < SUMMARY_LIMIT and not text.endswith("…"), text
    assert used == {(topic, variant) for topic in TOPICS for variant in knowledge.topics[topic].variants}


def test_a_pregnancy_suggests_to_remove_every_draft(reader: Reader) -> None:
    view = chart(reader, condition(), drugs=("lenalidomide 25 mg capsule", "pomalidomide 4 mg capsule"))
    finding = finding_of(pregnancy_contraindicated(view, reader.knowledge))
    assert [one.order["id"] for one in finding.suggestions if isinstance(one, DeleteDraft)] == ["draft-1", "draft-2"]
    assert finding.values["drug"] == "lenalidomide and pomalidomide"


def test_an_old_pregnancy_suggests_a_test_first(reader: Reader) -> None:
    view = chart(reader, condition(recordedDate="2024-01-01"))
    finding = finding_of(pregnancy_contraindicated(view, reader.knowledge))
    assert isinstance(finding.suggestions[0], CreateTest)
    assert isinstance(finding.suggestions[1], DeleteDraft)


def test_a_missing_test_suggests_to_order_it(reader: Reader) -> None:
    finding = finding_of(pregnancy_test_required(chart(reader), reader.knowledge))
    assert finding.suggestions == (CreateTest("pregnancyTest"),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueBoolean": True}, Status.FIRED),
        ({"valueBoolean": False}, Status.PASSED),
        ({"valueCodeableConcept": {"text": "Currently pregnant"}}, Status.FIRED),
        ({"valueCodeableConcept": {"text": "Not pregnant"}}, Status.PASSED),
        ({"valueCodeableConcept": {"coding": [{"code": "LA15173-0"}]}}, Status.FIRED),
        ({"valueString": "unknown"}, Status.PASSED),
    ],
)
def test_pregnancy_status_in_all_its_shapes(reader: Reader, value: dict[str, Any], expected: Status) -> None:
    view = chart(reader, observation("82810-3", **value))
    assert pregnancy_contraindicated(view, reader.knowledge).status is expected


def test_a_status_in_words_never_clears(reader: Reader) -> None:
    pregnant = observation("82810-3", valueCodeableConcept=PREGNANT, effectiveDateTime="2026-01-10")
    denied = {**observation("82810-3", valueString="Not pregnant"), "id": "later"}
    assert pregnancy_contraindicated(chart(reader, pregnant, denied), reader.knowledge).status is Status.FIRED


def test_a_due_date_needs_no_date_of_recording(reader: Reader) -> None:
    due = observation("11778-8", valueDateTime="2026-05-01")
    del due["effectiveDateTime"]
    finding = finding_of(pregnancy_contraindicated(chart(reader, due), reader.knowledge))
    assert finding.variant == "pregnant"


@pytest.mark.parametrize("found", [True, False])
def test_the_card_says_whether_an_earlier_supply_is_on_record(reader: Reader, found: bool) -> None:
    dispense = {
        "resourceType": "MedicationDispense",
        "id": "d",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"text": "Revlimid 10 mg"},
        "whenHandedOver": "2026-02-03",
    }
    view = chart(reader, condition(), *([dispense] if found else []))
    exposure = finding_of(pregnancy_contraindicated(view, reader.knowledge)).values["exposure"]
    assert ("2026-02-03" in exposure) is found
    gaps = {"medicationDispenses": "dispenses could not be looked up"}
    view = chart(reader, condition(), **gaps)
    assert "could not be looked up" in finding_of(pregnancy_contraindicated(view, reader.knowledge)).values["exposure"]


def test_missing_medication_records_matter_only_where_a_later_stage_of_treatment_would_pass(reader: Reader) -> None:
    untested = finding_of(pregnancy_test_required(chart(reader), reader.knowledge))
    assert untested.absent == {"pregnancy"}
    recent = observation("2118-8", valueString="negative")
    tested = finding_of(pregnancy_test_required(chart(reader, recent), reader.knowledge))
    assert "medicationRequests" in tested.absent


def test_nothing_is_read_for_other_drugs(reader: Reader) -> None:
    view = chart(reader, drugs=("digoxin 0.125 mg",))
    assert pregnancy_contraindicated(view, reader.knowledge).status is Status.NOT_APPLICABLE
    assert pregnancy_test_required(view, reader.knowledge).status is Status.NOT_APPLICABLE
    assert not view.reads
