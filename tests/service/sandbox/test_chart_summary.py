from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.sandbox.chart_summary import ChartSummary, chart_summary
from service.sandbox.patients import SandboxPatient


def find(patients: tuple[SandboxPatient, ...], patient_id: str) -> SandboxPatient:
    return next(patient for patient in patients if patient.id == patient_id)


def with_resources(patient: SandboxPatient, now: datetime, *resources: dict[str, Any]) -> ChartSummary:
    return chart_summary(replace(patient, resources=(patient.resources[0], *resources)), now)


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "code": {"text": "Creatinine [Mass/volume] in Serum or Plasma"}, **more}


def test_a_chart_in_a_few_lines(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    chart = chart_summary(find(patients, "severe-renal-impairment"), now)
    assert (chart.age, chart.sex) == (75, "male")
    assert "Chronic kidney disease, stage 4 (severe)" in chart.problems
    assert chart.medications == ("dexamethasone 20 MG Oral Tablet", "Aspirin 81 MG Delayed Release Oral Tablet")
    creatinine = next(result for result in chart.results if result.test == "Creatinine")
    assert (creatinine.value, creatinine.flag, creatinine.days) == ("2 mg/dL", "high", 3)


@pytest.mark.parametrize("day", [-1, 0])
def test_the_age_changes_on_the_birthday(patients: tuple[SandboxPatient, ...], now: datetime, day: int) -> None:
    born = now.replace(year=now.year - 40).date().isoformat()
    patient = replace(patients[0], resources=({"resourceType": "Patient", "id": "x", "birthDate": born},))
    assert chart_summary(patient, now + timedelta(days=day)).age == (39 if day < 0 else 40)


def test_an_incomplete_birth_date_gives_no_age(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    patient = replace(patients[0], resources=({"resourceType": "Patient", "id": "x", "birthDate": "1980"},))
    assert chart_summary(patient, now).age is None


def test_a_drug_named_by_a_reference_is_named(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "warfarin"}}
    order = {"resourceType": "MedicationRequest", "id": "r", "status": "active"}
    by_id = with_resources(
        patients[0], now, medication, {**order, "medicationReference": {"reference": "Medication/m"}}
    )
    assert by_id.medications == ("warfarin",)
    stopped = with_resources(
        patients[0], now, medication, {**order, "status": "stopped", "medicationReference": {"display": "x"}}
    )
    assert stopped.medications == ()


def test_the_newest_result_of_a_test_counts(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    old = observation(effectiveDateTime="2026-03-01", valueQuantity={"value": 1, "unit": "mg/dL"})
    new = observation(
        effectiveDateTime="2026-03-04T10:00:00Z", valueQuantity={"value": 0.5, "unit": "mg/dL", "comparator": "<"}
    )
    (result,) = with_resources(patients[0], now, new, old).results
    assert (result.test, result.value, result.days) == ("Creatinine", "<0.5 mg/dL", 1)


@pytest.mark.parametrize(
    "unreadable",
    [
        {"effectiveDateTime": "2026"},
        {"effectiveDateTime": "soon"},
        {"valueQuantity": {"unit": "mg/dL"}},
        {"code": {}},
    ],
)
def test_what_cannot_be_read_is_left_out(
    patients: tuple[SandboxPatient, ...], now: datetime, unreadable: dict[str, Any]
) -> None:
    good = {"effectiveDateTime": "2026-03-01", "valueQuantity": {"value": 1, "unit": "mg/dL"}}
    assert with_resources(patients[0], now, observation(**{**good, **unreadable})).results == ()


@pytest.mark.parametrize(("value", "flag"), [(0.4, "low"), (0.5, ""), (1.3, ""), (1.4, "high")])
def test_the_flag_follows_the_range_of_the_result(
    patients: tuple[SandboxPatient, ...], now: datetime, value: float, flag: str
) -> None:
    one = observation(
        effectiveDateTime="2026-03-01",
        valueQuantity={"value": value, "unit": "mg/dL"},
        referenceRange=[{"low": {"value": 0.5}, "high": {"value": 1.3}}],
    )
    assert with_resources(patients[0], now, one).results[0].flag == flag


def test_coded_and_written_results(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    day = {"effectiveDateTime": "2026-03-01"}
    coded = observation(**day, valueCodeableConcept={"coding": [{"display": "Negative"}]})
    written = {**observation(**day, valueString="not seen"), "code": {"coding": [{"code": "1-1"}]}}
    values = {result.test: result.value for result in with_resources(patients[0], now, coded, written).results}
    assert values == {"Creatinine": "Negative", "1-1": "not seen"}


def test_every_demo_patient_has_a_summary(patients: tuple[SandboxPatient, ...], now: datetime) -> None:
    for patient in patients:
        chart = chart_summary(patient, now)
        assert chart.age
        assert chart.problems
        assert chart.results or not any(one["resourceType"] == "Observation" for one in patient.resources)
