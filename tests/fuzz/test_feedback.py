"""Reports about a card that was really shown, broken somewhere."""

from __future__ import annotations

import copy
import json
from collections import Counter

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from cds_hooks.protocol.validation import Document, faults
from tests.fuzz.depth import examples
from tests.fuzz.mutation import apply, draw_change, encode
from tests.fuzz.stage import NOW, Json, Stage

ADDRESS = "/cds-services/lenalidomide-order-sign/feedback"


@pytest.fixture(scope="module")
def report(stage: Stage) -> Json:
    """A taken and an overridden card, in all spellings."""
    cards = stage.post(stage.call("severe-renal-impairment")).json["cards"]
    card = next(card for card in cards if card.get("suggestions"))
    item = {"card": card["uuid"], "outcomeTimestamp": NOW.isoformat()}
    reason = {"reason": card["overrideReasons"][0], "userComment": "seen"}
    epic = {"com.epic.cdshooks.feedback.overrideReason.reasonCategory": "1"}
    return {
        "feedback": [
            {**item, "outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]},
            {**item, "outcome": "overridden", "overrideReason": reason},
            {**item, "outcome": "overridden", "overrideReasons": [{"extension": epic}]},
        ]
    }


def check(stage: Stage, body: bytes, tally: Counter[str]) -> None:
    response = stage.client.post(ADDRESS, data=body, content_type="application/json")
    tally[str(response.status_code)] += 1
    assert response.status_code in (200, 400)
    expected = Document.FEEDBACK_RECEIPT if response.status_code == 200 else Document.OPERATION_OUTCOME
    assert faults(expected, response.json) == []


def test_no_damage_makes_the_endpoint_fail(stage: Stage, report: Json, tally: Counter[str]) -> None:
    @examples(150)
    @given(st.data(), st.integers(0, 3))
    def run(data: st.DataObject, times: int) -> None:
        body = copy.deepcopy(report)
        for _ in range(times):
            change = draw_change(data, body)
            note(repr(change))
            apply(change, body)
            if not body or not isinstance(body.get("feedback"), list) or not body["feedback"]:
                break
        check(stage, encode(body), tally)

    run()
    assert tally["200"] > tally.total() / 4


def test_any_bytes_are_answered(stage: Stage, report: Json, tally: Counter[str]) -> None:
    whole = json.dumps(report).encode()

    @examples(60)
    @given(st.binary(max_size=100) | st.integers(0, len(whole)).map(lambda end: whole[:end]))
    def run(body: bytes) -> None:
        check(stage, body, tally)

    run()
