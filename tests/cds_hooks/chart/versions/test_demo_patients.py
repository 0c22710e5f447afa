"""Every demo patient, written in each version of FHIR: the same facts, the same cards."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cds_hooks.chart.chart import Reader
from service.sandbox.patients import SandboxPatient, load_patients
from tests.cds_hooks.chart.versions.convert import both_ways
from tests.cds_hooks.chart.versions.facts import chart_facts, read_chart, shown_cards
from tests.cds_hooks.chart.versions.validity import problem_of

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = load_patients(NOW)
VERSIONS = ("R5", "STU3", "DSTU2")

each_patient = pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.id)
each_version = pytest.mark.parametrize("version", VERSIONS)


@each_version
@each_patient
def test_a_patient_is_the_same_in_every_version(patient: SandboxPatient, version: str, reader: Reader) -> None:
    before, after, lost = both_ways(patient.resources, version)
    drafts_before, drafts, lost_drafts = both_ways(patient.draft_orders, version)
    assert not lost
    assert not lost_drafts
    in_r4 = read_chart(reader, before, drafts_before, patient_id=patient.id, now=NOW, hook=patient.hook)
    chart = read_chart(reader, after, drafts, patient_id=patient.id, now=NOW, hook=patient.hook)
    expected, found = chart_facts(in_r4, reader), chart_facts(chart, reader)
    for subject, facts in expected.items():
        assert found[subject] == facts, subject
    assert shown_cards(chart, reader) == shown_cards(in_r4, reader)


@pytest.mark.parametrize("version", ["R4B", "R5", "STU3"])
@each_patient
def test_what_the_converter_writes_is_valid(patient: SandboxPatient, version: str) -> None:
    _, after, _ = both_ways([*patient.resources, *patient.draft_orders], version)
    assert [problem for one in after if (problem := problem_of(one, version))] == []
