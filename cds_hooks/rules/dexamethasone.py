"""Dexamethasone per month and per cycle, as the scores of thrombosis risk count it (`clinical.md` E.3, E.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.medications import ORDER_TYPES, STATEMENT_TYPES, MedicationFact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.recorded_dose import cycle_days, mg_within, recorded_dose


@dataclass(frozen=True, slots=True)
class DexamethasoneDose:
    """Dexamethasone in use.

    Attributes:
        records: what the amounts were read from; the newest record when none can be read.
        per_month: mg in 28 days, None when it cannot be read.
        per_cycle: mg in one treatment cycle of `cycle_days` days, None when it cannot be read.
        cycle_days: length of the cycle, 28 unless the order states another.
    """

    records: tuple[MedicationFact, ...]
    per_month: float | None
    per_cycle: float | None
    cycle_days: int


def dexamethasone_dose(chart: Chart, knowledge: Knowledge) -> DexamethasoneDose | None:
    """Return the dose of dexamethasone in use or drafted; None when there is none.

    The drafts of the call count before what is on record, and of the records the newest whose dose can be read: an
    older order is likely the one it replaced. Orders of the same day belong together.
    """
    in_use = chart.active("dexamethasone")
    if not in_use:
        return None
    month = int(knowledge.figures["dexamethasoneMonthDays"].value)
    for group in _groups(in_use):
        doses = [recorded_dose(fact) for fact in group]
        readable = [dose for dose in doses if mg_within(dose, month) is not None]
        if readable:
            cycle = next((days for dose in readable if (days := cycle_days(dose))), month)
            return DexamethasoneDose(
                tuple(group),
                sum(mg_within(dose, month) or 0.0 for dose in readable),
                sum(mg_within(dose, cycle) or 0.0 for dose in readable),
                cycle,
            )
    return DexamethasoneDose(in_use[:1], None, None, month)


def _groups(facts: Sequence[MedicationFact]) -> Iterator[list[MedicationFact]]:
    """Yield the drafts, then the records of one kind and day, newest first, orders before other records."""
    drafts = [fact for fact in facts if fact.is_draft]
    if drafts:
        yield drafts
    records = sorted((fact for fact in facts if not fact.is_draft), key=_order)
    for _, group in groupby(records, key=_order):
        yield list(group)


def _order(fact: MedicationFact) -> tuple[int, int, str]:
    rank = 0 if fact.kind in ORDER_TYPES else 1 if fact.kind in STATEMENT_TYPES else 2
    return -fact.when.day.toordinal() if fact.when else 0, rank, fact.kind
