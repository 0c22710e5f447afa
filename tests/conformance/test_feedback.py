"""Rows F1 to F10: feedback on cards that were really shown."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy

from service.store.tables import feedback

row = pytest.mark.row
PATH = "/cds-services/lenalidomide-order-sign/feedback"
TIME = "2026-03-02T12:01:00Z"


def shown(stage: Any) -> list[Any]:
    cards: list[Any] = stage.post(stage.request()).get_json()["cards"]
    return cards


def item(card: str, outcome: str = "overridden", **members: Any) -> dict[str, Any]:
    return {"card": card, "outcome": outcome, "outcomeTimestamp": TIME, **members}


def stored(stage: Any, card: str) -> list[Any]:
    with stage.web.application.extensions["lencds"].database.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(feedback).where(feedback.c.card == card)).mappings())


@row("F1", "F2", "F4", "F7")
def test_an_accepted_suggestion_is_stored_with_its_topic(stage: Any) -> None:
    card = next(card for card in shown(stage) if "suggestions" in card)
    taken = card["suggestions"][0]["uuid"]
    response = stage.web.post(
        PATH, json={"feedback": [item(card["uuid"], "accepted", acceptedSuggestions=[{"id": taken}])]}
    )
    assert (response.status_code, response.get_json()) == (200, {"received": 1})
    (one,) = stored(stage, card["uuid"])
    assert (one["topic"], one["outcome"], one["accepted_suggestions"]) == ("renalDose", "accepted", [taken])


@row("F3")
@pytest.mark.parametrize("missing", ["card", "outcome", "outcomeTimestamp"])
def test_what_an_item_must_have(stage: Any, missing: str) -> None:
    broken = item("c")
    del broken[missing]
    response = stage.web.post(PATH, json={"feedback": [broken]})
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["expression"] == [f"$.feedback[0].{missing}"]


@row("F5")
@pytest.mark.parametrize("spelling", ["overrideReason", "overrideReasons"])
def test_reason_and_comment_of_an_override(stage: Any, spelling: str) -> None:
    card = shown(stage)[0]
    offered = card["overrideReasons"][0]
    reason = {"reason": {"code": offered["code"], "system": offered["system"]}, "userComment": "seen"}
    assert stage.web.post(PATH, json={"feedback": [item(card["uuid"], **{spelling: reason})]}).status_code == 200
    (one,) = stored(stage, card["uuid"])
    assert (one["reason_code"], one["reason_system"]) == (offered["code"], offered["system"])
    assert one["comment"] == "seen"


@row("F6")
def test_batches_and_repetitions(stage: Any) -> None:
    first, second = shown(stage)[:2]
    batch = {
        "feedback": [item(first["uuid"]), item(second["uuid"]), item(first["uuid"], outcomeTimestamp=TIME[:-1] + ".5Z")]
    }
    for _ in range(2):
        assert stage.web.post(PATH, json=batch).status_code == 200
    assert (len(stored(stage, first["uuid"])), len(stored(stage, second["uuid"]))) == (2, 1)


@row("F8")
def test_a_card_that_is_not_known(stage: Any) -> None:
    unknown = str(uuid.uuid4())
    response = stage.web.post(PATH, json={"feedback": [item(unknown)]})
    assert (response.status_code, response.get_json()) == (200, {"received": 1})
    assert [one["topic"] for one in stored(stage, unknown)] == [""]
    assert stage.web.post(PATH, json={"feedback": []}).status_code == 200


@row("F10")
def test_feedback_is_authenticated_as_a_call_is(guarded: Any) -> None:
    report = {"feedback": [item("c")]}
    assert guarded.status(PATH, None, "POST", report) == 401
    assert guarded.status(PATH, guarded.token(PATH.removesuffix("/feedback")), "POST", report) == 401
    assert guarded.status(PATH, guarded.token(PATH), "POST", report) == 200
