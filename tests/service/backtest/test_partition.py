"""All records of a patient are in one partition, however many there are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from service.backtest.files import ReadCounts, record_files
from service.backtest.partition import medications, partition, patient_of, patients
from tests.service.backtest.conftest import PATIENTS, write_lines


def test_every_patient_is_whole_and_in_one_partition(history: Path, tmp_path: Path) -> None:
    counts, told = ReadCounts(), []
    work = tmp_path / "work"
    work.mkdir()
    parts = partition(record_files(history), work, counts=counts, on_file=told.append)
    found = [(patient, resources) for part in parts for patient, resources in patients(part)]
    assert len(parts) > 1
    assert Counter(patient for patient, _ in found) == Counter(patient.id for patient in PATIENTS)
    for patient in PATIENTS:
        (resources,) = (resources for identity, resources in found if identity == patient.id)
        own = [one for one in patient.resources if one["resourceType"] != "Medication"]
        assert len(resources) == len(own) + len(patient.draft_orders)
    assert told == list(record_files(history))


def test_medications_belong_to_nobody_and_are_there_for_all(tmp_path: Path) -> None:
    source, work = tmp_path / "source", tmp_path / "work"
    source.mkdir()
    work.mkdir()
    write_lines(
        source / "all.ndjson",
        [
            {"resourceType": "Medication", "id": "m"},
            {"resourceType": "Observation", "id": "o", "subject": {"reference": "http://x.example/Patient/p"}},
            {"resourceType": "Organization", "id": "nobody"},
        ],
    )
    (part,) = partition(record_files(source), work, counts=ReadCounts(), on_file=lambda _: None)
    assert medications(part) == {"m": {"resourceType": "Medication", "id": "m"}}
    assert [(patient, len(resources)) for patient, resources in patients(part)] == [("p", 1)]


def test_a_patient_resource_is_of_itself() -> None:
    assert patient_of({"resourceType": "Patient", "id": "p"}) == "p"
    assert patient_of({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/q"}}) == "q"
