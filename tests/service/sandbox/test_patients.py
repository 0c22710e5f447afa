import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import create_sandbox

NOW = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
PATIENTS = load_patients(NOW)
EVERYTHING = [
    pytest.param(resource, id=f"{resource['resourceType']}/{resource['id']}")
    for patient in PATIENTS
    for resource in patient.resources + patient.draft_orders
]


@pytest.mark.parametrize("resource", EVERYTHING)
def test_every_resource_is_valid_fhir(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize(
    "moment", [datetime(2028, 2, 29, 0, 5, tzinfo=UTC), datetime(2030, 12, 31, 23, 59, tzinfo=UTC)]
)
def test_they_are_valid_on_other_days_too(moment: datetime) -> None:
    for patient in load_patients(moment):
        for resource in patient.resources + patient.draft_orders:
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_same_moment_gives_the_same_patients() -> None:
    assert load_patients(NOW) == PATIENTS


def test_another_moment_moves_the_dates_and_nothing_else() -> None:
    def without_dates(patients: tuple[SandboxPatient, ...]) -> str:
        charts = [(patient.id, patient.resources, patient.draft_orders) for patient in patients]
        return re.sub(r"\d{4}-\d{2}-\d{2}(T[\d:]+Z)?", "date", json.dumps(charts))

    later = load_patients(NOW + timedelta(days=400, hours=5))
    assert later != PATIENTS
    assert without_dates(later) == without_dates(PATIENTS)


def test_ids_are_unique_among_all_patients() -> None:
    keys = [(resource["resourceType"], resource["id"]) for patient in PATIENTS for resource in patient.resources]
    assert len(keys) == len(set(keys))
    create_sandbox(resource for patient in PATIENTS for resource in patient.resources)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_a_chart_is_complete_in_itself_and_about_one_person(patient: SandboxPatient) -> None:
    own = {f"{resource['resourceType']}/{resource['id']}" for resource in patient.resources}
    assert patient.resources[0]["resourceType"] == "Patient"
    assert f"Patient/{patient.id}" in own
    for resource in patient.resources + patient.draft_orders:
        assert own.issuperset(references(resource))


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_nothing_happened_in_the_future(patient: SandboxPatient) -> None:
    dates = re.findall(r'"(\d{4}-\d{2}-\d{2}[^"]*)"', json.dumps(patient.resources))
    assert dates
    assert max(dates) <= NOW.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_every_patient_has_a_story_a_point_and_an_order(patient: SandboxPatient) -> None:
    assert patient.story.endswith(".")
    assert patient.point.endswith(".")
    assert patient.hook in ("order-sign", "order-select")
    assert all(order["status"] == "draft" for order in patient.draft_orders)
    assert patient.draft_orders
    expected = {topic.topic for topic in patient.expected_topics}
    assert len(expected) == len(patient.expected_topics)
    assert expected.isdisjoint(patient.unexpected_topics)
    assert all(re.fullmatch("[a-zA-Z0-9]+", topic) for topic in (*expected, *patient.unexpected_topics))


def by_id(logical_id: str) -> SandboxPatient:
    return next(patient for patient in PATIENTS if patient.id == logical_id)


def test_the_clearance_of_the_renal_patient_is_just_below_thirty() -> None:
    patient = by_id("severe-renal-impairment")
    born = datetime.fromisoformat(patient.resources[0]["birthDate"]).replace(tzinfo=UTC)
    age = (NOW - born).days // 365.25
    newest = {
        resource["code"]["coding"][0]["code"]: resource["valueQuantity"]["value"]
        for resource in reversed(patient.resources)
        if resource["resourceType"] == "Observation"
    }
    assert (140 - age) * newest["29463-7"] / (72 * newest["2160-0"]) == pytest.approx(29.34, abs=0.01)


def test_there_is_at_least_one_patient_for_each_hook_and_one_without_any_card() -> None:
    assert {patient.hook for patient in PATIENTS} == {"order-sign", "order-select"}
    assert any(patient.only_expected and not patient.expected_topics for patient in PATIENTS)
    assert len(PATIENTS) >= 14


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        load_patients(datetime(2026, 3, 5))  # noqa: DTZ001


def test_a_bad_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def misread(_text: bytes) -> None:
        raise KeyError("elixir")

    monkeypatch.setattr("service.sandbox.patients.read_patient_file", misread)
    with pytest.raises(ValueError, match=r"patients/01-.*\.yaml: 'elixir'"):
        load_patients(NOW)
