"""Feedback is stored once, and only by the client that got the card."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy

from cds_hooks.protocol.feedback import FeedbackItem
from service.store.database import Database, DatabaseUnavailableError
from service.store.feedback import FeedbackStore, Tally
from service.store.tables import feedback

SERVICE = "lenalidomide-order-sign"


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


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
    assert store.record("st-elsewhere", SERVICE, report, clock()) == Tally(stored=1)
    (found,) = rows(database)
    assert (found["topic"], found["reason_code"], found["comment"]) == ("neutropenia", "45", "seen")


def test_the_same_report_twice_is_one_row(
    store: FeedbackStore, shown_card: str, clock: Any, database: Database
) -> None:
    report = [item(shown_card, clock)]
    store.record("st-elsewhere", SERVICE, report, clock())
    clock.advance(hours=1)
    first_time = [item(shown_card, clock, outcome_time=report[0].outcome_time)]
    assert store.record("st-elsewhere", SERVICE, first_time, clock()) == Tally(repeated=1)
    assert store.record("st-elsewhere", SERVICE, [item(shown_card, clock)], clock()) == Tally(stored=1)
    assert len(rows(database)) == 2


def test_the_same_item_twice_in_one_report(store: FeedbackStore, shown_card: str, clock: Any) -> None:
    report = [item(shown_card, clock), item(shown_card, clock)]
    assert store.record("st-elsewhere", SERVICE, report, clock()) == Tally(stored=1, repeated=1)


def test_unknown_cards_are_kept_without_topic(store: FeedbackStore, clock: Any, database: Database) -> None:
    assert store.record("st-elsewhere", SERVICE, [item("x" * 500, clock)], clock()) == Tally(stored=1, unknown=1)
    assert rows(database)[0]["topic"] == ""


def test_cards_of_another_client_are_out_of_reach(
    store: FeedbackStore, shown_card: str, clock: Any, database: Database
) -> None:
    assert store.record("mercy", SERVICE, [item(shown_card, clock)], clock()) == Tally(foreign=1)
    assert rows(database) == []


def test_a_blocked_database_is_told(store: FeedbackStore, clock: Any, blocked: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("service.store.feedback._LIMIT_S", 0.05)
    with blocked(), pytest.raises(DatabaseUnavailableError):
        store.record("st-elsewhere", SERVICE, [item("x", clock)], clock())
