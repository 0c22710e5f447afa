"""Medication orders a card offers as choices."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest

from cds_hooks.chart.dosing import read_dose
from cds_hooks.chart.drugs import DrugIndex
from cds_hooks.findings import CreateMedication
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.protocol.client_profile import PROFILES, CardOptions
from cds_hooks.protocol.suggestions import suggestion_json

KNOWLEDGE = load_knowledge()
EVERY = sorted(KNOWLEDGE.orderable_medications)


@pytest.fixture
def knowledge() -> Knowledge:
    return KNOWLEDGE


def rendered(key: str, knowledge: Knowledge, options: CardOptions, user: str = "Practitioner/1") -> Any:
    return suggestion_json(
        CreateMedication(key), knowledge, options, patient_id="7", user_id=user, new_uuid=lambda: "uuid"
    )


@pytest.mark.parametrize("key", EVERY)
def test_the_order_is_valid_and_says_the_same_in_code_and_words(key: str, knowledge: Knowledge) -> None:
    suggestion = rendered(key, knowledge, CardOptions())
    (action,) = suggestion["actions"]
    order = action["resource"]
    MedicationRequest.model_validate(order)
    medication = knowledge.orderable_medications[key]
    found = DrugIndex(knowledge.drugs, knowledge.drug_classes).identify(order["medicationCodeableConcept"])
    assert found.drugs == {medication.drug}
    assert action["type"] == "create"
    assert (order["status"], order["intent"]) == ("draft", "order")
    assert order["subject"] == {"reference": "Patient/7"}
    assert order["requester"] == {"reference": "Practitioner/1"}
    dose = read_dose(order, strength_mg=None, drug_names=found.drugs)
    assert dose.average_mg_per_day == medication.single_mg
    assert not dose.contradictions


@pytest.mark.parametrize("key", EVERY)
def test_nothing_is_recommended_by_itself(key: str, knowledge: Knowledge) -> None:
    assert "isRecommended" not in rendered(key, knowledge, CardOptions())


@pytest.mark.parametrize("profile", ["epic", "sandbox"])
@pytest.mark.parametrize("key", EVERY)
def test_a_client_that_creates_only_tests_gets_none(key: str, profile: str, knowledge: Knowledge) -> None:
    assert rendered(key, knowledge, CardOptions(profile=PROFILES[profile])) is None


def test_a_site_may_name_its_own_code(knowledge: Knowledge) -> None:
    options = CardOptions(action_code_map={"aspirin81": ("urn:site", "ASA81")})
    coding = rendered("aspirin81", knowledge, options)["actions"][0]["resource"]["medicationCodeableConcept"]["coding"]
    assert [row["code"] for row in coding] == ["ASA81", "243670"]


def test_without_a_practitioner_there_is_no_requester(knowledge: Knowledge) -> None:
    order = rendered("aspirin81", knowledge, CardOptions(), user="Patient/7")["actions"][0]["resource"]
    assert "requester" not in order
