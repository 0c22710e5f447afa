"""Client profiles are data, strictly read, and what they say shows on the cards."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest

from cds_hooks.cases.case import load_cases
from cds_hooks.cases.run import run_case
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.protocol.cards import cards
from cds_hooks.protocol.client_profile import PROFILES, CardOptions, read_profiles
from service.auth.clients import Client

GOOD = """
plain:
  about: x
  selection_behavior: any
  medication_create: true
  create_by_own_codes: false
  medication_update: true
  medication_delete: true
"""
READER = make_reader(load_knowledge())
OWN_CODES = {orderable: ("urn:site", orderable) for orderable in READER.knowledge.orderables}
SUBJECTS = {"renal", "dose", "pregnancy", "thrombosis"}


def test_a_client_can_be_configured_with_each_profile_and_no_other() -> None:
    assert set(get_args(get_type_hints(Client)["profile"])) == set(PROFILES)


def test_each_profile_says_why_it_is_as_it_is() -> None:
    assert not [profile.name for profile in PROFILES.values() if not profile.about]


def test_epic_understands_any_alone_and_updates_no_medication() -> None:
    epic = PROFILES["epic"]
    assert (epic.selection_behavior, epic.medication_update, epic.medication_create) == ("any", False, False)


@pytest.mark.parametrize(
    "broken",
    [
        GOOD.replace("  about: x\n", ""),
        GOOD.replace("medication_update: true", "medication_update: maybe"),
        GOOD.replace("medication_update", "medication_udpate"),
        GOOD.replace("selection_behavior: any", "selection_behavior: all"),
        "[]",
    ],
)
def test_profiles_are_read_strictly(broken: str) -> None:
    assert read_profiles(GOOD)["plain"].medication_delete
    with pytest.raises(ValueError, match=r"Object|Expected|Invalid"):
        read_profiles(broken)


@pytest.fixture(scope="module")
def actions() -> dict[str, list[dict[str, Any]]]:
    """Profile → all actions on the cards of many cases."""
    evaluations = [
        (case, run_case(case, READER, READER.knowledge)) for case in load_cases()[::3] if case.subject in SUBJECTS
    ]
    return {
        name: [
            action
            for case, evaluation in evaluations
            for card in _cards(case.patient_id, evaluation.findings, CardOptions(profile, action_code_map=OWN_CODES))
            for suggestion in card.get("suggestions", ())
            for action in suggestion["actions"]
        ]
        for name, profile in PROFILES.items()
    }


def _cards(patient_id: str, findings: Any, options: CardOptions) -> list[dict[str, Any]]:
    return cards(
        findings,
        READER.knowledge,
        options,
        patient_id=patient_id,
        user_id="Practitioner/1",
        service_version="1",
        new_uuid=lambda: "3f1dde72-162b-41ec-99e8-0050568b7be6",
    )


def kinds(actions: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (one["type"], one["resource"]["resourceType"] if "resource" in one else one["resourceId"].partition("/")[0])
        for one in actions
    }


def test_what_each_client_is_offered(actions: dict[str, list[dict[str, Any]]]) -> None:
    everything = {
        ("create", "ServiceRequest"),
        ("create", "MedicationRequest"),
        ("update", "MedicationRequest"),
        ("delete", "MedicationRequest"),
    }
    assert kinds(actions["generic"]) == everything
    assert kinds(actions["sandbox"]) == everything - {("create", "MedicationRequest")}
    assert kinds(actions["epic"]) == {("create", "ServiceRequest"), ("delete", "MedicationRequest")}


def test_descriptions_are_plain_text(actions: dict[str, list[dict[str, Any]]]) -> None:
    """Epic shows them as they are."""
    for one in actions["epic"]:
        assert not set(one["description"]) & set("*_`#[]<>|\\\n")
