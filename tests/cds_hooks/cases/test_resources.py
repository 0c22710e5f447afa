"""The resources a case becomes are valid FHIR R4, and the request is one an EHR could post."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.cases.drafts import draft_orders
from cds_hooks.cases.resources import case_resources, check_case
from cds_hooks.cases.run import hook_request
from cds_hooks.data_needs import data_needs
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.yaml_document import KnowledgeError
from cds_hooks.protocol.request import parse_request


def validate(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def by_type(case: Case, knowledge: Knowledge) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in chain(*case_resources(case, knowledge).values(), draft_orders(case, knowledge)):
        found.setdefault(resource["resourceType"], []).append(resource)
    return found


def test_everything_a_case_can_say_is_valid_fhir(everything: Case, knowledge: Knowledge) -> None:
    found = by_type(everything, knowledge)
    for resource in chain(*found.values()):
        validate(resource)
    assert found.keys() == {
        "Patient", "MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration",
        "Medication", "Condition", "Procedure", "AllergyIntolerance", "AdverseEvent", "ResearchSubject", "Observation",
    }  # fmt: skip


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: f"{case.subject}: {case.sentence}")
def test_every_shipped_case_is_valid_fhir_with_ids_of_its_own(case: Case, knowledge: Knowledge) -> None:
    resources = list(chain(*by_type(case, knowledge).values()))
    for resource in resources:
        validate(resource)
    identities = [(resource["resourceType"], resource["id"]) for resource in resources]
    assert len(set(identities)) == len(identities)
    assert all(len(identity) <= 64 and identity.startswith(case.patient_id) for _, identity in identities)


def test_times_and_ages_come_out_as_written(everything: Case, knowledge: Knowledge) -> None:
    record = case_resources(everything, knowledge)
    assert record["patient"][0]["birthDate"] == "1970-05"
    dispensed = [one["whenHandedOver"] for one in record["medicationDispenses"]]
    assert dispensed == ["2026-01-05", "2026-02-02"]
    pregnancy = record["conditions"][1]
    assert (pregnancy["onsetDateTime"], pregnancy["abatementDateTime"]) == ("2025-05-06", "2026-02-10")
    (counts,) = record["bloodCounts"]
    assert counts["effectiveDateTime"] == "2026-03-02T09:00:00Z"
    assert counts["valueQuantity"] == {"value": 900, "unit": "cells/uL"}, "an alias is no UCUM code"
    due = next(one for one in record["pregnancy"] if "valueDateTime" in one)
    assert (due["valueDateTime"], due["effectiveDateTime"]) == ("2026-05-01", "2026-02-25")


def test_answers_and_outcomes_are_coded(everything: Case, knowledge: Knowledge) -> None:
    results = case_resources(everything, knowledge)["pregnancy"]
    answers = [one["valueCodeableConcept"]["coding"][0]["code"] for one in results if "valueCodeableConcept" in one]
    assert answers == ["260385009", "60001007", "77386006"]


def test_a_code_set_without_codes_becomes_a_name(everything: Case, knowledge: Knowledge) -> None:
    assert not any(knowledge.code_sets["bulkyDisease"].ICD10CM)
    assert case_resources(everything, knowledge)["conditions"][-1]["code"] == {"text": "bulky disease"}


def test_a_strength_picks_the_code_of_that_capsule(everything: Case, knowledge: Knowledge) -> None:
    drafts = [one for one in draft_orders(everything, knowledge) if one["resourceType"] == "MedicationRequest"]
    (coding,) = drafts[0]["medicationCodeableConcept"]["coding"]
    row = next(row for row in knowledge.drugs["lenalidomide"].RxNorm if row.code == coding["code"])
    assert row.strength_mg == 25
    assert drafts[0]["dosageInstruction"][0]["text"] == "Take 25 mg every 2 days on days 1-21 of 28-day cycle"
    assert drafts[1]["dosageInstruction"][0]["text"] == "Take 2 capsules daily without rest days"


def test_the_request_names_every_data_need(everything: Case, knowledge: Knowledge) -> None:
    body = hook_request(everything, knowledge, fhir_server="http://127.0.0.1:8090/fhir")
    request = parse_request(json.dumps(body).encode())
    assert (request.hook, request.patient_id) == ("order-select", everything.patient_id)
    assert request.fhir_server == "http://127.0.0.1:8090/fhir"
    assert len(request.drafts) == 7, "six orders and the Medication beside one of them"
    assert request.selections is not None
    assert len(request.selections) == 5
    prefetch = request.prefetch()
    assert prefetch is not None
    assert prefetch.keys() == data_needs(knowledge.analytes).keys()
    assert prefetch["patient"]["id"] == everything.patient_id
    assert prefetch["chemistry"]["resourceType"] == "OperationOutcome"
    assert prefetch["vitalSigns"]["entry"][-1]["search"] == {"mode": "outcome"}
    for value in prefetch.values():
        validate(value)


def test_without_prefetch_there_is_none(everything: Case, knowledge: Knowledge) -> None:
    assert "prefetch" not in hook_request(everything, knowledge, with_prefetch=False)


def test_nothing_on_record_is_an_empty_bundle(knowledge: Knowledge) -> None:
    case = load_cases()[0]
    bundle = hook_request(case, knowledge)["prefetch"]["adverseEvents"]
    assert bundle == {"resourceType": "Bundle", "type": "searchset"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("aspirin, active", "asprin, active", "everything.yaml:16: the knowledge has no drug 'asprin'"),
        ("drug: thalidomide", "drug: thalidomid", "everything.yaml:8: the knowledge has no drug 'thalidomid'"),
        ("multipleMyeloma, ref", "myeloma, ref", "everything.yaml:24: the knowledge has no code set 'myeloma'"),
        ("inr:", "INR:", "the knowledge has no analyte 'INR'"),
        ("{chemistry:", "{labs:", "there is no data need 'labs'"),
        ("only: true", "silent: [liverToxicity]", "there is no topic 'liverToxicity'"),
        ("hcgQualitative: negative", "hcgQualitative: clear", "'clear' is not positive, negative"),
    ],
)
def test_a_key_the_knowledge_does_not_have_is_named_with_its_line(
    tmp_path: Path, everything: Case, knowledge: Knowledge, old: str, new: str, problem: str
) -> None:
    text = f"cases:\n{everything.source}\n"
    assert old in text
    (tmp_path / "base_charts.yaml").write_text("charts: {}\n", "utf-8")
    (tmp_path / "everything.yaml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(KnowledgeError) as caught:
        check_case(load_cases(tmp_path)[0], knowledge)
    assert problem in str(caught.value)
