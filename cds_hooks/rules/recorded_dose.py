"""The dose of a drug on record, and what it amounts to over some days."""

from __future__ import annotations

from math import floor

from cds_hooks.chart.dosing import Combination, Dose, Instruction, ScheduleKind, read_dose, strength_from_text
from cds_hooks.chart.medications import MedicationFact

_DECIMALS = 6
"""Decimals kept of an amount, so that binary noise cannot push it across a limit (40 mg / 7 x 28)."""
_EVERY_DAY = frozenset({ScheduleKind.DAILY, ScheduleKind.CONTINUOUS, ScheduleKind.CYCLIC})


def recorded_dose(fact: MedicationFact) -> Dose:
    """Return the dose of a record or draft as far as it can be read."""
    strength = fact.strength_mg if fact.strength_mg is not None else strength_from_text(fact.text)
    return read_dose(fact.resource, strength_mg=strength, drug_names=fact.drugs)


def mg_within(dose: Dose, days: int) -> float | None:
    """Return the amount in mg taken within so many days; None when dose or frequency cannot be read.

    Rest days of a cycle count: 40 mg on days 1, 8, 15 and 22 of 28, like 40 mg weekly, is 160 mg in 28 days. Of phases
    that follow each other the one with the highest amount counts.
    """
    if not dose.is_readable:
        return None
    amounts = [_mg_within(instruction, days) for instruction in dose.instructions]
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts):
        return None
    return round(max(known) if dose.combination is Combination.SEQUENTIAL else sum(known), _DECIMALS)


def cycle_days(dose: Dose) -> int | None:
    """Return the length of the treatment cycle the order states, None when it states none."""
    return next((one.schedule.cycle_days for one in dose.instructions if one.schedule.cycle_days), None)


def _mg_within(instruction: Instruction, days: int) -> float | None:
    single, per_day, schedule = instruction.single_mg, instruction.per_day, instruction.schedule
    if single is None or per_day is None:
        return None
    if schedule.days_on is None:
        return single * per_day * days
    if schedule.kind in _EVERY_DAY:
        taken = schedule.days_on * per_day
    else:  # days 1, 8, 15 and 22 are four doses in 22 days
        taken = floor((schedule.days_on - 1) * per_day + 10**-_DECIMALS) + 1
    if schedule.cycle_days is None:  # a course with a stated end
        return single * min(taken, per_day * days)
    return single * taken * days / schedule.cycle_days
