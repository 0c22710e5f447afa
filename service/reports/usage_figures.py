"""The figures of use: calls, latency, cards, answers of clinicians, completeness of data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.reports.percentiles import Latency

AT_HAND = ("prefetch", "fhir")
"""Sources of data that was at hand; every other word is the cause why it was missing."""

INCOMPLETE = "checkIncomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Which calls to count.

    Attributes:
        since: from this instant on.
        until: up to, not including, this instant.
        client: of this client only; "" for all.
        service_id: of this service only; "" for all.
    """

    since: datetime
    until: datetime
    client: str = ""
    service_id: str = ""


@dataclass(frozen=True, slots=True)
class DayCalls:
    """The calls of one day.

    Attributes:
        day: date in UTC.
        calls: how many.
        with_cards: those that returned cards.
        incomplete: those that could not be checked completely.
        latency: how long they took.
        fhir: how long they waited for FHIR servers, of those that asked any.
    """

    day: str
    calls: int
    with_cards: int
    incomplete: int
    latency: Latency
    fhir: Latency


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How many calls of a client and hook ended in one way."""

    client: str
    hook: str
    outcome: str
    calls: int


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """How many calls of one day ended in one way."""

    day: str
    outcome: str
    calls: int


@dataclass(frozen=True, slots=True)
class DayCards:
    """How many cards of a topic were returned on one day."""

    day: str
    topic: str
    cards: int


@dataclass(frozen=True, slots=True)
class TopicUse:
    """What became of the cards of one topic.

    Attributes:
        topic: topic code.
        found: calls in which it was found, shown or not (a silent client is shown nothing).
        cards: cards returned.
        by_indicator: indicator → cards.
        accepted: cards of which a suggestion was accepted.
        overridden: cards that were overridden and of which none was.
        reasons: our word for the override reason → cards.
    """

    topic: str
    found: int
    cards: int
    by_indicator: dict[str, int]
    accepted: int
    overridden: int
    reasons: dict[str, int]

    @property
    def acceptance(self) -> float | None:
        """Accepted cards per card returned, None without cards."""
        return self.accepted / self.cards if self.cards else None

    @property
    def override_rate(self) -> float | None:
        """Overridden cards per card returned, None without cards."""
        return self.overridden / self.cards if self.cards else None


@dataclass(frozen=True, slots=True)
class NeedCompleteness:
    """Where data of one need came from.

    Attributes:
        need: key of the data need.
        prefetch: calls that brought it.
        fhir: calls for which it was fetched.
        missing: cause → calls for which it could not be had.
    """

    need: str
    prefetch: int
    fhir: int
    missing: dict[str, int]

    @property
    def completeness(self) -> float:
        """Share of the calls for which it was at hand."""
        at_hand = self.prefetch + self.fhir
        return at_hand / (at_hand + sum(self.missing.values()))


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything about a period.

    Attributes:
        period: which calls.
        calls: how many.
        with_cards: those that returned cards.
        incomplete: those that could not be checked completely.
        latency: how long they took.
        days: day by day.
        outcomes: by client, hook and outcome.
        outcomes_by_day: by day and outcome.
        topics: by topic, most cards first.
        cards_by_day: by day and topic.
        completeness: by data need.
        feedback_without_card: feedback items about cards that are not known.
    """

    period: Period
    calls: int
    with_cards: int
    incomplete: int
    latency: Latency
    days: tuple[DayCalls, ...] = ()
    outcomes: tuple[OutcomeCount, ...] = ()
    outcomes_by_day: tuple[DayOutcome, ...] = ()
    topics: tuple[TopicUse, ...] = ()
    cards_by_day: tuple[DayCards, ...] = ()
    completeness: tuple[NeedCompleteness, ...] = ()
    feedback_without_card: int = 0
