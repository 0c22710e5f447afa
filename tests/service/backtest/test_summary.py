"""The numbers of a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from service.backtest.judge import Judged
from service.backtest.summary import Summary


def judged(
    topics: Mapping[str, str], *, day: int = 1, clinician: str = "c", against: Mapping[str, str] | None = None
) -> Judged:
    time = datetime(2026, 1, day, tzinfo=UTC)
    return Judged(time, clinician, ("MedicationRequest/x",), "cards" if topics else "no-cards", topics, against)


def test_cards_are_counted_by_topic_indicator_and_per_100_signings() -> None:
    summary = Summary()
    summary.add_all(
        [judged({"renalDose": "warning", "neutropenia": "critical"}), judged({"renalDose": "critical"}), judged({}),
         Judged(datetime(2026, 1, 1, tzinfo=UTC), "c", ("MedicationRequest/y",), "irrelevant", {})]
    )  # fmt: skip
    first, second = summary.topics()
    assert (first.topic, first.cards, dict(first.by_indicator)) == ("renalDose", 2, {"warning": 1, "critical": 1})
    assert (second.topic, second.added) == ("neutropenia", None)
    assert (summary.orders, summary.relevant, summary.cards) == (4, 3, 3)
    assert summary.per_100(summary.cards) == 100.0
    assert summary.by_indicator() == {"critical": 2, "warning": 1, "info": 0}


def test_the_burden_is_that_of_a_clinician_in_a_day() -> None:
    summary = Summary()
    cards = {"a": "info", "b": "info"}
    summary.add_all([judged(cards), judged(cards), judged({}, day=2), judged(cards, clinician="d"),
                     judged(cards, clinician="")])  # fmt: skip
    burden = summary.burden()
    assert burden is not None
    assert (burden.days, burden.mean, burden.median, burden.p95, burden.most) == (3, 2.0, 2, 4, 4)
    assert summary.burden_histogram() == {0: 1, 2: 1, 4: 1}
    assert Summary().burden() is None


def test_a_comparison_tells_added_removed_and_changed_cards() -> None:
    summary = Summary(compared=True)
    summary.add_all(
        [
            judged({"a": "info", "b": "warning"}, against={"b": "critical", "c": "info"}),
            judged({"a": "info"}, against={"a": "info"}),
        ]
    )
    changes = {row.topic: (row.added, row.removed, row.changed) for row in summary.topics()}
    assert changes == {"a": (0, 1, 0), "b": (0, 0, 1), "c": (1, 0, 0)}
    assert summary.changed_signings == 1
