"""Reaction rules on records in shapes that a case cannot express: outcomes of events, allergies without a substance."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.cases.moment import NOW
from cds_hooks.chart.chart import Chart, Reader, build_chart, make_reader
from cds_hooks.chart.orders import read_drafts
from cds_hooks.findings import Outcome, Status
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.rules.reactions import hypersensitivity, severe_cutaneous_reaction
from cds_hooks.rules.recorded_reactions import recorded_reactions

Json = dict[str, Any]

SUBJECT = {"subject": {"reference": "Patient/p"}}
DRAFT = {
    "resourceType": "MedicationRequest",
    "id": "draft",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "lenalidomide 25 mg"},
    **SUBJECT,
}
IN_USE = {**DRAFT, "id": "earlier", "status": "completed", "authoredOn": "2026-02-02"}
SJS = {"text": "Stevens-Johnson syndrome"}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


def chart_of(*resources: Json, reader: Reader) -> Chart:
    drafts = read_drafts([DRAFT], reader.drugs, patient_id="p", selections=None)
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1966-01-01", "gender": "male"}
    return build_chart(
        reader,
        now=NOW,
        hook="order-sign",
        patient_id="p",
        drafts=drafts,
        resources=[patient, IN_USE, *resources],
        gaps={},
    )


def rash_event(**fields: Any) -> Json:
    event = {"resourceType": "AdverseEvent", "id": "e", "actuality": "actual", "date": "2026-02-25", **SUBJECT}
    return {**event, "event": {"text": "Rash, grade 2"}, **fields}


def allergy(**fields: Any) -> Json:
    return {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}, **fields}


def variant(outcome: Outcome) -> str:
    return outcome.finding.variant if outcome.finding else ""


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({}, "activeRash"),
        ({"outcome": {"coding": [{"code": "ongoing"}]}}, "activeRash"),
        ({"outcome": {"coding": [{"code": "recovering"}]}}, "activeRash"),
        ({"outcome": {"coding": [{"code": "resolved"}]}}, ""),
        ({"outcome": {"coding": [{"code": "resolvedWithSequelae"}]}}, ""),
        ({"outcome": [{"coding": [{"code": "resolved"}]}]}, ""),  # R5
    ],
)
def test_the_outcome_of_an_event_says_whether_the_rash_is_there(
    outcome: Json, expected: str, reader: Reader, knowledge: Knowledge
) -> None:
    chart = chart_of(rash_event(**outcome), reader=reader)
    assert variant(severe_cutaneous_reaction(chart, knowledge)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "culpritUnknown"),
        ({"code": {"text": "carbamazepine"}}, ""),
        ({"substance": {"text": "Sulfa drugs"}}, ""),
        ({"reaction": [{"substance": {"text": "carbamazepine"}, "manifestation": [SJS]}]}, ""),
        ({"code": {"text": "Thalomid"}}, "thalidomideSevere"),
    ],
)
def test_an_allergy_names_a_culprit_or_none(fields: Json, expected: str, reader: Reader, knowledge: Knowledge) -> None:
    chart = chart_of(allergy(**{"reaction": [{"manifestation": [SJS]}], **fields}), reader=reader)
    assert variant(severe_cutaneous_reaction(chart, knowledge)) == expected


def test_an_allergy_without_any_reaction_is_told_as_such(reader: Reader, knowledge: Knowledge) -> None:
    outcome = hypersensitivity(chart_of(allergy(code={"text": "Revlimid"}), reader=reader), knowledge)
    assert variant(outcome) == "recorded"
    assert outcome.finding is not None
    assert outcome.finding.values["kind"] == "reaction not described"


@pytest.mark.parametrize(
    ("text", "attributed"),
    [
        ("Stevens-Johnson syndrome", False),
        ("Stevens-Johnson syndrome due to drug", False),
        ("Stevens-Johnson syndrome due to the unknown", False),
        ("Stevens-Johnson syndrome, drug-induced", False),
        ("Stevens-Johnson syndrome due to carbamazepine", True),
        ("Stevens-Johnson syndrome secondary to mycoplasma infection", True),
        ("Stevens-Johnson syndrome caused by phenytoin", True),
        ("phenytoin-induced Stevens-Johnson syndrome", True),
        ("Stevens-Johnson syndrome in 2020, not due to phenytoin", False),
        ("Stevens-Johnson syndrome due to thalidomide", True),
    ],
)
def test_the_words_of_a_problem_may_name_the_cause(
    text: str, attributed: bool, reader: Reader, knowledge: Knowledge
) -> None:
    problem = {"resourceType": "Condition", "id": "c", "code": {"text": text}, **SUBJECT}
    (reaction,) = recorded_reactions(chart_of(problem, reader=reader), knowledge)
    assert reaction.attributed is attributed


def test_an_event_with_an_unlikely_suspect_has_no_culprit(reader: Reader, knowledge: Knowledge) -> None:
    suspect = {"instance": {"display": "lenalidomide"}, "causality": [{"assessment": {"text": "Unlikely"}}]}
    chart = chart_of(rash_event(event=SJS, suspectEntity=[suspect]), reader=reader)
    assert hypersensitivity(chart, knowledge).status is Status.PASSED
    assert variant(severe_cutaneous_reaction(chart, knowledge)) == "culpritUnknown"


def test_a_card_offers_to_remove_only_the_drafts_of_the_drug(reader: Reader, knowledge: Knowledge) -> None:
    severe = allergy(code={"text": "lenalidomide"}, reaction=[{"manifestation": [{"text": "angioedema"}]}])
    outcome = hypersensitivity(chart_of(severe, reader=reader), knowledge)
    assert outcome.finding is not None
    assert len(outcome.finding.suggestions) == 1
