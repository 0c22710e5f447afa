"""What the judged lenalidomide orders amount to, taken together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.drugs import MatchBasis
from cds_hooks.chart.orders import DraftOrder
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge


@dataclass(frozen=True, slots=True)
class OrderedDose:
    """The dose of all judged lenalidomide orders together: several capsule strengths make one daily dose.

    Where an order can be read in more than one way the higher dose counts. With orders that cannot be read at all the
    figures are lower bounds: they may exceed a limit, but never keep to it.

    Attributes:
        orders: the orders whose dose is entered.
        average: mg per treatment day; None when no order can be read.
        highest: most mg on one day; None when not known of any order.
        complete: whether every order could be read.
        facts: one line per order.
    """

    orders: tuple[DraftOrder, ...]
    average: float | None
    highest: float | None
    complete: bool
    facts: tuple[Fact, ...]

    def words(self, amount: float | None, unit: str = "mg/day") -> str:
        """Return an amount of this dose in words, with what it is made of."""
        if amount is None:
            return "unreadable dose"
        least = "" if self.complete else "at least "
        together = f" ({len(self.orders)} orders together)" if len(self.orders) > 1 else ""
        return f"{least}{amount:g} {unit}{together}"

    def __str__(self) -> str:
        return self.words(self.average)


def ordered_dose(chart: Chart, knowledge: Knowledge) -> OrderedDose:
    """Add up the judged lenalidomide orders, once per evaluation.

    At order-select drafts without any dose yet are left out.
    """
    return chart.derive("ordered dose", lambda view: _added_up(view, knowledge))


def _added_up(chart: Chart, knowledge: Knowledge) -> OrderedDose:
    orders = tuple(
        order for order in chart.judged("lenalidomide") if chart.hook != "order-select" or order.dose.is_entered
    )
    return OrderedDose(
        orders,
        _sum(order.dose.safety_mg_per_day for order in orders),
        _sum(map(_highest, orders)),
        all(order.dose.safety_mg_per_day is not None for order in orders),
        tuple(order_fact(order, knowledge) for order in orders),
    )


def _highest(order: DraftOrder) -> float | None:
    amounts = (order.dose.highest_mg_per_day, order.dose.safety_single_mg, order.dose.safety_mg_per_day)
    return max((one for one in amounts if one is not None), default=None)


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = [one for one in amounts if one is not None]
    return sum(known) if known else None


def order_fact(order: DraftOrder, knowledge: Knowledge) -> Fact:
    """Return the fact line of a draft: drug, dose as read, directions, and what made reading it difficult."""
    dose = order.dose
    notes = []
    if order.match.basis is MatchBasis.NAME:
        notes.append(knowledge.phrases.sentences["matchedByName"])
    if not dose.is_entered:
        return Fact(f"Order {order.name}", "no dose entered", "", order.reference, "; ".join(notes))
    notes.append(dose.schedule.describe())
    if dose.text:
        notes.append(f"directions: {dose.text}")
    notes += [str(issue) for issue in (*dose.unreadable, *dose.remarks)]
    notes += dose.contradictions
    amount = dose.average_mg_per_day
    value = f"{amount:g} mg/day" if amount is not None else "daily dose cannot be read"
    return Fact(f"Order {order.name}", value, "", order.reference, "; ".join(notes))
