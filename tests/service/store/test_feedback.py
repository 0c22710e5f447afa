"""Feedback is stored once, and only by the client that got the card."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from cds_hooks.protocol.feedback import FeedbackItem
from service.store.audit_key import AuditKey
from service.store.backlog import Backlog
from service.store.database import Database, DatabaseUnavailableError
from service.store.feedback import FeedbackStore, StoredFeedback, Tally
from service.store.spool import Spool
from service.store.tables import feedback

SERVICE = "lenalidomide-order-sign"


@pytest.fixture
def backlog(database: Database, tmp_path: Path) -> Backlog:
    return Backlog(database, Spool(tmp_path / "spool", "worker"))


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Wait for a blocked database only briefly, for any other as long as a slow machine needs."""
    monkeypatch.setattr("service.store.feedback._LIMIT_S", 0.05 if "blocked" in request.fixturenames else 20)


@pytest.fixture
def heard() -> list[Tally]:
    """What the metrics hear."""
    return []


@pytest.fixture
def store(database: Database, backlog: Backlog, key: AuditKey, heard: list[Tally]) -> FeedbackStore:
    return FeedbackStore(
        database, backlog, key, reason_of=lambda _client, item: f"ours-{item.reason_code}", on_tally=heard.append
    )


@pytest.fixture
def shown_card(make_audit: Any, row: Any) -> str:
    """Uuid of a card the client st-elsewhere got."""
    written = row()
    make_audit().record(written)
    return next(iter(written.cards))


def item(card: str, clock: Any, **changes: Any) -> FeedbackItem:
    return FeedbackItem(**{"card": card, "outcome": "overridden", "outcome_time": clock(), **changes})


def rows(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(feedback)).mappings())


def test_feedback_is_linked_to_the_topic(store: FeedbackStore, shown_card: str, clock: Any, database: Database) -> None:
    report = [item(shown_card, clock, reason_code="45", comment="seen")]
    assert store.record("st-elsewhere", SERVICE, report, clock()).counts == {"stored": 1}
    (found,) = rows(database)
    assert (found["topic"], found["reason_code"], found["comment"]) == ("neutropenia", "45", "seen")
    assert found["reason"] == "ours-45"


def test_the_same_report_twice_is_one_row(
    store: FeedbackStore, shown_card: str, clock: Any, database: Database
) -> None:
    report = [item(shown_card, clock)]
    store.record("st-elsewhere", SERVICE, report, clock())
    clock.advance(hours=1)
    first_time = [item(shown_card, clock, outcome_time=report[0].outcome_time)]
    assert store.record("st-elsewhere", SERVICE, first_time, clock()).counts == {"repeated": 1}
    assert store.record("st-elsewhere", SERVICE, [item(shown_card, clock)], clock()).counts == {"stored": 1}
    assert len(rows(database)) == 2


def test_the_same_item_twice_in_one_report(store: FeedbackStore, shown_card: str, clock: Any) -> None:
    report = [item(shown_card, clock), item(shown_card, clock)]
    assert store.record("st-elsewhere", SERVICE, report, clock()).counts == {"stored": 1, "repeated": 1}


def test_unknown_cards_are_kept_without_topic(store: FeedbackStore, clock: Any, database: Database) -> None:
    assert store.record("st-elsewhere", SERVICE, [item("x" * 500, clock)], clock()).counts == {
        "stored": 1,
        "unknown": 1,
    }
    assert rows(database)[0]["topic"] == ""


def test_cards_of_another_client_are_out_of_reach(
    store: FeedbackStore, shown_card: str, clock: Any, database: Database
) -> None:
    assert store.record("mercy", SERVICE, [item(shown_card, clock)], clock()).counts == {"foreign": 1}
    assert rows(database) == []


def test_what_was_stored_is_told_in_words_for_the_metrics(store: FeedbackStore, shown_card: str, clock: Any) -> None:
    tally = store.record("st-elsewhere", SERVICE, [item(shown_card, clock, reason_code="45")], clock())
    assert tally.items == (StoredFeedback("neutropenia", "overridden", "ours-45"),)


def test_while_the_database_is_blocked_feedback_waits_on_disk(
    store: FeedbackStore, backlog: Backlog, shown_card: str, clock: Any, database: Database, blocked: Any
) -> None:
    report = [item(shown_card, clock, comment="seen"), item("unknown", clock)]
    with blocked():
        assert store.record("st-elsewhere", SERVICE, report, clock()).counts == {"spooled": 2}
    assert backlog.spool.depth() == 2
    assert backlog.replay() == 2
    assert {(found["topic"], found["comment"]) for found in rows(database)} == {("neutropenia", "seen"), ("", "")}
    assert {found["received"] for found in rows(database)} == {clock()}
    # The same report again, as a client sends it that did not hear the answer, and a replay that was interrupted.
    assert store.record("st-elsewhere", SERVICE, report, clock()).counts == {"repeated": 2}
    assert len(rows(database)) == 2


def test_spooled_feedback_is_counted_when_it_is_stored(
    store: FeedbackStore, backlog: Backlog, shown_card: str, clock: Any, blocked: Any, heard: list[Tally]
) -> None:
    with blocked():
        store.record("st-elsewhere", SERVICE, [item("x", clock)], clock())  # what a server still does when it is back
        store.record("st-elsewhere", SERVICE, [item(shown_card, clock, reason_code="45")], clock())
    assert [tally.counts for tally in heard] == [{"spooled": 1}, {"spooled": 1}]
    backlog.replay()
    assert heard[-1].counts == {"stored": 1}
    assert heard[-1].items == (StoredFeedback("neutropenia", "overridden", "ours-45"),)


def test_spooled_feedback_about_cards_of_another_client_is_not_stored(
    store: FeedbackStore, backlog: Backlog, shown_card: str, clock: Any, database: Database, blocked: Any
) -> None:
    with blocked():
        store.record("mercy", SERVICE, [item("x", clock)], clock())  # what a server still does when it is back
        store.record("mercy", SERVICE, [item(shown_card, clock)], clock())
    backlog.replay()
    assert [found["card"] for found in rows(database)] == ["x"]


def test_spooled_feedback_that_was_changed_on_disk_is_not_stored(
    store: FeedbackStore, backlog: Backlog, clock: Any, database: Database, blocked: Any, tmp_path: Path
) -> None:
    with blocked():
        store.record("mercy", SERVICE, [item("x", clock)], clock())
        store.record("mercy", SERVICE, [item("y", clock)], clock())
    (file,) = (tmp_path / "spool").glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b"overridden", b"accepted"))
    assert backlog.replay() == 0
    assert backlog.spool.damaged() == 2
    assert {found["outcome"] for found in rows(database)} <= {"overridden"}


def test_when_neither_takes_it_the_client_is_told(
    store: FeedbackStore, clock: Any, blocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with blocked():
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(DatabaseUnavailableError):
            store.record("st-elsewhere", SERVICE, [item("x", clock)], clock())
        monkeypatch.undo()
