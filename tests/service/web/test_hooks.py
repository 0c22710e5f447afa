"""The whole service over HTTP: what a client's configuration does to its cards, and feedback on cards really shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from flask import Flask
from flask.testing import FlaskClient

from cds_hooks.cases.case import load_cases
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.run import hook_request
from cds_hooks.knowledge.loader import load_knowledge
from service.app import create_app
from service.auth.clients import Client, MappedCode
from service.config import Settings
from service.store.tables import audit, card, feedback

Json = dict[str, Any]
SIGN = "/cds-services/lenalidomide-order-sign"
KNOWLEDGE = load_knowledge()
EPIC_REASON = "com.epic.cdshooks.feedback.overrideReason.reason"


def request_of(topic: str) -> Json:
    """The request of a case that expects a topic."""
    case = next(one for one in load_cases() if one.hook == "order-sign" and topic in one.expect)
    return hook_request(case, KNOWLEDGE)


@pytest.fixture(scope="module")
def renal_request() -> Json:
    return request_of("renalDose")


@pytest.fixture(scope="module")
def pregnancy_request() -> Json:
    return request_of("pregnancyTestRequired")


Serve = Callable[..., FlaskClient]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts the service with authentication off for a client with some wishes.

    It waits for the database of a slow machine, so that nothing goes to the spool.
    """
    monkeypatch.setattr("service.web.hooks.WRITE_LIMIT_S", 20.0)
    monkeypatch.setattr("service.store.feedback._LIMIT_S", 20.0)
    apps: list[Flask] = []

    def start(database_url: str = "", **wishes: Any) -> FlaskClient:
        settings = Settings(
            auth="off",
            database_url=database_url or f"sqlite:///{tmp_path / 'lencds.sqlite3'}",
            audit_key=b"k" * 32 if database_url.startswith("postgresql") else None,
            spool_dir=tmp_path / "spool",
            deadline_ms=20_000,
            clients=(Client(name="local", **wishes),),
        )
        apps.append(create_app(settings, clock=lambda: NOW))
        return apps[-1].test_client()

    yield start
    for app in apps:
        app.extensions["lencds"].close()


def cards_of(web: FlaskClient, body: Json) -> list[Json]:
    response = web.post(SIGN, json=body)
    assert response.status_code == 200, response.text
    cards: list[Json] = response.get_json()["cards"]
    return cards


def topics(cards: list[Json]) -> set[str]:
    return {one["source"]["topic"]["code"] for one in cards}


def actions(cards: list[Json]) -> list[Json]:
    return [action for one in cards for suggestion in one.get("suggestions", ()) for action in suggestion["actions"]]


def rows(web: FlaskClient, table: sqlalchemy.Table) -> list[Any]:
    with web.application.extensions["lencds"].database.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(table)).mappings())


# --- what a client wants ----------------------------------------------------------------------------------------------


def test_a_silent_client_gets_no_card_and_leaves_a_trace(serve: Serve, renal_request: Json) -> None:
    web = serve(silent=True)
    assert cards_of(web, renal_request) == []
    (row,) = rows(web, audit)
    assert row["outcome"] == "silent"
    assert row["topics"]["renalDose"] in ("warning", "critical")
    assert row["cards"] == {}
    assert rows(web, card) == []


def test_a_silent_client_is_told_when_nothing_could_be_checked(serve: Serve, renal_request: Json) -> None:
    body = {name: value for name, value in renal_request.items() if name != "prefetch"}
    assert serve(silent=True).post(SIGN, json=body).status_code == 412


def test_topics_that_are_disabled_are_found_and_not_shown(serve: Serve, renal_request: Json) -> None:
    everything = topics(cards_of(serve(), renal_request))
    web = serve(disabled_topics=("renalDose",))
    assert topics(cards_of(web, renal_request)) == everything - {"renalDose"}
    row = rows(web, audit)[-1]
    assert "renalDose" in row["topics"]
    assert "renalDose" not in row["cards"].values()


def test_override_reasons_come_in_the_codes_of_the_site(serve: Serve, renal_request: Json) -> None:
    web = serve(override_code_map={"benefitOutweighsRisk": MappedCode(code="21", system="urn:oid:1.2.3")})
    reasons = [reason for one in cards_of(web, renal_request) for reason in one["overrideReasons"]]
    mapped = [reason for reason in reasons if reason["code"] == "21"]
    assert {reason["system"] for reason in mapped} == {"urn:oid:1.2.3"}
    assert {reason["display"] for reason in mapped} == {
        KNOWLEDGE.override_reasons.reasons["benefitOutweighsRisk"].display
    }
    assert "benefitOutweighsRisk" not in {reason["code"] for reason in reasons}


