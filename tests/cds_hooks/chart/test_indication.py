"""The reasons of an order: codes, words, references, several of them."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.cases.moment import NOW
from cds_hooks.chart.chart import Chart, Reader, build_chart, make_reader
from cds_hooks.chart.fhir import ICD10CM
from cds_hooks.chart.therapy import Indication, IndicationSource, read_indication
from cds_hooks.knowledge.loader import Knowledge, load_knowledge

MYELOMA = {"coding": [{"system": ICD10CM, "code": "C90.00", "display": "Multiple myeloma"}]}
CLL = {"coding": [{"system": ICD10CM, "code": "C91.10", "display": "CLL"}]}
AMYLOIDOSIS = {"text": "AL amyloidosis"}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


def read(reader: Reader, knowledge: Knowledge, *conditions: dict[str, Any], **order: Any) -> Indication:
    chart = build_chart(reader, now=NOW, hook="order-sign", patient_id="p", drafts=(), resources=conditions, gaps={})
    return read_indication(chart, [{"resourceType": "MedicationRequest", **order}], knowledge)


def condition(code: dict[str, Any], identity: str = "c") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": identity, "code": code, "subject": {"reference": "Patient/p"}}


@pytest.mark.parametrize("reasons", [[CLL, MYELOMA], [MYELOMA, CLL]])
def test_a_labelled_reason_counts_and_the_others_are_kept(
    reasons: list[Any], reader: Reader, knowledge: Knowledge
) -> None:
    found = read(reader, knowledge, reasonCode=reasons)
    assert (found.code_set, found.source) == ("multipleMyeloma", IndicationSource.ORDER)
    assert (found.other_reason, found.other_text) == (frozenset({"chronicLymphocyticLeukemia"}), "CLL")


def test_a_reason_of_no_code_set_is_kept_in_words_and_the_problem_list_decides(
    reader: Reader, knowledge: Knowledge
) -> None:
    found = read(reader, knowledge, condition(MYELOMA), reasonCode=[AMYLOIDOSIS])
    assert (found.code_set, found.source) == ("multipleMyeloma", IndicationSource.PROBLEM_LIST)
    assert (found.other_reason, found.other_text) == (frozenset(), "AL amyloidosis")


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({"reasonReference": [{"reference": "Condition/a"}]}, "AL amyloidosis"),
        ({"reasonReference": [{"reference": "Condition/gone", "display": "amyloid"}]}, "amyloid"),
        ({"reasonReference": [{"reference": "Condition/gone"}]}, ""),
        ({"reason": [{"concept": AMYLOIDOSIS}]}, "AL amyloidosis"),  # R5
        ({"reasonCodeableConcept": AMYLOIDOSIS}, "AL amyloidosis"),  # DSTU2
        ({"reasonCode": "broken"}, ""),
    ],
)
def test_reasons_of_every_version(order: dict[str, Any], text: str, reader: Reader, knowledge: Knowledge) -> None:
    found = read(reader, knowledge, condition(AMYLOIDOSIS, "a"), **order)
    assert (found.code_set, found.other_text) == ("", text)


def test_what_a_derivation_asked_for_counts_also_when_it_fails(reader: Reader) -> None:
    chart = build_chart(reader, now=NOW, hook="order-sign", patient_id="p", drafts=(), resources=(), gaps={})

    def age(view: Chart) -> int | None:
        return view.patient.age_years(view.now)

    with pytest.raises(LookupError):
        chart.derive("age", age)
    assert chart.reads == {"patient"}
