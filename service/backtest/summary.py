"""What a backtest found, in numbers. Counts only; nothing of a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from statistics import median

from cds_hooks.findings import Indicator
from service.backtest.judge import Judged

LOOKED_AT = frozenset({"cards", "no-cards", "patient-missing", "failed"})
"""Outcomes of signings that concern lenalidomide or a drug that meets it."""


@dataclass(frozen=True, slots=True)
class TopicCount:
    """How often a topic came up.

    Attributes:
        topic: its code.
        by_indicator: indicator → cards.
        added: cards only the other knowledge gives; None without comparison.
        removed: cards only the present knowledge gives.
        changed: cards of both, with another indicator.
    """

    topic: str
    by_indicator: Mapping[str, int]
    added: int | None = None
    removed: int | None = None
    changed: int | None = None

    @property
    def cards(self) -> int:
        """Cards of all indicators."""
        return sum(self.by_indicator.values())


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread over clinician-days.

    Attributes:
        days: clinician-days with at least one relevant signing.
        mean: mean.
        median: median.
        p95: 95th percentile.
        most: largest.
    """

    days: int
    mean: float
    median: float
    p95: float
    most: int


@dataclass(slots=True)
class Summary:
    """The numbers of a backtest; `add` takes one judged signing after the other.

    Attributes:
        signings: all signings by outcome.
        orders: all orders.
        by_month: month (`YYYY-MM`) → indicator → cards.
        compared: whether there is another knowledge to compare with.
    """

    compared: bool = False
    signings: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    relevant_orders: int = 0
    first: date | None = None
    last: date | None = None
    by_month: dict[str, Counter[str]] = field(default_factory=dict)
    relevant_by_month: Counter[str] = field(default_factory=Counter)
    _cards: Counter[tuple[str, str]] = field(default_factory=Counter)
    _changes: dict[str, Counter[str]] = field(default_factory=dict)
    _clinician_days: Counter[tuple[str, date]] = field(default_factory=Counter)
    changed_signings: int = 0

    def add_all(self, judged: Iterable[Judged]) -> None:
        """Take judged signings, in any order."""
        for one in judged:
            self.add(one)

    def add(self, one: Judged) -> None:
        """Take one judged signing."""
        self.signings[one.outcome] += 1
        self.orders += len(one.orders)
        if one.outcome not in LOOKED_AT:
            return
        self.relevant_orders += len(one.orders)
        day = one.time.date()
        self.first = day if self.first is None else min(self.first, day)
        self.last = day if self.last is None else max(self.last, day)
        month = f"{day:%Y-%m}"
        self.relevant_by_month[month] += 1
        self.by_month.setdefault(month, Counter()).update(one.topics.values())
        self._cards.update(one.topics.items())
        if one.clinician:
            self._clinician_days[one.clinician, day] += len(one.topics)
        if one.against is not None:
            self._compare(one.topics, one.against)

    @property
    def relevant(self) -> int:
        """Signings that concern lenalidomide or a drug that meets it."""
        return sum(count for outcome, count in self.signings.items() if outcome in LOOKED_AT)

    @property
    def cards(self) -> int:
        """All cards."""
        return self._cards.total()

    def per_100(self, cards: int) -> float:
        """Return cards per 100 relevant signings."""
        return 100 * cards / self.relevant if self.relevant else 0.0

    def by_indicator(self) -> dict[str, int]:
        """Return indicator → cards, most urgent first."""
        count: Counter[str] = Counter()
        for (_, indicator), number in self._cards.items():
            count[indicator] += number
        return {one.value: count[one.value] for one in sorted(Indicator, key=lambda one: one.rank)}

    def topics(self) -> tuple[TopicCount, ...]:
        """Return every topic that came up under either knowledge, the most frequent first."""
        names = {topic for topic, _ in self._cards} | self._changes.keys()
        counts = [self._topic(name) for name in names]
        return tuple(sorted(counts, key=lambda one: (-one.cards, one.topic)))

    def burden(self) -> Spread | None:
        """Return the cards of a clinician-day; None when no order names its clinician."""
        counts = sorted(self._clinician_days.values())
        if not counts:
            return None
        p95 = counts[min(len(counts) - 1, int(0.95 * len(counts)))]
        return Spread(len(counts), sum(counts) / len(counts), median(counts), p95, counts[-1])

    def burden_histogram(self) -> dict[int, int]:
        """Return cards of a clinician-day → clinician-days."""
        return dict(sorted(Counter(self._clinician_days.values()).items()))

    def _topic(self, name: str) -> TopicCount:
        by_indicator = {indicator: n for (topic, indicator), n in self._cards.items() if topic == name}
        if not self.compared:
            return TopicCount(name, by_indicator)
        changes = self._changes.get(name, Counter())
        return TopicCount(name, by_indicator, changes["added"], changes["removed"], changes["changed"])

    def _compare(self, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
        if dict(ours) == dict(theirs):
            return
        self.changed_signings += 1
        for topic in ours.keys() | theirs.keys():
            if topic not in ours:
                kind = "added"
            elif topic not in theirs:
                kind = "removed"
            elif ours[topic] != theirs[topic]:
                kind = "changed"
            else:
                continue
            self._changes.setdefault(topic, Counter())[kind] += 1
