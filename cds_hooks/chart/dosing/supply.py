"""What is to be dispensed: days of supply and refills."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from msgspec import Struct

from .bounds import duration_days
from .model import Combination, Dose, Instruction, Schedule
from .quantity import Measure, read_measure
from .reader import read_dose
from .values import as_number, as_object, as_string, close


class Supply(Struct, frozen=True):
    """Days of supply and refills of one order; each None when not stated and not computable.

    `stated_days`: `dispenseRequest.expectedSupplyDuration` or `MedicationDispense.daysSupply`, in days.
    `computed_days`: calendar days that `capsules` last by the dosage, rest days of the cycle included.
    `refills`: `numberOfRepeatsAllowed`, fills after the first.
    """

    stated_days: float | None
    computed_days: float | None
    capsules: float | None
    refills: int | None

    @property
    def days(self) -> float | None:
        """The stated days, else the computed ones."""
        return self.stated_days if self.stated_days is not None else self.computed_days

    @property
    def longest_days(self) -> float | None:
        """The higher of stated and computed days: what an upper limit is checked against."""
        return max((days for days in (self.stated_days, self.computed_days) if days is not None), default=None)


def read_supply(
    order: Mapping[str, object],
    *,
    strength_mg: float | None = None,
    drug_names: Collection[str] = (),
    dose: Dose | None = None,
) -> Supply:
    """Read days of supply and refills; `strength_mg` is mg per capsule, needed where the dose is coded in mg.

    `dose`: what `read_dose` says of the same order, where that is known already.

    The computed days count from the first capsule to the day before the next one would be due, had there been one: 21
    capsules for days 1 to 21 of 28 last 28 days, 22 last 29, 28 last 35; 14 capsules every other day last 28 days.
    """
    resource = as_object(order)
    request = as_object(resource.get("dispenseRequest"))
    stated = duration_days(request.get("expectedSupplyDuration"))
    if stated is None:
        stated = duration_days(resource.get("daysSupply"))
    amount = as_object(request.get("quantity")) or as_object(resource.get("quantity"))
    quantity = _quantity(amount)
    capsules = quantity.capsules if quantity is not None else None
    if quantity is not None and quantity.mg is not None and strength_mg is not None and strength_mg > 0:
        capsules = quantity.mg / strength_mg
    computed = None
    if capsules is not None:
        if dose is None:
            dose = read_dose(resource, strength_mg=strength_mg, drug_names=drug_names)
        computed = _lasting(capsules, dose, strength_mg)
    return Supply(stated, computed, capsules, refills(resource))


def days_supply(
    order: Mapping[str, object], *, strength_mg: float | None = None, drug_names: Collection[str] = ()
) -> float | None:
    """Return the days of supply: as stated, else the calendar days the quantity lasts; see `read_supply`."""
    return read_supply(order, strength_mg=strength_mg, drug_names=drug_names).days


def refills(order: Mapping[str, object]) -> int | None:
    """Return `dispenseRequest.numberOfRepeatsAllowed`; None when absent, negative or not a whole number."""
    number = as_number(as_object(as_object(order).get("dispenseRequest")).get("numberOfRepeatsAllowed"))
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def _quantity(quantity: Mapping[str, object]) -> Measure | None:
    if not quantity:
        return None
    if not as_string(quantity.get("unit")) and not as_string(quantity.get("code")):
        # A dispensed quantity of a solid oral form without a unit is a number of pieces.
        value = as_number(quantity.get("value"))
        return Measure(mg=None, capsules=value) if value is not None and value > 0 else None
    measure = read_measure(quantity)
    return measure if isinstance(measure, Measure) else None


def _lasting(capsules: float, dose: Dose, strength_mg: float | None) -> float | None:
    """Return the calendar days a number of capsules lasts, None when the use per day is not known."""
    if dose.combination is Combination.SEQUENTIAL or dose.as_needed or not dose.instructions:
        return None
    per_day = [_capsules_per_day(instruction, strength_mg) for instruction in dose.instructions]
    known = [count for count in per_day if count is not None]
    if len(known) != len(per_day) or sum(known) <= 0:
        return None
    return _calendar_days(capsules / sum(known), dose.schedule)


def _capsules_per_day(instruction: Instruction, strength_mg: float | None) -> float | None:
    count = instruction.capsules
    if count is None and instruction.single_mg is not None and strength_mg is not None and strength_mg > 0:
        count = instruction.single_mg / strength_mg
    return None if count is None or instruction.per_day is None else count * instruction.per_day


def _calendar_days(treatment_days: float, schedule: Schedule) -> float:
    on, cycle = schedule.days_on, schedule.cycle_days
    if not on or not cycle or not schedule.explicit or on >= cycle:
        return round(treatment_days, 6)
    cycles = math.floor(treatment_days / on + 1e-9)
    begun = treatment_days - cycles * on
    return float(cycles * cycle) if close(begun, 0) else round(cycles * cycle + begun, 6)
