"""What an administrator sees of calls, over the real application: numbers, audit rows, and answers in spite of a
broken database."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from flask.testing import FlaskClient
from sqlalchemy import event

from cds_hooks.cases.case import load_cases
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.run import hook_request
from service.app import create_app
from service.clinical import Clinical
from service.config import Settings
from service.rule_trace import expand
from service.store.tables import audit

Json = dict[str, Any]
SIGN = "/cds-services/lenalidomide-order-sign"


@pytest.fixture
def web(tmp_path: Path, clinical: Clinical) -> Iterator[FlaskClient]:
    settings = Settings(auth="off", database_url=f"sqlite:///{tmp_path / 'a.sqlite3'}", spool_dir=tmp_path / "spool")
    app = create_app(settings, clock=lambda: NOW, clinical=clinical)
    yield app.test_client()
    services = app.extensions["lencds"]
    services.housekeeping.close()
    services.store.close()


@pytest.fixture
def body(clinical: Clinical) -> Json:
    """A call whose only card is about the liver."""
    case = next(
        one
        for one in load_cases()
        if one.subject == "liver" and one.expect.keys() == {"hepatotoxicity"} and one.hook == "order-sign"
    )
    return copy.deepcopy(hook_request(case, clinical.order_check.reader.knowledge))


def rows(web: FlaskClient) -> list[Any]:
    with web.application.extensions["lencds"].database.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(audit)))


def numbers(web: FlaskClient) -> str:
    return web.get("/metrics").get_data(as_text=True)


def test_a_call_is_counted_and_recorded(web: FlaskClient, body: Json) -> None:
    card = web.post(SIGN, json=body).get_json()["cards"][0]
    shown = numbers(web)
    assert 'lencds_calls_total{client="local",hook="order-sign",outcome="cards"} 1.0' in shown
    assert 'lencds_cards_total{indicator="warning",topic="hepatotoxicity"} 1.0' in shown
    for phase in ("authenticate", "parse", "gather", "evaluate", "record"):
        assert f'lencds_phase_seconds_count{{phase="{phase}"}} 1.0' in shown
    assert 'lencds_data_needs_total{need="patient",source="prefetch"} 1.0' in shown
    (row,) = rows(web)
    assert row.cards == {card["uuid"]: "hepatotoxicity"}
    assert (row.client, row.hook, row.hook_instance) == ("local", "order-sign", body["hookInstance"])
    assert row.version
    results = {one.topic: one.result for one in expand(row.rules)}
    assert results["hepatotoxicity"] == "shown"
    assert results["neutropenia"] == "passed"


def test_what_clinicians_did_is_counted_by_topic_and_reason(web: FlaskClient, body: Json) -> None:
    card = web.post(SIGN, json=body).get_json()["cards"][0]
    item = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-01T12:00:00Z",
        "overrideReason": {"reason": {"code": "doneElsewhere"}, "userComment": "Mrs Smith says so"},
    }
    web.post(f"{SIGN}/feedback", json={"feedback": [item]})
    shown = numbers(web)
    assert 'lencds_overrides_total{reason="doneElsewhere",topic="hepatotoxicity"} 1.0' in shown
    assert 'lencds_card_responses_total{outcome="overridden",topic="hepatotoxicity"} 1.0' in shown
    assert "Smith" not in shown


def test_an_incomplete_check_is_counted_by_cause(web: FlaskClient, body: Json) -> None:
    del body["prefetch"]["conditions"]
    web.post(SIGN, json=body)
    shown = numbers(web)
    assert 'lencds_check_incomplete_total{cause="no-fhir-server"} 1.0' in shown
    assert 'lencds_data_needs_total{need="conditions",source="no-fhir-server"} 1.0' in shown
    assert any(one.missing == ("conditions",) for one in expand(rows(web)[0].rules))


def test_no_label_holds_what_a_request_says(web: FlaskClient, body: Json, clinical: Clinical) -> None:
    secret = "Zz9secretZz9"
    web.post(SIGN, json={**body, "hookInstance": secret, "extension": {secret: secret}})
    web.post(SIGN, json={**body, "hook": secret})
    web.post(f"/cds-services/{secret}", json=body)
    web.post(f"{SIGN}/feedback", json={"feedback": [{
        "card": secret, "outcome": "overridden", "outcomeTimestamp": "2026-03-01T12:00:00Z",
        "overrideReason": {"reason": {"code": secret, "system": secret, "display": secret}},
    }]})  # fmt: skip
    shown = numbers(web)
    assert secret not in shown
    assert body["context"]["patientId"] not in shown
    assert 'lencds_overrides_total{reason="other",topic="unknown"} 1.0' in shown
    knowledge = clinical.order_check.reader.knowledge
    topics = set(re.findall(r'topic="([^"]*)"', shown))
    assert topics <= {*knowledge.topics, "unknown"}


def test_health_tells_about_every_part(web: FlaskClient, clinical: Clinical) -> None:
    checks = web.get("/health").get_json()["checks"]
    knowledge = clinical.order_check.reader.knowledge
    assert checks["knowledge"][0]["observedValue"] == knowledge.hash
    assert checks["knowledge:unverified"][0]["observedValue"] == knowledge.unverified
    assert checks["audit:spool"] == [
        {"status": "pass", "componentType": "component", "observedValue": 0, "observedUnit": "rows"}
    ]
    assert checks["uptime"][0]["observedUnit"] == "s"


@pytest.mark.parametrize("trouble", ["PRAGMA query_only=ON", "PRAGMA max_page_count=1", "locked"])
def test_decisions_go_on_with_a_database_that_cannot_be_written(
    web: FlaskClient, body: Json, trouble: str, tmp_path: Path
) -> None:
    services = web.application.extensions["lencds"]
    engine = services.database.engine
    before = [card["summary"] for card in web.post(SIGN, json=body).get_json()["cards"]]
    blocker = sqlalchemy.create_engine(engine.url, isolation_level="AUTOCOMMIT").connect()
    if trouble == "locked":
        blocker.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        engine.dispose()
        event.listen(engine, "connect", lambda connection, _record: connection.execute(trouble))
        services.database.run(lambda connection: connection.exec_driver_sql(trouble))
    for _ in range(5):
        response = web.post(SIGN, json=body)
        assert (response.status_code, [card["summary"] for card in response.get_json()["cards"]]) == (200, before)
    waiting = services.store.backlog.spool.depth()
    assert waiting >= 4  # into the last page that is there one more row may fit
    assert web.get("/readyz").get_json() == {"status": "degraded"}
    assert f"lencds_spool_depth {waiting}.0" in numbers(web)
    assert f'lencds_spooled_total{{kind="audit"}} {waiting}.0' in numbers(web)
    if trouble == "locked":
        blocker.exec_driver_sql("ROLLBACK")
        services.store.backlog.replay()
        assert len(rows(web)) == 6
        assert services.audit.find_breaks() == []
    blocker.close()


def test_decisions_go_on_when_nothing_can_be_written_at_all(
    web: FlaskClient, body: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = web.application.extensions["lencds"]

    def full(line: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(services.store.backlog.spool, "append", full)
    with services.database._turn:
        response = web.post(SIGN, json=body)
    assert (response.status_code, len(response.get_json()["cards"])) == (200, 1)
    assert "lencds_audit_lost_total 1.0" in numbers(web)
    # The chain went on without the lost row, and says so once the next one is there.
    web.post(SIGN, json=body)
    assert [str(one).partition(": ")[2] for one in services.audit.breaks()] == ["row 0 missing"]
