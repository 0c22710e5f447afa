"""Feedback as the specification has it and as EHRs send it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy
from flask.testing import FlaskClient

from service.store.tables import feedback

PATH = "/cds-services/lenalidomide-order-sign/feedback"
CARD = "f6b95768-b1c8-40dc-8385-bf3504b82ffb"
TIME = "2026-03-01T11:59:00Z"


def item(**changes: Any) -> dict[str, Any]:
    return {"card": CARD, "outcome": "overridden", "outcomeTimestamp": TIME, **changes}


def report(*items: Any) -> dict[str, Any]:
    return {"feedback": list(items)}


def rows(web: FlaskClient) -> list[Any]:
    with web.application.extensions["lencds"].database.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(feedback)).mappings())


def test_an_accepted_suggestion(web: FlaskClient, show_card: Any) -> None:
    show_card(web, "local", CARD)
    response = web.post(PATH, json=report(item(outcome="accepted", acceptedSuggestions=[{"id": "s-1"}])))
    assert (response.status_code, response.get_json()) == (200, {"received": 1})
    (row,) = rows(web)
    assert (row["client"], row["topic"], row["outcome"]) == ("local", "neutropenia", "accepted")
    assert row["accepted_suggestions"] == ["s-1"]


@pytest.mark.parametrize("member", ["overrideReason", "overrideReasons"])
@pytest.mark.parametrize("in_array", [False, True])
def test_both_spellings_of_the_reason(web: FlaskClient, member: str, in_array: bool) -> None:
    reason = {"reason": {"code": "benefit", "system": "urn:x", "display": "worth it"}, "userComment": "seen"}
    web.post(PATH, json=report(item(**{member: [reason] if in_array else reason})))
    (row,) = rows(web)
    assert (row["reason_code"], row["reason_system"], row["reason_display"]) == ("benefit", "urn:x", "worth it")
    assert row["comment"] == "seen"


def test_the_extension_of_epic(web: FlaskClient) -> None:
    prefix = "com.epic.cdshooks.feedback.overrideReason.reason"
    extension = {f"{prefix}Category": "45", f"{prefix}Display": "Does not apply", f"{prefix}Title": "Not applicable"}
    web.post(PATH, json=report(item(overrideReasons={"extension": extension, "userComment": "x"})))
    (row,) = rows(web)
    assert (row["reason_code"], row["reason_display"], row["comment"]) == ("45", "Does not apply", "x")


def test_repeated_batches(web: FlaskClient) -> None:
    batch = report(item(), item(card="another"), item(outcomeTimestamp="2026-03-01T13:00:00+01:00"))
    for _ in range(2):
        assert web.post(PATH, json=batch).status_code == 200
    assert len(rows(web)) == 3


def test_a_byte_order_mark_and_odd_content_types_are_tolerated(web: FlaskClient) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(report(item())).encode()
    assert web.post(PATH, data=body, content_type="text/plain").status_code == 200


def test_an_empty_report(web: FlaskClient) -> None:
    assert web.post(PATH, json=report()).get_json() == {"received": 0}


def test_a_broken_item_does_not_cost_the_others(web: FlaskClient) -> None:
    response = web.post(PATH, json=report(item(outcome="maybe"), item(), "x"))
    assert (response.status_code, response.get_json()) == (200, {"received": 1})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$.feedback"),
        ({}, "$.feedback"),
        ({"feedback": {}}, "$.feedback"),
        (report("x"), "$.feedback[0]"),
        (report(item(card=None)), "$.feedback[0].card"),
        (report(item(card="")), "$.feedback[0].card"),
        (report(item(outcome="ignored")), "$.feedback[0].outcome"),
        (report(item(outcomeTimestamp="yesterday")), "$.feedback[0].outcomeTimestamp"),
        (report(item(outcomeTimestamp=None)), "$.feedback[0].outcomeTimestamp"),
        (report(item(outcomeTimestamp="0001-01-01T00:00:00+14:00")), "$.feedback[0].outcomeTimestamp"),
    ],
)
def test_what_cannot_be_read_is_refused_by_path(web: FlaskClient, body: Any, path: str) -> None:
    response = web.post(PATH, json=body)
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["expression"] == [path]


def test_no_json(web: FlaskClient) -> None:
    assert web.post(PATH, data=b'{"feedback": [NaN]}').status_code == 400


def test_an_unknown_service(web: FlaskClient) -> None:
    assert web.post("/cds-services/other/feedback", json=report()).status_code == 404


def test_a_token_is_needed(guarded: FlaskClient, bearer: Any) -> None:
    assert guarded.post(PATH, json=report(item())).status_code == 401
    assert guarded.post(PATH, json=report(item()), headers=bearer(PATH)).status_code == 200


def test_another_client_cannot_report_on_a_card(guarded: FlaskClient, bearer: Any, show_card: Any) -> None:
    show_card(guarded, "st-elsewhere", CARD)
    stranger = bearer(PATH, iss="https://mercy.example.org")
    response = guarded.post(PATH, json=report(item()), headers=stranger)
    assert (response.status_code, response.get_json()) == (200, {"received": 1})
    assert rows(guarded) == []
    guarded.post(PATH, json=report(item()), headers=bearer(PATH))
    assert [row["topic"] for row in rows(guarded)] == ["neutropenia"]


def test_comments_are_not_logged(web: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    web.post(PATH, json=report(item(overrideReason={"userComment": "Mrs Smith says no"})))
    assert "Smith" not in capsys.readouterr().err


def test_when_the_database_is_down_feedback_is_taken_all_the_same(
    web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.feedback._LIMIT_S", 0.01)
    services = web.application.extensions["lencds"]
    with services.database._turn:
        response = web.post(PATH, json=report(item()))
    assert (response.status_code, response.get_json()) == (200, {"received": 1})
    assert rows(web) == []
    services.store.backlog.replay()
    assert [row["outcome"] for row in rows(web)] == ["overridden"]


def test_when_the_disk_is_full_too_the_client_is_asked_to_come_again(
    web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.feedback._LIMIT_S", 0.01)
    services = web.application.extensions["lencds"]

    def full(line: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(services.store.backlog.spool, "append", full)
    with services.database._turn:
        response = web.post(PATH, json=report(item()))
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
