"""Rows C1 to C14 and A1 to A10: cards, suggestions, actions."""

from __future__ import annotations

import re
import uuid
from itertools import chain
from typing import Any

import pytest

from cds_hooks.knowledge.loader import load_knowledge

row = pytest.mark.row
LETTERS_AND_DIGITS = re.compile(r"[A-Za-z0-9]{1,100}")


def suggestions(shown_cards: list[Any]) -> list[Any]:
    found = list(chain.from_iterable(card.get("suggestions", ()) for card in shown_cards))
    assert found
    return found


@row("C1")
def test_uuids_are_random_and_unique(stage: Any, shown_cards: list[Any]) -> None:
    again = stage.post(stage.request()).get_json()["cards"]
    names = [uuid.UUID(card["uuid"]) for card in (*shown_cards, *again)]
    assert len(set(names)) == len(names)
    assert {name.version for name in names} == {4}


@row("C2")
def test_summaries_are_short_sentences(shown_cards: list[Any]) -> None:
    for card in shown_cards:
        assert 0 < len(card["summary"]) < 140
        assert "\n" not in card["summary"]


@row("C3")
def test_details_are_markdown_without_html(shown_cards: list[Any]) -> None:
    for card in shown_cards:
        assert not re.search(r"(?<!\\)<[a-zA-Z/!]", card["detail"])


@row("C4")
def test_indicators(shown_cards: list[Any]) -> None:
    assert {card["indicator"] for card in shown_cards} == {"info", "warning", "critical"}


@row("C5", "C6", "C7")
def test_the_source_is_a_document_of_the_knowledge(shown_cards: list[Any]) -> None:
    documents = load_knowledge().documents.values()
    titles = {document.title for document in documents}
    urls = {document.url for document in documents}
    for card in shown_cards:
        assert any(card["source"]["label"].startswith(title) for title in titles)
        assert card["source"].get("url", "") in urls | {""}


@row("C9")
def test_topics_are_stable_and_alphanumeric(shown_cards: list[Any]) -> None:
    knowledge = load_knowledge()
    for card in shown_cards:
        topic = card["source"]["topic"]
        assert topic["system"] == knowledge.override_reasons.topic_system
        assert topic["code"] in knowledge.topics
    assert not [code for code in knowledge.topics if not LETTERS_AND_DIGITS.fullmatch(code)]


@row("C10", "C11")
def test_selection_behavior_comes_with_suggestions_and_only_then(shown_cards: list[Any]) -> None:
    for card in shown_cards:
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        assert card.get("suggestions", [1])
        assert card.get("selectionBehavior", "any") in ("any", "at-most-one")


@row("C12", "A3")
def test_no_suggestion_is_recommended_above_the_others(shown_cards: list[Any]) -> None:
    assert not [one for one in suggestions(shown_cards) if "isRecommended" in one]


@row("C13")
def test_override_reasons_are_complete_codings(shown_cards: list[Any]) -> None:
    for card in shown_cards:
        assert card["overrideReasons"]
        for reason in card["overrideReasons"]:
            assert reason.keys() == {"system", "code", "display"}


@row("C14")
def test_no_card_has_links(shown_cards: list[Any]) -> None:
    assert not [card for card in shown_cards if "links" in card]


@row("A1", "A2")
def test_suggestions_have_label_and_uuid(shown_cards: list[Any]) -> None:
    found = suggestions(shown_cards)
    assert all(one["label"] for one in found)
    assert len({uuid.UUID(one["uuid"]) for one in found}) == len(found)


@row("A4", "A5")
def test_a_suggestion_is_one_action(shown_cards: list[Any]) -> None:
    for one in suggestions(shown_cards):
        assert one.keys() == {"label", "uuid", "actions"}
        assert len(one["actions"]) == 1


@row("A6", "A7")
def test_actions_have_type_and_plain_description(actions: list[Any]) -> None:
    for action in actions:
        assert action["type"] in ("create", "update", "delete")
        assert action["description"]
        assert not re.search(r"[<>*_`#\[\]|]", action["description"])


@row("A9")
def test_an_update_is_the_whole_draft(stage: Any) -> None:
    body = stage.request()
    draft = body["context"]["draftOrders"]["entry"][0]["resource"]
    found = [
        action["resource"]
        for card in stage.post(body).get_json()["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if action["type"] == "update"
    ]
    assert found
    for resource in found:
        assert {name: resource[name] for name in ("resourceType", "id", "status", "intent", "subject")} == {
            name: draft[name] for name in ("resourceType", "id", "status", "intent", "subject")
        }
        assert resource["dosageInstruction"] != draft["dosageInstruction"]


@row("A10")
def test_a_delete_names_a_draft(stage: Any) -> None:
    found = 0
    for patient_id in stage.patients:
        body = stage.request(patient_id)
        entries = body["context"]["draftOrders"]["entry"]
        drafts = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in entries}
        for card in stage.post(body).get_json()["cards"]:
            for suggestion in card.get("suggestions", ()):
                for action in suggestion["actions"]:
                    if action["type"] == "delete":
                        found += 1
                        assert action["resourceId"] in drafts
                        assert "resource" not in action
    assert found
