"""Several orders of the same drug taken side by side."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from .model import Dose


class TotalDose(Struct, frozen=True):
    """The sum of concurrent orders (20 mg and 5 mg capsules daily are 25 mg), all in mg per day.

    A figure is None when any of the orders lacks it: a partial sum would be too low. Orders with different days of
    treatment are added as if these coincided, which is an upper bound.
    """

    average_mg_per_day: float | None
    highest_mg_per_day: float | None
    safety_mg_per_day: float | None
    orders: int


def combine_doses(doses: Sequence[Dose]) -> TotalDose:
    """Add the doses of orders that run at the same time; without any order every figure is None."""
    return TotalDose(
        average_mg_per_day=_total([dose.average_mg_per_day for dose in doses]),
        highest_mg_per_day=_total([dose.highest_mg_per_day for dose in doses]),
        safety_mg_per_day=_total([dose.safety_mg_per_day for dose in doses]),
        orders=len(doses),
    )


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 9) if known and len(known) == len(values) else None
