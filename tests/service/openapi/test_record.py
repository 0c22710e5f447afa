"""The examples of the document are what the service answers, and good examples of their kind."""

from __future__ import annotations

import pytest

from cds_hooks.protocol.validation import Document, faults
from service.openapi.document import openapi_document
from service.openapi.record import record

EXAMPLES = openapi_document()["components"]["examples"]
KINDS = {
    "Discovery": Document.DISCOVERY,
    "OrderSignRequest": Document.CONFORMING_REQUEST,
    "OrderSignResponse": Document.RESPONSE,
    "OtherDrugRequest": Document.CONFORMING_REQUEST,
    "OtherDrugResponse": Document.RESPONSE,
    "AcceptedFeedback": Document.FEEDBACK,
    "OverriddenFeedback": Document.FEEDBACK,
    "ReceivedFeedback": Document.FEEDBACK_RECEIPT,
    "MemberMissing": Document.OPERATION_OUTCOME,
    "UnknownService": Document.OPERATION_OUTCOME,
    "PatientMissing": Document.OPERATION_OUTCOME,
}


def test_the_examples_are_what_the_service_answers() -> None:
    assert record() == EXAMPLES, "service/openapi/examples.json is old: run make openapi"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_conform(name: str) -> None:
    assert faults(KINDS[name], EXAMPLES[name]["value"]) == []


def test_the_example_shows_a_critical_card_with_a_suggestion() -> None:
    cards = {card["source"]["topic"]["code"]: card for card in EXAMPLES["OrderSignResponse"]["value"]["cards"]}
    assert cards["renalDose"]["indicator"] == "critical"
    assert cards["renalDose"]["suggestions"]
    assert EXAMPLES["OtherDrugResponse"]["value"] == {"cards": []}