def test_orders_come_in_the_codes_of_the_site(serve: Serve, pregnancy_request: Json) -> None:
    system = "urn:com.epic.cdshooks.action.code.system.preference-list-item"
    web = serve(profile="epic", action_code_map={"pregnancyTest": MappedCode(code="LAB123", system=system)})
    orders = [action["resource"] for action in actions(cards_of(web, pregnancy_request)) if action["type"] == "create"]
    assert {"system": system, "code": "LAB123"} in [order["code"]["coding"][0] for order in orders]


def test_epic_gets_no_update(serve: Serve, renal_request: Json) -> None:
    assert "update" in {action["type"] for action in actions(cards_of(serve(), renal_request))}
    shown = cards_of(serve(profile="epic"), renal_request)
    assert "update" not in {action["type"] for action in actions(shown)}
    (dose,) = (one for one in shown if one["source"]["topic"]["code"] == "renalDose")
    assert "mg" in dose["detail"].partition("**Options**")[2]


def test_keys_of_the_site_answer_for_ours(serve: Serve, renal_request: Json) -> None:
    body = copy.deepcopy(renal_request)
    body["prefetch"]["LAB-RESULTS"] = body["prefetch"].pop("chemistry")
    assert "checkIncomplete" in topics(cards_of(serve(), body))
    aliased = topics(cards_of(serve(prefetch_aliases={"chemistry": "LAB-RESULTS"}), body))
    assert aliased == topics(cards_of(serve(), renal_request))


# --- feedback on cards really shown, on each database -----------------------------------------------------------------


def item(uuid: str, outcome: str = "overridden", **members: Any) -> Json:
    return {"card": uuid, "outcome": outcome, "outcomeTimestamp": "2026-03-02T12:01:00Z", **members}


def report(web: FlaskClient, *items: Json) -> int:
    return web.post(f"{SIGN}/feedback", json={"feedback": list(items)}).status_code


def test_feedback_is_linked_to_the_topic_of_its_card(serve: Serve, renal_request: Json, database_url: str) -> None:
    web = serve(database_url)
    first, *others = cards_of(web, renal_request)
    accepted = item(first["uuid"], "accepted", acceptedSuggestions=[{"id": first["suggestions"][0]["uuid"]}])
    overridden = [
        item(one["uuid"], **{spelling: {"reason": one["overrideReasons"][0], "userComment": "seen"}})
        for one, spelling in zip(others, ("overrideReason", "overrideReasons") * len(others), strict=False)
    ]
    for _ in range(2):  # a batch that is sent again changes nothing
        assert report(web, accepted, *overridden) == 200
    stored = {row["card"]: row for row in rows(web, feedback)}
    assert len(rows(web, feedback)) == 1 + len(others)
    assert {uuid: row["topic"] for uuid, row in stored.items()} == {
        one["uuid"]: one["source"]["topic"]["code"] for one in (first, *others)
    }
    assert stored[first["uuid"]]["accepted_suggestions"] == [first["suggestions"][0]["uuid"]]
    for one in others:
        row = stored[one["uuid"]]
        assert (row["outcome"], row["comment"]) == ("overridden", "seen")
        assert row["reason_code"] == one["overrideReasons"][0]["code"]


def test_feedback_as_epic_sends_it(serve: Serve, renal_request: Json, database_url: str) -> None:
    web = serve(database_url, profile="epic", override_code_map={"doesNotApply": MappedCode(code="45")})
    shown = cards_of(web, renal_request)[0]
    extension = {
        f"{EPIC_REASON}Category": "45",
        f"{EPIC_REASON}Display": "N/A",
        f"{EPIC_REASON}Title": "Not applicable",
    }
    assert report(web, item(shown["uuid"].upper(), overrideReasons={"extension": extension})) == 200
    (row,) = rows(web, feedback)
    assert (row["card"], row["reason_code"], row["reason_display"]) == (shown["uuid"], "45", "N/A")
    assert row["topic"] == shown["source"]["topic"]["code"]


def test_feedback_that_changes_is_kept_beside_the_first(serve: Serve, renal_request: Json, database_url: str) -> None:
    web = serve(database_url)
    uuid = cards_of(web, renal_request)[0]["uuid"]
    later = item(uuid, "accepted", outcomeTimestamp="2026-03-02T12:05:00Z")
    assert report(web, item(uuid), later, item("not-one-of-ours")) == 200
    found = sorted((row["card"] == uuid, row["outcome"], row["topic"] != "") for row in rows(web, feedback))
    assert found == [(False, "overridden", False), (True, "accepted", True), (True, "overridden", True)]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"feedback": {}}', b'{"feedback": [{}]}', b"\xff", b"[" * 5000])
def test_feedback_that_cannot_be_read(serve: Serve, body: bytes) -> None:
    web = serve()
    response = web.post(f"{SIGN}/feedback", data=body)
    assert response.status_code == 400
    assert json.loads(response.get_data())["issue"][0]["expression"][0].startswith("$")
    assert rows(web, feedback) == []
