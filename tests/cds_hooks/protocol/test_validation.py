"""The JSON schemas of the protocol: what conforms passes, and each rule is noticed when it is broken."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cds_hooks.protocol.validation import Document, faults, schema

UUID = "3f1dde72-162b-11ec-99e8-0050568b7be6"
ABSENT = object()

DISCOVERY: dict[str, Any] = {
    "services": [
        {
            "hook": "order-sign",
            "id": "check",
            "title": "Check",
            "description": "checks",
            "prefetch": {"patient": "Patient/{{context.patientId}}", "me": "Practitioner/{{userPractitionerId}}"},
            "usageRequirements": "none",
            "version": "2.0.1",
            "extension": {"org.example.x": {"y": 1}},
        }
    ]
}
RESPONSE: dict[str, Any] = {
    "cards": [
        {
            "uuid": UUID,
            "summary": "x" * 139,
            "detail": "**x**",
            "indicator": "info",
            "source": {
                "label": "Label",
                "url": "https://label.example/",
                "topic": {"system": "urn:x", "code": "y", "display": "z"},
            },
            "suggestions": [
                {
                    "label": "Do",
                    "uuid": UUID,
                    "isRecommended": True,
                    "actions": [
                        {"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}},
                        {"type": "update", "description": "d", "resource": {"resourceType": "MedicationRequest"}},
                        {"type": "delete", "description": "d", "resourceId": "MedicationRequest/1"},
                    ],
                },
                {"label": "Do something else"},
            ],
            "selectionBehavior": "at-most-one",
            "overrideReasons": [{"system": "urn:x", "code": "y", "display": "z"}],
            "links": [
                {"label": "l", "url": "https://x.example/a", "type": "absolute", "autolaunchable": False},
                {"label": "l", "url": "https://x.example/a", "type": "smart", "appContext": "{}"},
            ],
        }
    ],
    "systemActions": [{"type": "delete", "description": "d", "resourceId": "ServiceRequest/1"}],
}
FEEDBACK: dict[str, Any] = {
    "feedback": [
        {
            "card": UUID,
            "outcome": "accepted",
            "outcomeTimestamp": "2026-03-01T12:00:00.5Z",
            "acceptedSuggestions": [{"id": UUID}],
        },
        {
            "card": UUID,
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-01T12:00:00+01:00",
            "overrideReason": {"reason": {"code": "c", "system": "urn:x"}, "userComment": "seen"},
        },
        {"card": UUID, "outcome": "overridden", "outcomeTimestamp": "2026-03-01T12:00:00Z"},
    ]
}
REQUEST: dict[str, Any] = {
    "hook": "order-select",
    "hookInstance": UUID,
    "fhirServer": "https://ehr.example/fhir",
    "fhirAuthorization": {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "us",
        "patient": "p",
    },
    "context": {
        "userId": "PractitionerRole/r.1",
        "patientId": "p",
        "encounterId": "e",
        "selections": ["MedicationRequest/1"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationRequest"}}]},
    },
    "prefetch": {"patient": {"resourceType": "Patient"}, "none": None},
    "extension": {"org.example.x": {"y": ""}},
}
OUTCOME: dict[str, Any] = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "not-found", "diagnostics": "d", "expression": ["$.x"]}],
}
GOOD = {
    Document.DISCOVERY: DISCOVERY,
    Document.RESPONSE: RESPONSE,
    Document.FEEDBACK: FEEDBACK,
    Document.CONFORMING_REQUEST: REQUEST,
    Document.REQUEST: REQUEST,
    Document.OPERATION_OUTCOME: OUTCOME,
    Document.FEEDBACK_RECEIPT: {"received": 0},
}


def changed(document: Any, path: str, value: Any) -> Any:
    """Return a copy of a document with one member replaced, added or (ABSENT) taken out."""
    document = copy.deepcopy(document)
    node = document
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    for parent in parents:
        node = node[parent]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return document


@pytest.mark.parametrize("document", Document)
def test_the_schemas_are_draft_2020_12_and_stand_alone(document: Document) -> None:
    content = schema(document)
    Draft202012Validator.check_schema(content)
    assert content["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert content["$id"] == f"urn:lenalidomide-cds:schema:{document.replace('_', '-')}"
    assert content["title"]
    assert content["description"]
    references = [line for line in json.dumps(content, indent=1).splitlines() if '"$ref"' in line]
    assert all('"#/$defs/' in line for line in references)


@pytest.mark.parametrize("document", Document)
def test_what_conforms_passes(document: Document) -> None:
    assert faults(document, GOOD[document]) == []


@pytest.mark.parametrize("empty", [{"services": []}])
def test_no_services_are_no_fault(empty: Any) -> None:
    assert faults(Document.DISCOVERY, empty) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services", ABSENT),
        ("services", {}),
        ("services/0/hook", ABSENT),
        ("services/0/hook", "orderSign"),
        ("services/0/id", ABSENT),
        ("services/0/id", "a/b"),
        ("services/0/description", ABSENT),
        ("services/0/description", " "),
        ("services/0/title", ""),
        ("services/0/prefetch", {}),
        ("services/0/prefetch/patient", None),
        ("services/0/prefetch/patient", "https://ehr.example/Patient/{{context.patientId}}"),
        ("services/0/prefetch/patient", "Patient/{{context.draftOrders.entry.id}}"),
        ("services/0/prefetch/patient", "Patient/{{today()}}"),
        ("services/0/prefetch/patient", "Patient/{{context.patientId}"),
        ("services/0/version", "STU2"),
        ("services/0/extension", {}),
        ("services/0/extension", {"org.example.x": None}),
        ("services/0/surprise", 1),
    ],
)
def test_discovery(path: str, value: Any) -> None:
    assert faults(Document.DISCOVERY, changed(DISCOVERY, path, value))


CARD = "cards/0"
SUGGESTION = f"{CARD}/suggestions/0"
ACTIONS = f"{SUGGESTION}/actions"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cards", ABSENT),
        ("systemActions", []),
        ("systemActions/0/description", ABSENT),
        ("surprise", 1),
        (f"{CARD}/uuid", "card-1"),
        (f"{CARD}/summary", ABSENT),
        (f"{CARD}/summary", "x" * 140),
        (f"{CARD}/summary", "two\nlines"),
        (f"{CARD}/summary", ""),
        (f"{CARD}/detail", ""),
        (f"{CARD}/indicator", ABSENT),
        (f"{CARD}/indicator", "hard-stop"),
        (f"{CARD}/source", ABSENT),
        (f"{CARD}/source/label", ABSENT),
        (f"{CARD}/source/label", ""),
        (f"{CARD}/source/url", "label.html"),
        (f"{CARD}/source/icon", "data:image/png;base64,AAAA"),
        (f"{CARD}/source/topic/code", ABSENT),
        (f"{CARD}/source/topic/system", ABSENT),
        (f"{CARD}/selectionBehavior", ABSENT),
        (f"{CARD}/selectionBehavior", "all"),
        (f"{CARD}/suggestions", []),
        (f"{CARD}/suggestions/1/isRecommended", True),
        (f"{CARD}/suggestions/1/actionSelectionBehavior", "any"),
        (f"{SUGGESTION}/label", ABSENT),
        (f"{SUGGESTION}/uuid", "s-1"),
        (f"{SUGGESTION}/isRecommended", "true"),
        (f"{SUGGESTION}/actions", []),
        (f"{ACTIONS}/0/type", "CREATE"),
        (f"{ACTIONS}/0/type", ABSENT),
        (f"{ACTIONS}/0/description", ABSENT),
        (f"{ACTIONS}/0/resource", ABSENT),
        (f"{ACTIONS}/0/resource", "{}"),
        (f"{ACTIONS}/0/resource/resourceType", ABSENT),
        (f"{ACTIONS}/0/resource/note", []),
        (f"{ACTIONS}/0/resource/code", {"coding": [{"display": None}]}),
        (f"{ACTIONS}/0/resourceId", "ServiceRequest/1"),
        (f"{ACTIONS}/1/resource", ABSENT),
        (f"{ACTIONS}/2/resourceId", ABSENT),
        (f"{ACTIONS}/2/resourceId", "https://ehr.example/MedicationRequest/1"),
        (f"{ACTIONS}/2/resource", {"resourceType": "MedicationRequest"}),
        (f"{CARD}/overrideReasons", []),
        (f"{CARD}/overrideReasons/0/code", ABSENT),
        (f"{CARD}/overrideReasons/0/system", ABSENT),
        (f"{CARD}/overrideReasons/0/display", ABSENT),
        (f"{CARD}/links", []),
        (f"{CARD}/links/0/label", ABSENT),
        (f"{CARD}/links/0/url", ABSENT),
        (f"{CARD}/links/0/type", ABSENT),
        (f"{CARD}/links/0/type", "relative"),
        (f"{CARD}/links/0/appContext", "x"),
        (f"{CARD}/surprise", 1),
    ],
)
def test_response(path: str, value: Any) -> None:
    assert faults(Document.RESPONSE, changed(RESPONSE, path, value))


def test_several_suggestions_may_be_recommended_when_several_may_be_taken() -> None:
    several = changed(RESPONSE, f"{CARD}/suggestions/1/isRecommended", True)
    assert faults(Document.RESPONSE, changed(several, f"{CARD}/selectionBehavior", "any")) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("feedback", ABSENT),
        ("feedback/0/card", ABSENT),
        ("feedback/0/card", "1"),
        ("feedback/0/outcome", "ignored"),
        ("feedback/0/outcomeTimestamp", "yesterday"),
        ("feedback/0/outcomeTimestamp", ABSENT),
        ("feedback/0/acceptedSuggestions", ABSENT),
        ("feedback/0/acceptedSuggestions", []),
        ("feedback/0/acceptedSuggestions/0/id", ABSENT),
        ("feedback/0/overrideReason", {"userComment": "x"}),
        ("feedback/1/acceptedSuggestions", [{"id": UUID}]),
        ("feedback/1/overrideReason", {}),
        ("feedback/1/overrideReason/reason/code", ABSENT),
        ("feedback/1/overrideReason/reason/system", ABSENT),
    ],
)
def test_feedback(path: str, value: Any) -> None:
    assert faults(Document.FEEDBACK, changed(FEEDBACK, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hook", ABSENT),
        ("hook", "patient-view"),
        ("hookInstance", "1"),
        ("fhirServer", ABSENT),
        ("fhirAuthorization/token_type", "bearer"),
        ("fhirAuthorization/expires_in", "300"),
        ("fhirAuthorization/scope", ABSENT),
        ("fhirAuthorization/subject", ABSENT),
        ("context", ABSENT),
        ("context/userId", ABSENT),
        ("context/userId", "Patient/1"),
        ("context/patientId", "Patient/p"),
        ("context/selections", ABSENT),
        ("context/selections", ["1"]),
        ("context/draftOrders", ABSENT),
        ("context/draftOrders/resourceType", ABSENT),
        ("context/draftOrders/entry", []),
        ("context/draftOrders/entry/0/resource/resourceType", ABSENT),
        ("prefetch", {}),
        ("prefetch/none", "none"),
        ("extension", {}),
    ],
)
def test_a_request(path: str, value: Any) -> None:
    assert faults(Document.CONFORMING_REQUEST, changed(REQUEST, path, value))


def test_selections_are_of_order_select_alone() -> None:
    sign = changed(changed(REQUEST, "hook", "order-sign"), "context/selections", ABSENT)
    assert faults(Document.CONFORMING_REQUEST, sign) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [("resourceType", "Bundle"), ("issue", []), ("issue/0/code", ABSENT), ("issue/0/severity", "bad")],
)
def test_an_operation_outcome(path: str, value: Any) -> None:
    assert faults(Document.OPERATION_OUTCOME, changed(OUTCOME, path, value))


def test_faults_are_told_by_path_and_rule_without_values() -> None:
    broken = changed(changed(RESPONSE, f"{CARD}/indicator", "Maria Planted"), f"{CARD}/selectionBehavior", ABSENT)
    broken = changed(broken, f"{CARD}/Planted", 1)
    assert faults(Document.RESPONSE, broken) == [
        '$.cards[0].indicator: breaks enum ["info", "warning", "critical"]',
        "$.cards[0]: has members that are not part of card",
        "$.cards[0]: suggestions needs selectionBehavior",
    ]
    assert faults(Document.RESPONSE, {}) == ["$: lacks cards"]
