"""The amount of one administration from the coded fields of a dosage instruction.

Shapes: `doseAndRate[]` (R4, R5), `doseQuantity`/`doseRange` in the instruction itself (DSTU2, STU3), `quantityQuantity`
and `quantityRange` (DSTU2 MedicationStatement), `dose` and `quantity` (MedicationAdministration).
`maxDosePerPeriod` is a limit and never read as a dose.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from .model import Issue, IssueCode
from .quantity import Measure, read_measure
from .values import as_object, as_objects, as_string, close, figure


class _RowType(IntEnum):
    """Rows of doseAndRate in the order in which they are believed."""

    ORDERED = 0
    CALCULATED = 1
    UNTYPED = 2
    ADMIN_AMOUNT = 3


_ROW_TYPES = {
    "ordered": _RowType.ORDERED,
    "calculated": _RowType.CALCULATED,
    "admin-amount": _RowType.ADMIN_AMOUNT,
    "adminamount": _RowType.ADMIN_AMOUNT,
    "admin amount": _RowType.ADMIN_AMOUNT,
}
_DIRECT_FIELDS = ("doseQuantity", "doseRange", "quantityQuantity", "quantityRange", "dose", "quantity")


class Amount(Struct, frozen=True):
    """One administration: mg (`low_mg` below `high_mg` for a range) and the number of capsules, where known.

    `high_mg` None with `capsules` given means that the strength is missing. `via_strength`: mg were computed from
    capsules.
    """

    high_mg: float | None
    low_mg: float | None = None
    capsules: float | None = None
    via_strength: bool = False

    @property
    def is_range(self) -> bool:
        """Whether the order leaves the amount open between two values."""
        return self.high_mg is not None and self.low_mg is not None and not close(self.low_mg, self.high_mg)

    def describe(self) -> str:
        """Return the amount in words."""
        if self.high_mg is None:
            return f"{figure(self.capsules or 0)} capsule(s)"
        if self.low_mg is not None and self.is_range:
            return f"{figure(self.low_mg)} to {figure(self.high_mg)} mg"
        return f"{figure(self.high_mg)} mg"


class CodedAmount(Struct, frozen=True):
    """The outcome: an amount, or why there is none; `others_mg` are the other values the rows contain."""

    amount: Amount | None
    issues: tuple[Issue, ...] = ()
    contradictions: tuple[str, ...] = ()
    others_mg: tuple[float, ...] = ()
    is_entered: bool = False


def capsules_as_amount(low: float | None, high: float, strength_mg: float | None) -> Amount:
    """Return a number of capsules (a range if `low` is given) as an Amount; mg stay None without a strength."""
    if strength_mg is None:
        return Amount(high_mg=None, capsules=high)
    low_mg = None if low is None else round(low * strength_mg, 9)
    return Amount(high_mg=round(high * strength_mg, 9), low_mg=low_mg, capsules=high, via_strength=True)


def read_coded_amount(instruction: Mapping[str, object], strength_mg: float | None) -> CodedAmount:
    """Read the dose of one administration from coded fields.

    Of several doseAndRate rows the first readable of ordered, calculated, untyped, admin-amount counts; rows are
    never added. Differing rows of the same rank leave no amount; a lower row that differs is a contradiction.
    """
    readings = [(rank, _read_row(row, strength_mg)) for rank, row in _rows(instruction)]
    if not readings:
        return CodedAmount(None)
    readable = sorted(
        ((rank, amount) for rank, amount in readings if isinstance(amount, Amount) and amount.high_mg is not None),
        key=lambda row: (row[0], row[1].via_strength, -(row[1].high_mg or 0.0), -(row[1].low_mg or 0.0)),
    )
    if not readable:
        return _unreadable(readings)
    rank, chosen = readable[0]
    unread = tuple(
        Issue(IssueCode.FIELD_NOT_READ, reading.phrase)
        for other, reading in readings
        if isinstance(reading, Issue) and reading.code is not IssueCode.NO_DOSE and other <= rank
    )
    values = tuple(sorted({amount.high_mg for _, amount in readable if amount.high_mg is not None}, reverse=True))
    peers = [amount for other, amount in readable if other is rank]
    if any(not _same(peer, chosen) for peer in peers):
        listed = ", ".join(dict.fromkeys(peer.describe() for peer in peers))
        issue = Issue(IssueCode.AMBIGUOUS_DOSE, f"several doses are coded for one administration: {listed}")
        return CodedAmount(None, (issue,), (), values, is_entered=True)
    contradictions = tuple(
        dict.fromkeys(
            f"dose: {_NAMES[rank]} {chosen.describe()}, but {_NAMES[other]} {_shown(amount, strength_mg)}"
            for other, amount in readable
            if not _same(amount, chosen)
        )
    )
    return CodedAmount(_with_capsules(chosen, readings), unread, contradictions, values, is_entered=True)


_NAMES = {
    _RowType.ORDERED: "ordered",
    _RowType.CALCULATED: "calculated",
    _RowType.UNTYPED: "coded",
    _RowType.ADMIN_AMOUNT: "amount to administer",
}


def _shown(amount: Amount, strength_mg: float | None) -> str:
    if amount.via_strength and amount.capsules is not None and strength_mg is not None:
        return f"{figure(amount.capsules)} × {figure(strength_mg)} mg = {amount.describe()}"
    return amount.describe()


def _same(left: Amount, right: Amount) -> bool:
    if left.high_mg is None or right.high_mg is None:
        return left.high_mg is right.high_mg
    left_low = left.high_mg if left.low_mg is None else left.low_mg
    right_low = right.high_mg if right.low_mg is None else right.low_mg
    return close(left.high_mg, right.high_mg) and close(left_low, right_low)


def _with_capsules(chosen: Amount, readings: list[tuple[_RowType, Amount | Issue]]) -> Amount:
    """Add the number of capsules another row states for the same amount."""
    if chosen.capsules is not None:
        return chosen
    counts = {
        amount.capsules
        for _, amount in readings
        if isinstance(amount, Amount)
        and amount.capsules is not None
        and (amount.high_mg is None or _same(amount, chosen))
    }
    return replace(chosen, capsules=counts.pop()) if len(counts) == 1 else chosen


def _unreadable(readings: list[tuple[_RowType, Amount | Issue]]) -> CodedAmount:
    counted = [reading for _, reading in sorted(readings, key=lambda row: row[0]) if isinstance(reading, Amount)]
    if counted:
        issue = Issue(
            IssueCode.CAPSULES_WITHOUT_STRENGTH, f"{counted[0].describe()}, but the strength of a capsule is not known"
        )
        different = {amount.capsules for amount in counted}
        return CodedAmount(counted[0] if len(different) == 1 else None, (issue,), is_entered=True)
    issues = [reading for _, reading in sorted(readings, key=lambda row: row[0]) if isinstance(reading, Issue)]
    entered = any(issue.code is not IssueCode.NO_DOSE for issue in issues)
    issues.sort(key=lambda issue: issue.code is IssueCode.NO_DOSE)
    return CodedAmount(None, tuple(issues[:1]), is_entered=entered)


def _rows(instruction: Mapping[str, object]) -> list[tuple[_RowType, Mapping[str, object]]]:
    rows = [(_row_type(row), row) for row in as_objects(instruction.get("doseAndRate"))]
    direct = {name: instruction[name] for name in _DIRECT_FIELDS if as_object(instruction.get(name))}
    rows.extend((_RowType.UNTYPED, {name: value}) for name, value in direct.items())
    return [(rank, row) for rank, row in rows if any(as_object(row.get(name)) for name in _DIRECT_FIELDS)]


def _row_type(row: Mapping[str, object]) -> _RowType:
    # The code decides whatever its system: Epic's and HL7's code systems use the same words.
    words: list[str] = []
    for concept in as_objects(row.get("type")):
        words.extend(as_string(coding.get("code")) for coding in as_objects(concept.get("coding")))
        words.append(as_string(concept.get("text")))
    known = [_ROW_TYPES[word.lower()] for word in words if word.lower() in _ROW_TYPES]
    return known[0] if known else _RowType.UNTYPED


def _read_row(row: Mapping[str, object], strength_mg: float | None) -> Amount | Issue:
    for name in _DIRECT_FIELDS:
        value = as_object(row.get(name))
        if not value:
            continue
        if "low" in value or "high" in value:
            return _read_range(value, strength_mg)
        measure = read_measure(value)
        return measure if isinstance(measure, Issue) else _amount(None, measure, strength_mg)
    return Issue(IssueCode.NO_DOSE, "no dose is coded")


def _read_range(value: Mapping[str, object], strength_mg: float | None) -> Amount | Issue:
    low, high = as_object(value.get("low")), as_object(value.get("high"))
    if not high:
        return Issue(IssueCode.AMBIGUOUS_DOSE, "the dose has a lower limit only")
    top = read_measure(high, unit_from=low)
    if isinstance(top, Issue):
        return top
    if not low:
        return _amount(None, top, strength_mg)
    bottom = read_measure(low, unit_from=high)
    if isinstance(bottom, Issue) or (bottom.mg is None) is not (top.mg is None):
        return Issue(IssueCode.AMBIGUOUS_DOSE, "the lower limit of the dose cannot be read")
    if (bottom.mg or bottom.capsules or 0.0) > (top.mg or top.capsules or 0.0):
        return Issue(IssueCode.AMBIGUOUS_DOSE, "the limits of the dose are in the wrong order")
    return _amount(bottom, top, strength_mg)


def _amount(low: Measure | None, high: Measure, strength_mg: float | None) -> Amount:
    if high.mg is not None:
        return Amount(high_mg=high.mg, low_mg=None if low is None else low.mg)
    return capsules_as_amount(None if low is None else low.capsules, high.capsules or 0.0, strength_mg)
