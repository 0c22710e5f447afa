"""The figures of use, on both databases, against calls whose numbers are known."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from cds_hooks.protocol.feedback import FeedbackItem
from service.cli import lencds
from service.reports.percentiles import Latency, latency
from service.reports.recent_calls import CardResponse, call_by_id, recent_calls
from service.reports.usage import clients, usage
from service.reports.usage_figures import DayCards, NeedCompleteness, OutcomeCount, Period, Usage
from service.rule_trace import RuleResult
from service.store.audit import AuditRow
from service.store.store import Store, open_store

MONDAY = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 0, 0, 0, tzinfo=UTC)
SERVICE = "lenalidomide-order-sign"
ALL = Period(since=MONDAY - timedelta(days=1), until=TUESDAY + timedelta(days=1))


@pytest.fixture
def store(store_settings: Any) -> Any:
    """Four calls on two days, and what clinicians did with their cards."""
    store = open_store(store_settings, clock=lambda: TUESDAY, reason_of=lambda _client, item: item.reason_code)
    cards = {name: str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in "abcde"}

    def call(time: datetime, client: str, ms: float, shown: dict[str, str], **more: Any) -> None:
        found = dict.fromkeys(shown.values(), "warning")
        row = AuditRow(
            time=time,
            client=client,
            service_id=SERVICE,
            hook="order-sign",
            hook_instance="h",
            patient_hmac="secret",
            **{
                "outcome": "cards" if shown else "no-cards",
                "topics": found,
                "cards": {cards[name]: topic for name, topic in shown.items()},
                "total_ms": ms,
                **more,
            },
        )
        store.audit.record(row, limit_s=20)

    call(MONDAY, "east", 10.0, {"a": "neutropenia", "b": "cbcOverdue"}, sources={"patient": "prefetch"})
    rules = {"neutropenia": {"result": "shown", "variant": "hold"}, "lactation": "passed"}
    fetched = {"sources": {"patient": "fhir"}, "fhir_requests": 2, "fhir_ms": 7.0, "rules": rules, "version": "1.2"}
    call(TUESDAY, "east", 20.0, {"c": "neutropenia"}, **fetched)
    call(TUESDAY, "west", 30.0, {"d": "checkIncomplete"}, sources={"patient": "timeout"})
    silent = {"topics": {"neutropenia": "critical"}, "outcome": "silent"}
    call(TUESDAY, "west", 40.0, {}, sources={"patient": "prefetch"}, **silent)

    def answer(client: str, name: str, outcome: str, minute: int = 0, **more: Any) -> None:
        when = TUESDAY + timedelta(minutes=minute)
        item = FeedbackItem(card=cards.get(name, name), outcome=outcome, outcome_time=when, **more)
        store.feedback.record(client, SERVICE, [item], TUESDAY)

    answer("east", "a", "accepted")
    answer("east", "a", "overridden", 1, reason_code="doneElsewhere")  # the same card once more: still accepted
    answer("east", "c", "overridden", reason_code="doneElsewhere")
    answer("east", "c", "overridden", 1, reason_code="doneElsewhere")  # twice: still one card
    answer("east", "b", "overridden")
    answer("west", "a", "overridden")  # a card of another client
    answer("west", "unknown", "accepted")
    assert not store.backlog.spool.waiting
    yield store
    store.close()


def figures(store: Store, period: Period = ALL) -> Usage:
    with store.database.reading() as connection:
        return usage(connection, period)


def test_calls_and_latency_day_by_day(store: Store) -> None:
    found = figures(store)
    assert (found.calls, found.with_cards, found.incomplete) == (4, 3, 1)
    monday, tuesday = found.days
    assert (monday.day, monday.calls, monday.latency.p50_ms) == ("2026-03-02", 1, 10.0)
    assert (tuesday.day, tuesday.calls, tuesday.with_cards, tuesday.incomplete) == ("2026-03-03", 3, 2, 1)
    assert tuesday.latency == Latency(3, 30.0, 40.0, 40.0, 40.0)
    assert (monday.fhir, tuesday.fhir) == (Latency(), Latency(1, 7.0, 7.0, 7.0, 7.0))
    assert found.latency == Latency(4, 20.0, 40.0, 40.0, 40.0)


def test_outcomes(store: Store) -> None:
    assert figures(store).outcomes == (
        OutcomeCount("east", "order-sign", "cards", 2),
        OutcomeCount("west", "order-sign", "cards", 1),
        OutcomeCount("west", "order-sign", "silent", 1),
    )


def test_acceptance_and_overrides_by_topic(store: Store) -> None:
    neutropenia = figures(store).topics[0]
    assert (neutropenia.topic, neutropenia.found, neutropenia.cards) == ("neutropenia", 3, 2)
    assert (neutropenia.accepted, neutropenia.overridden, neutropenia.acceptance) == (1, 1, 0.5)
    assert (neutropenia.reasons, neutropenia.by_indicator) == ({"doneElsewhere": 1}, {"warning": 2})
    overdue = next(one for one in figures(store).topics if one.topic == "cbcOverdue")
    assert (overdue.overridden, overdue.override_rate, overdue.reasons) == (1, 1.0, {"none": 1})
    assert figures(store).feedback_without_card == 1


def test_cards_by_topic_over_time(store: Store) -> None:
    assert figures(store).cards_by_day == (
        DayCards("2026-03-02", "cbcOverdue", 1),
        DayCards("2026-03-02", "neutropenia", 1),
        DayCards("2026-03-03", "checkIncomplete", 1),
        DayCards("2026-03-03", "neutropenia", 1),
    )


def test_completeness_by_need_and_cause(store: Store) -> None:
    (patient,) = figures(store).completeness
    assert patient == NeedCompleteness("patient", 2, 1, {"timeout": 1})
    assert patient.completeness == 0.75


def test_a_period_takes_its_beginning_and_not_its_end(store: Store) -> None:
    assert figures(store, Period(since=MONDAY, until=TUESDAY)).calls == 1
    assert figures(store, Period(since=TUESDAY, until=TUESDAY + timedelta(hours=1), client="west")).calls == 2
    assert figures(store, Period(since=ALL.since, until=ALL.until, service_id="another")).calls == 0
    empty = figures(store, Period(since=ALL.until, until=ALL.until + timedelta(days=1)))
    assert (empty.calls, empty.latency, empty.topics, empty.days) == (0, Latency(), (), ())


def test_recent_calls_with_their_rules_and_without_patient(store: Store) -> None:
    with store.database.reading() as connection:
        calls = recent_calls(connection)
        assert [one.total_ms for one in calls][-1] == 10.0
        assert "secret" not in repr(calls)
        (call,) = (one for one in calls if one.total_ms == 20.0)
        assert set(call.rules) == {
            RuleResult(topic="neutropenia", result="shown", variant="hold"),
            RuleResult(topic="lactation", result="passed"),
        }
        assert {(one.outcome, one.reason) for one in call.responses} == {("overridden", "doneElsewhere")}
        assert isinstance(call.responses[0], CardResponse)
        assert call_by_id(connection, call.id) == call
        assert call_by_id(connection, "no such call") is None
        assert [one.client for one in recent_calls(connection, client="west")] == ["west", "west"]
        assert len(recent_calls(connection, topic="neutropenia")) == 2
        assert [one.total_ms for one in recent_calls(connection, outcome="silent")] == [40.0]
        assert clients(connection) == ("east", "west")


def test_recent_calls_page_by_page(store: Store) -> None:
    with store.database.reading() as connection:
        everything = recent_calls(connection)
        paged, before = [], None
        while page := recent_calls(connection, limit=1, before=before):
            paged += page
            before = (page[-1].time, page[-1].id)
        assert tuple(paged) == everything


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, Latency()),
        ({5.0: 1}, Latency(1, 0.5, 0.5, 0.5, 0.5)),
        ({float(n): 1 for n in range(1, 101)}, Latency(100, 5.0, 9.5, 9.9, 10.0)),
        ({10.0: 99, 1000.0: 1}, Latency(100, 1.0, 1.0, 1.0, 100.0)),
    ],
)
def test_percentiles_by_nearest_rank(counts: dict[float, int], expected: Latency) -> None:
    assert latency(counts) == expected


class TestCommand:
    @pytest.fixture
    def run(self, store: Store, store_settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        assert store.database.is_reachable()
        monkeypatch.setenv("LENCDS_DATABASE_URL", store_settings.database_url)
        monkeypatch.setenv("LENCDS_AUDIT_KEY", "k" * 32)
        monkeypatch.setenv("COLUMNS", "140")

        def invoke(*arguments: str) -> Any:
            return CliRunner().invoke(
                lencds, ["report", "--since", "2026-03-01", "--until", "2026-03-10", *arguments],
                catch_exceptions=False,
            )  # fmt: skip

        return invoke

    def test_the_tables(self, run: Any) -> None:
        shown = run().output
        assert "4 calls, 75.0% with cards, 25.0% not checked completely" in shown
        assert "doneElsewhere 1" in shown
        assert "1 feedback items are about cards that are not known" in shown

    def test_json(self, run: Any) -> None:
        document = json.loads(run("--json").output)
        assert document["calls"] == 4
        assert document["topics"][0]["reasons"] == {"doneElsewhere": 1}

    @pytest.mark.parametrize(("table", "rows"), [("days", 2), ("topics", 3), ("cards", 4), ("completeness", 1)])
    def test_csv(self, run: Any, table: str, rows: int) -> None:
        lines = list(csv.reader(io.StringIO(run("--csv", table).output)))
        assert len(lines) == rows + 1
        assert {len(line) for line in lines} == {len(lines[0])}

    def test_an_unknown_client_is_told_the_known_ones(self, run: Any) -> None:
        with pytest.raises(Exception, match="Clients: east, west"):
            run("--client", "north")

    def test_nothing_to_show(self, run: Any) -> None:
        assert "No call in this period" in run("--since", "2026-03-08").output
