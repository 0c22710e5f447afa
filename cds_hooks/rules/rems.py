"""Limits of the restricted programmes (REMS): at most 28 days, no refills (`clinical.md` C.3; S-04, G47)."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.dosing import read_supply
from cds_hooks.chart.orders import DraftOrder
from cds_hooks.findings import Fact, Finding, Outcome, basis_of, fired, not_applicable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.pregnancy import drafted_analogues


def rems_supply_limit(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when a drafted order is for more than 28 days or has refills.

    The days are the higher of those stated and those the quantity lasts. At order-select an order without a dose is
    left alone.
    """
    figures, sentences = knowledge.figures, knowledge.phrases.sentences
    days_limit, refill_limit = figures["remsSupplyDays"], figures["remsRefills"]
    facts: list[Fact] = []
    found: dict[str, None] = {}
    programmes: dict[str, None] = {}
    for drug, orders in drafted_analogues(chart).items():
        for order in orders:
            if chart.hook == "order-select" and not order.dose.is_entered:
                continue
            supply = read_supply(order.resource, strength_mg=order.strength_mg, dose=order.dose)
            days, refills = supply.longest_days, supply.refills
            facts.append(_fact(order, days, supply.capsules, refills, knowledge))
            if days is not None and days_limit.holds(days):
                found[sentences["rems_days"].format(days=f"{days:g}", limit=f"{days_limit.value:g}")] = None
            if refills is not None and refill_limit.holds(refills):
                found[sentences["rems_refills"].format(refills=refills)] = None
            programmes[sentences[f"rems_{drug}"]] = None
    if not facts:
        return not_applicable("no dose entered yet")
    if not found:
        return passed("within the limits of the REMS, as far as stated", *facts)
    return fired(
        Finding(
            topic="remsSupplyLimit",
            variant="exceeded",
            values={
                "finding": " and ".join(found),
                "programme": " and ".join(programmes),
                "limit": f"{days_limit.value:g}",
            },
            facts=tuple(facts),
            basis=(basis_of(days_limit), basis_of(refill_limit)),
        )
    )


def _fact(
    order: DraftOrder, days: float | None, capsules: float | None, refills: int | None, knowledge: Knowledge
) -> Fact:
    sentences = knowledge.phrases.sentences
    parts = [
        sentences["rems_supplied"].format(days=f"{days:g}") if days is not None else sentences["rems_daysUnknown"],
        sentences["rems_quantity"].format(capsules=f"{capsules:g}") if capsules is not None else "",
        sentences["rems_refillsStated"].format(refills=refills) if refills is not None else "",
    ]
    return Fact("Order", order.name, "", order.reference, "; ".join(filter(None, parts)))
