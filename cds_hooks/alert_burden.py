"""How many cards typical patients bring over six cycles, counted by running their orders through the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cds_hooks.cases.journeys import MOMENTS, Journey, Visit
from cds_hooks.cases.run import run_case
from cds_hooks.chart.chart import Reader
from cds_hooks.evaluate import indicator_of
from cds_hooks.findings import Indicator
from cds_hooks.markdown import escape

BEGIN = "<!-- begin: written by `lencds burden --update` -->"
END = "<!-- end -->"
"""What stands between these two lines of the page is generated."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was shown."""

    topic: str
    indicator: Indicator

    def __str__(self) -> str:
        return f"`{self.topic}` ({self.indicator.value})"


@dataclass(frozen=True, slots=True)
class Signed:
    """An order that was signed, and the cards it brought, most urgent first."""

    visit: Visit
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """A typical patient and the six orders."""

    journey: Journey
    orders: tuple[Signed, ...]

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards of the six orders."""
        return tuple(card for order in self.orders for card in order.cards)


def measure(journeys: Iterable[Journey], reader: Reader) -> tuple[Patient, ...]:
    """Run every order of every patient through the rules."""
    return tuple(
        Patient(journey, tuple(Signed(visit, _cards(visit, reader)) for visit in journey.visits))
        for journey in journeys
    )


def _cards(visit: Visit, reader: Reader) -> tuple[Card, ...]:
    findings = run_case(visit.case, reader, reader.knowledge).findings
    return tuple(Card(finding.topic, indicator_of(finding, reader.knowledge)) for finding in findings)


# --- the report -------------------------------------------------------------------------------------------------------


def report(patients: Sequence[Patient]) -> str:
    """Return the tables as Markdown: cards by patient and moment, by topic, and which they are."""
    parts = (
        "The patients:",
        "\n".join(f"{number}. {escape(one.journey.about)}" for number, one in enumerate(patients, start=1)),
        f"Cards by order (C critical, W warning, I info, – none), {_orders(patients)} orders in all:",
        _by_order(patients),
        _totals(patients),
        "Cards by topic:",
        _by_topic(patients),
        "Which cards, and why then; orders without a card are left out:",
        _told(patients),
    )
    return "\n\n".join(parts) + "\n"


def update(page: str, generated: str) -> str:
    """Return a page with the part between `BEGIN` and `END` replaced.

    Raises:
        ValueError: the page does not have the two lines, in this order.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the lines {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n\n{generated}\n{END}{tail}"


def _orders(patients: Sequence[Patient]) -> int:
    return sum(len(one.orders) for one in patients)


def _by_order(patients: Sequence[Patient]) -> str:
    rows = [
        (str(number), *(_split(order.cards) for order in one.orders), _split(one.cards))
        for number, one in enumerate(patients, start=1)
    ]
    columns = list(zip(*(one.orders for one in patients), strict=True))
    together = [[card for order in column for card in order.cards] for column in columns]
    every = [card for one in patients for card in one.cards]
    rows.append(("all", *map(_split, together), _split(every)))
    means = [f"{len(cards) / len(patients):.1f}" for cards in together]
    rows.append(("cards per order", *means, f"{len(every) / _orders(patients):.1f}"))
    silent = [f"{sum(not order.cards for order in column)} of {len(column)}" for column in columns]
    rows.append(("orders without a card", *silent, f"{_silent(patients)} of {_orders(patients)}"))
    return _table(("Patient", *MOMENTS, "All"), rows)


def _silent(patients: Sequence[Patient]) -> int:
    return sum(not order.cards for one in patients for order in one.orders)


def _totals(patients: Sequence[Patient]) -> str:
    first = [order for one in patients for order in one.orders[:1]]
    later = [order for one in patients for order in one.orders[1:]]
    cards = [card for one in patients for card in one.cards]
    count = Counter(card.indicator for card in cards)
    split = ", ".join(f"{count[indicator]} {indicator.value}" for indicator in _urgency())
    means = ", ".join(
        f"{sum(len(order.cards) for order in orders) / len(orders):.1f} per {name} order"
        for name, orders in (("first", first), ("later", later))
    )
    return (
        f"{len(cards)} cards at {_orders(patients)} orders ({split}): {len(cards) / _orders(patients):.2f} per order, "
        f"{means}; {_silent(patients)} orders ({_silent(patients) / _orders(patients):.0%}) bring none."
    )


def _by_topic(patients: Sequence[Patient]) -> str:
    cards = Counter(card for one in patients for card in one.cards)
    topics = Counter(card.topic for card in cards.elements())
    concerned = {topic: sum(any(card.topic == topic for card in one.cards) for one in patients) for topic in topics}
    rows = [
        (f"`{topic}`", *(str(cards[Card(topic, indicator)] or "–") for indicator in _urgency()), str(concerned[topic]))
        for topic in sorted(topics, key=lambda topic: (-topics[topic], topic))
    ]
    return _table(("Topic", *(indicator.value for indicator in _urgency()), "patients"), rows)


def _told(patients: Sequence[Patient]) -> str:
    rows = [
        (str(number), order.visit.moment, escape(order.visit.story), ", ".join(map(str, order.cards)))
        for number, one in enumerate(patients, start=1)
        for order in one.orders
        if order.cards
    ]
    return _table(("Patient", "Order", "What happens", "Cards"), rows)


def _split(cards: Iterable[Card]) -> str:
    """Return the numbers by urgency: `1C 2W`, or a dash for none."""
    count = Counter(card.indicator for card in cards)
    return " ".join(f"{count[one]}{one.value[0].upper()}" for one in _urgency() if count[one]) or "–"


def _urgency() -> list[Indicator]:
    return sorted(Indicator, key=lambda indicator: indicator.rank)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        for row in rows:
            yield f"| {' | '.join(row)} |"

    return "\n".join(lines())
