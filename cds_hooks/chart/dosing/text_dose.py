"""The sig in mg: what a SigReading amounts to for a product of known or unknown strength."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from .amount import Amount, capsules_as_amount
from .rate import SILENT, Course, Rate
from .sig import SigGroup, SigPhase, SigReading
from .sig.items import MassOf, SigAmount
from .values import close, figure


class TextGroup(Struct, frozen=True):
    """One amount at one frequency; either may be missing."""

    amount: Amount | None
    rate: Rate | None


class TextPhase(Struct, frozen=True):
    """Groups side by side, and their course."""

    groups: tuple[TextGroup, ...]
    course: Course

    @property
    def average_mg(self) -> float | None:
        """Average over the treatment phase, mg per day; None unless every group is complete."""
        total = 0.0
        for group in self.groups:
            if group.amount is None or group.amount.high_mg is None or group.rate is None or group.rate.per_day is None:
                return None
            total += group.amount.high_mg * group.rate.per_day
        return total if self.groups else None


class TextDose(Struct, frozen=True):
    """A resolved sig. With `reasons` it cannot be relied on and has no phases.

    `others_mg`: amounts of one administration by another strength the text names.
    """

    phases: tuple[TextPhase, ...] = ()
    as_needed: bool = False
    linked: bool = False
    reasons: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    others_mg: tuple[float, ...] = ()

    @property
    def groups(self) -> tuple[TextGroup, ...]:
        """All groups of all phases."""
        if len(self.phases) == 1:
            return self.phases[0].groups
        return tuple(group for phase in self.phases for group in phase.groups)

    @property
    def only(self) -> TextGroup | None:
        """The group of a sig that names a single amount at a single frequency."""
        groups = self.groups
        return groups[0] if len(groups) == 1 else None

    @property
    def has_amount(self) -> bool:
        """Whether any amount is named."""
        return any(group.amount is not None for group in self.groups)

    @property
    def average_mg(self) -> float | None:
        """Highest average of the phases, mg per day; None unless all are complete."""
        averages = [phase.average_mg for phase in self.phases if phase.groups]
        known = [average for average in averages if average is not None]
        return max(known) if known and len(known) == len(averages) else None

    @property
    def course(self) -> Course | None:
        """The course of a sig with one phase."""
        return self.phases[0].course if len(self.phases) == 1 else None


class _UnclearError(Exception):
    """An amount that cannot be told; carries the reason."""


class _Resolver:
    """Turns counts and masses of one sig into mg, collecting contradictions on the way."""

    def __init__(self, strength_mg: float | None, text_strength_mg: float | None) -> None:
        self.strength_mg = strength_mg if strength_mg is not None else text_strength_mg
        self.text_strength_mg = text_strength_mg
        self.contradictions: list[str] = []
        self.others_mg: list[float] = []
        if strength_mg is not None and text_strength_mg is not None:
            self._compare_strength(text_strength_mg)

    def _compare_strength(self, named_mg: float) -> None:
        if self.strength_mg is not None and not close(named_mg, self.strength_mg):
            self.contradictions.append(
                f"strength: the text names {figure(named_mg)} mg, the product is {figure(self.strength_mg)} mg"
            )

    def amount(self, part: SigAmount, *, compare: bool = True) -> Amount:
        """Return one amount in mg, or in capsules where the strength is missing.

        `compare`: name a difference from the strength of the product.
        """
        count, mg = part.count_high, part.mg_high
        if count is None:
            return Amount(high_mg=mg, low_mg=part.mg_low)
        if mg is None:
            low = None if part.count_low is None or close(part.count_low, count) else part.count_low
            if self.text_strength_mg is not None:
                self.others_mg.append(count * self.text_strength_mg)
            return capsules_as_amount(low, count, self.strength_mg)
        return self._count_and_mass(count, mg, part.mass_of, compare=compare)

    def _count_and_mass(self, count: float, mg: float, mass_of: MassOf, *, compare: bool) -> Amount:
        each = mass_of is MassOf.EACH or (
            mass_of is MassOf.UNSTATED and self.strength_mg is not None and close(mg, self.strength_mg)
        )
        total = mass_of is MassOf.TOTAL or (
            mass_of is MassOf.UNSTATED and self.strength_mg is not None and close(mg, count * self.strength_mg)
        )
        if not each and not total and not close(count, 1):
            raise _UnclearError(f"{figure(mg)} mg may be the strength or the total of {figure(count)} capsules")
        value = count * mg if each else mg
        if self.strength_mg is not None and compare and not close(value, count * self.strength_mg):
            product = count * self.strength_mg
            self.contradictions.append(
                f"amount: the text says {figure(value)} mg, {figure(count)} × {figure(self.strength_mg)} mg "
                f"of the product are {figure(product)} mg"
            )
            self.others_mg.append(product)
        return Amount(high_mg=round(value, 9), capsules=count)

    def group(self, group: SigGroup) -> TextGroup:
        """Return a group with its parts added and its restatements checked."""
        if not group.parts:
            return TextGroup(None, group.rate)
        # "One 20 mg and one 5 mg capsule": capsules of other strengths are expected beside the one ordered here.
        alone = len(group.parts) == 1
        amount = self.amount(group.parts[0], compare=alone)
        for part in group.parts[1:]:
            amount = _sum(amount, self.amount(part, compare=alone))
        for part in group.restated:
            amount = self._restated(amount, self.amount(part))
        return TextGroup(amount, group.rate)

    def _restated(self, first: Amount, second: Amount) -> Amount:
        """Return the amount that two mentions without "and" between them agree on."""
        merged = _agree(first, second)
        if merged is not None:
            return merged
        # "Revlimid 25 mg, take 2 capsules": the mass is the strength of the product.
        for mention, counted in ((first, second), (second, first)):
            is_strength = mention.high_mg is not None and self.strength_mg is not None
            if is_strength and close(mention.high_mg or 0.0, self.strength_mg or 0.0) and counted.via_strength:
                return counted
        raise _UnclearError(f"the text names {first.describe()} and {second.describe()}")

    def phase(self, phase: SigPhase) -> TextPhase:
        """Return a phase; groups without "and" between them must restate each other or differ in their times."""
        groups: list[TextGroup] = []
        for raw in phase.groups:
            group = self.group(raw)
            if not groups or raw.joined:
                groups.append(group)
                continue
            merged = _same_group(groups[-1], group)
            if merged is not None:
                groups[-1] = merged
            elif _apart([*groups, group]):
                groups.append(group)
            else:
                raise _UnclearError("several amounts are named without saying how they belong together")
        return TextPhase(tuple(groups), phase.course)


def resolve(reading: SigReading, strength_mg: float | None) -> TextDose:
    """Return the sig in mg, with `reasons` when it, or an amount in it, is ambiguous."""
    unread = TextDose(as_needed=reading.as_needed, linked=reading.linked, reasons=reading.reasons)
    if reading.reasons:
        return unread
    resolver = _Resolver(strength_mg, reading.strengths_mg[0] if reading.strengths_mg else None)
    try:
        phases = tuple(resolver.phase(phase) for phase in reading.phases)
    except _UnclearError as unclear:
        return replace(unread, reasons=(str(unclear),))
    if len(phases) > 1 and phases[0].course == SILENT and _apart(g for phase in phases for g in phase.groups):
        # "10 mg in the morning then 5 mg in the evening" is one day, not two phases.
        return replace(unread, reasons=("it is not clear whether the amounts follow each other or add up",))
    dose = TextDose(
        phases,
        reading.as_needed,
        reading.linked,
        (),
        tuple(dict.fromkeys(resolver.contradictions)),
        tuple(dict.fromkeys(resolver.others_mg)),
    )
    for total in reading.totals_mg:
        if not _total_holds(dose, total):
            return replace(unread, reasons=(f"the stated total of {figure(total)} mg does not match",))
    return dose


def _total_holds(dose: TextDose, total_mg: float) -> bool:
    singles = [group.amount.high_mg for group in dose.groups if group.amount is not None and group.amount.high_mg]
    values = [*singles, sum(singles), dose.average_mg]
    return any(value is not None and close(value, total_mg) for value in values)


def _sum(left: Amount, right: Amount) -> Amount:
    if left.high_mg is None or right.high_mg is None:
        raise _UnclearError("amounts with and without a known strength are added")
    lows = [amount.high_mg if amount.low_mg is None else amount.low_mg for amount in (left, right)]
    counted = left.capsules is not None and right.capsules is not None
    return Amount(
        high_mg=left.high_mg + right.high_mg,
        low_mg=sum(low or 0.0 for low in lows) if left.is_range or right.is_range else None,
        capsules=(left.capsules or 0.0) + (right.capsules or 0.0) if counted else None,
        via_strength=left.via_strength or right.via_strength,
    )


def _agree(left: Amount, right: Amount) -> Amount | None:
    """Return the merged amount of two equal mentions, None when they differ or cannot be compared."""
    if left.high_mg is not None and right.high_mg is not None:
        same = close(left.high_mg, right.high_mg) and left.is_range == right.is_range
        capsules = left.capsules if left.capsules is not None else right.capsules
        plain = right if left.via_strength else left
        return replace(plain, capsules=capsules) if same else None
    if left.high_mg is None and right.high_mg is None:
        return left if left.capsules == right.capsules else None
    known, counted = (left, right) if left.high_mg is not None else (right, left)
    # One capsule is the whole amount whatever its strength; of two the mass could be the strength or the total.
    return replace(known, capsules=1.0) if counted.capsules is not None and close(counted.capsules, 1) else None


def _same_group(left: TextGroup, right: TextGroup) -> TextGroup | None:
    rate = left.rate if left.rate is not None else right.rate
    if left.rate is not None and right.rate is not None and not same_rate(left.rate, right.rate):
        return None
    if left.amount is None or right.amount is None:
        return TextGroup(left.amount if left.amount is not None else right.amount, rate)
    amount = _agree(left.amount, right.amount)
    return None if amount is None else TextGroup(amount, rate)


def same_rate(left: Rate, right: Rate) -> bool:
    """Return whether two rates give the same number of doses on the same weekdays."""
    if left.per_day is None or right.per_day is None:
        return left.per_day is right.per_day
    if left.weekdays and right.weekdays and left.weekdays != right.weekdays:
        return False
    return close(left.per_day, right.per_day)


def _apart(groups: Iterable[TextGroup]) -> bool:
    """Return whether groups name different times of day, or different weekdays, so that all of them are meant."""
    rates = [group.rate for group in groups]
    return times_differ(rates) or weekdays_differ(rates)


def times_differ(rates: Iterable[Rate | None]) -> bool:
    """Return whether every rate names times of day and no two share one."""
    return _disjoint([rate.times_of_day if rate is not None else frozenset() for rate in rates])


def weekdays_differ(rates: Iterable[Rate | None]) -> bool:
    """Return whether every rate names weekdays and no two share one."""
    return _disjoint([rate.weekdays if rate is not None else frozenset() for rate in rates])


def _disjoint(sets: list[frozenset[str]]) -> bool:
    if not all(sets):
        return False
    return sum(len(one) for one in sets) == len(frozenset().union(*sets))
