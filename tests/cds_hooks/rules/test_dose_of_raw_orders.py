"""Dose rules on orders in shapes that a case cannot express: Epic's dose rows, DSTU2, a Medication with ingredients."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from cds_hooks.cases.case import Case, load_base_charts
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.resources import case_resources
from cds_hooks.chart.chart import Chart, Reader, build_chart, make_reader
from cds_hooks.chart.fhir import RXNORM
from cds_hooks.chart.orders import read_drafts
from cds_hooks.findings import Outcome, Status
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.rules.dose import dose_exceeds_label, dose_unreadable, schedule_mismatch
from cds_hooks.rules.ordered_dose import ordered_dose
from cds_hooks.rules.renal import renal_dose

Json = dict[str, Any]

ROW_TYPES = "http://epic.com/CodeSystem/dose-rate-type"
DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
MG_25 = {"coding": [{"system": RXNORM, "code": "643720"}], "text": "lenalidomide 25 mg capsule"}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


def row(kind: str, value: float, unit: str) -> Json:
    return {
        "type": {"coding": [{"system": ROW_TYPES, "code": kind}], "text": kind},
        "doseQuantity": {"value": value, "unit": unit},
    }


def order(*dosages: Json, identity: str = "draft", **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": MG_25,
        "dosageInstruction": list(dosages),
        **more,
    }


def chart_of(*orders: Json, reader: Reader) -> Chart:
    """The man with newly diagnosed myeloma of the base charts (CrCl 88.9), about to get these orders."""
    base = load_base_charts()["mmFirstOrder"]
    case = Case("raw", "raw", base.place, (), "mmFirstOrder", "order-sign", base.chart, {}, (), False, {}, "")
    resources = chain.from_iterable(case_resources(case, reader.knowledge).values())
    mine = [{**one, "subject": {"reference": f"Patient/{case.patient_id}"}} for one in orders]
    return build_chart(
        reader,
        now=NOW,
        hook="order-sign",
        patient_id=case.patient_id,
        drafts=read_drafts(mine, reader.drugs, patient_id=case.patient_id, selections=None),
        resources=resources,
        gaps={},
    )


def is_silent(outcome: Outcome) -> bool:
    return outcome.status is Status.PASSED and outcome.finding is None


def test_rows_of_one_dose_are_never_added(reader: Reader, knowledge: Knowledge) -> None:
    """Epic states one dose three times: calculated, to be administered, ordered."""
    rows = [row("calculated", 25, "mg"), row("admin-amount", 1, "capsule"), row("ordered", 25, "mg")]
    chart = chart_of(order({"timing": DAILY, "doseAndRate": rows}), reader=reader)
    dose = ordered_dose(chart, knowledge)
    assert (dose.average, dose.highest, dose.complete) == (25, 25, True)
    for rule in (dose_exceeds_label, dose_unreadable, schedule_mismatch, renal_dose):
        assert is_silent(rule(chart, knowledge)), rule


def test_rows_that_differ_are_a_contradiction_and_the_higher_counts(reader: Reader, knowledge: Knowledge) -> None:
    rows = [row("ordered", 25, "mg"), row("admin-amount", 2, "capsule")]
    chart = chart_of(order({"timing": DAILY, "doseAndRate": rows}), reader=reader)
    contradiction, exceeds = dose_unreadable(chart, knowledge).finding, dose_exceeds_label(chart, knowledge).finding
    assert contradiction is not None
    assert contradiction.variant == "contradiction"
    assert exceeds is not None
    assert exceeds.variant == "aboveMaximum"
    assert exceeds.values["dose"] == "50 mg/day"


def test_dstu2_orders(reader: Reader, knowledge: Knowledge) -> None:
    timing = {"repeat": {"frequency": 1, "period": 1, "periodUnits": "d"}}
    draft = order({"text": "25 mg daily", "timing": timing, "doseQuantity": {"value": 25, "unit": "mg"}})
    chart = chart_of({**draft, "resourceType": "MedicationOrder"}, reader=reader)
    assert ordered_dose(chart, knowledge).average == 25
    assert is_silent(dose_unreadable(chart, knowledge))


def test_the_ingredient_of_a_medication_tells_the_strength(reader: Reader, knowledge: Knowledge) -> None:
    medication = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"coding": [{"system": RXNORM, "code": "342369"}]},
        "ingredient": [{"strength": {"numerator": {"value": 25, "unit": "mg"}, "denominator": {"value": 1}}}],
    }
    draft = order(
        {"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "capsule"}}]},
        contained=[medication],
        medicationReference={"reference": "#m"},
    )
    del draft["medicationCodeableConcept"]
    assert ordered_dose(chart_of(draft, reader=reader), knowledge).average == 25


def test_alternating_capsules_in_one_order(reader: Reader, knowledge: Knowledge) -> None:
    """15 mg and 10 mg on alternate days are 12.5 mg on average, 25 mg at most if they should meet."""
    timing = {"repeat": {"frequency": 1, "period": 2, "periodUnit": "d"}}
    chart = chart_of(
        order(
            {"timing": timing, "doseAndRate": [{"doseQuantity": {"value": 15, "unit": "mg"}}]},
            {"timing": timing, "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}]},
        ),
        reader=reader,
    )
    dose = ordered_dose(chart, knowledge)
    assert (dose.average, dose.highest) == (12.5, 25)
    assert is_silent(dose_exceeds_label(chart, knowledge))


def test_bounds_of_a_period_without_rest_are_continuous(reader: Reader, knowledge: Knowledge) -> None:
    bounded = {"repeat": {**DAILY["repeat"], "boundsPeriod": {"start": "2026-03-02", "end": "2026-03-30"}}}
    chart = chart_of(order({"timing": bounded, "doseAndRate": [row("ordered", 25, "mg")]}), reader=reader)
    finding = schedule_mismatch(chart, knowledge).finding
    assert finding is not None
    assert finding.variant == "continuous"


def test_an_open_period_says_nothing_about_rest(reader: Reader, knowledge: Knowledge) -> None:
    bounded = {"repeat": {**DAILY["repeat"], "boundsPeriod": {"start": "2026-03-02"}}}
    chart = chart_of(order({"timing": bounded, "doseAndRate": [row("ordered", 25, "mg")]}), reader=reader)
    assert is_silent(schedule_mismatch(chart, knowledge))


@pytest.mark.parametrize("dosage", [None, "25 mg daily", [None], [{"timing": 7, "doseAndRate": "25 mg"}], {}])
def test_odd_json_is_a_dose_that_cannot_be_read(dosage: object, reader: Reader, knowledge: Knowledge) -> None:
    chart = chart_of({**order(), "dosageInstruction": dosage}, reader=reader)
    finding = dose_unreadable(chart, knowledge).finding
    assert finding is not None
    assert knowledge.topics["doseUnreadable"].variants[finding.variant].indicator == "warning"
    assert renal_dose(chart, knowledge).status is Status.NOT_EVALUABLE
    assert dose_exceeds_label(chart, knowledge).status is Status.NOT_EVALUABLE
    assert schedule_mismatch(chart, knowledge).finding is None
