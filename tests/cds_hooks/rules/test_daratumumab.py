"""Blood groups as laboratories write them, and remarks that are none."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.cases.moment import NOW
from cds_hooks.chart.chart import Reader, build_chart, make_reader
from cds_hooks.chart.orders import read_drafts
from cds_hooks.findings import CreateTest
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.rules.daratumumab import daratumumab_blood_bank

SUBJECT = {"subject": {"reference": "Patient/p"}}
DRAFT = {
    "resourceType": "MedicationRequest",
    "id": "draft",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Darzalex"},
    **SUBJECT,
}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


def observation(code: str, **value: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{code}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": "2026-02-27",
        **SUBJECT,
        **value,
    }


def answer(reader: Reader, knowledge: Knowledge, *resources: dict[str, Any]) -> str:
    drafts = read_drafts([DRAFT], reader.drugs, patient_id="p", selections=None)
    chart = build_chart(reader, now=NOW, hook="order-sign", patient_id="p", drafts=drafts, resources=resources, gaps={})
    finding = daratumumab_blood_bank(chart, knowledge).finding
    assert finding is None or finding.suggestions == (CreateTest("typeAndScreen"),)
    return finding.variant if finding else ""


SCREEN = observation("890-4", valueString="Negative")


@pytest.mark.parametrize(
    "text",
    ["A", "AB", "O POS", "O pos.", "B Rh negative", "A Rh positive", "AB Rh(D) neg", "O+", "B -", "A, Rh D positive",
     "Blood type: A POS", "Group O, Rh neg", "type AB pos", "ABO: O"],
)  # fmt: skip
def test_a_written_blood_group_is_a_result(text: str, reader: Reader, knowledge: Knowledge) -> None:
    assert answer(reader, knowledge, SCREEN, observation("882-1", valueString=text)) == ""
    assert answer(reader, knowledge, SCREEN, observation("883-9", valueCodeableConcept={"text": text})) == ""


@pytest.mark.parametrize(
    "text",
    ["A new specimen is needed", "not done", "see comment", "O or B", "Rh positive", "positive", "A specimen",
     "pending", "unable to type", ""],
)  # fmt: skip
def test_a_remark_is_no_blood_group(text: str, reader: Reader, knowledge: Knowledge) -> None:
    assert answer(reader, knowledge, SCREEN, observation("882-1", valueString=text)) == "group"


def test_the_panel_alone_is_neither(reader: Reader, knowledge: Knowledge) -> None:
    assert answer(reader, knowledge, observation("34532-2", valueString="see members")) == "both"
