"""One result: what was measured, its value in the canonical unit, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from cds_hooks.chart.when import When

Comparator = Literal["", "<", "<=", ">=", ">"]


class Outcome(StrEnum):
    """Outcome of a qualitative test."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    INDETERMINATE = "indeterminate"


class LabProblem(StrEnum):
    """Why a result cannot be read. The values are the keys under which the knowledge words them for cards."""

    UNKNOWN_UNIT = "unknownUnit"
    MISSING_UNIT = "missingUnit"
    CONFLICTING_UNIT = "conflictingUnit"
    COMPARATOR = "comparator"
    IMPLAUSIBLE = "implausible"
    FREE_TEXT = "freeText"
    UNEXPECTED_VALUE = "unexpectedValue"
    CONFLICTING_RESULT = "conflictingResult"
    CONFLICTING_CODE = "conflictingCode"
    NO_VALUE = "noValue"
    NO_DATE = "noDate"
    FUTURE_DATE = "futureDate"


class LabResult(Struct, frozen=True):
    """One result of one analyte.

    Attributes:
        analyte: key in the knowledge.
        reference: resource it comes from, `Observation/id`; for a computed result its first component.
        when: when the specimen was taken or the measurement made; the date of issue if nothing else is given.
        value: quantity in the canonical unit of the analyte; kept for display even beside a problem.
        unit: that unit (UCUM), "" for what is not a quantity.
        comparator: the true value lies `comparator` value; "" for an exact one.
        qualitative: outcome of a qualitative test, or of a quantity that is read by limits (hCG).
        coded: codes of a coded finding.
        date: value of a date (due date, last menstrual period).
        raw: value and unit as sent, for the card; at most 60 characters, free text at most 40.
        issued: when the result was made available.
        dated_by_issue: `when` is the date of issue.
        preliminary: the sender does not call it final; it may alarm and never clears.
        problem: why it cannot be read; None if it can.
        reference_low: lower limit of normal given with the result itself, canonical unit; read only for analytes
            that are judged by such limits, those for which the knowledge has a default (`Analyte.reference`).
        reference_high: upper limit of normal, likewise.
        specimen: id of the Specimen, "" when not said.
        computed_from: references of the results it was computed from.
        note: what a reader of the value has to know, "" for nothing.
    """

    analyte: str
    reference: str
    when: When | None
    value: float | None = None
    unit: str = ""
    comparator: Comparator = ""
    qualitative: Outcome | None = None
    coded: frozenset[str] = frozenset()
    date: When | None = None
    raw: str = ""
    issued: When | None = None
    dated_by_issue: bool = False
    preliminary: bool = False
    problem: LabProblem | None = None
    reference_low: float | None = None
    reference_high: float | None = None
    specimen: str = ""
    computed_from: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_final(self) -> bool:
        """Whether it can be read and is final."""
        return self.problem is None and not self.preliminary

    def is_below(self, limit: float) -> bool | None:
        """Whether the true value certainly is (True) or certainly is not (False) below `limit` (canonical unit).

        None when the comparator leaves it open, or the result cannot be read: `<5` may or may not be below 3.
        """
        if self.problem is not None or self.value is None:
            return None
        match self.comparator:
            case "":
                return self.value < limit
            case "<":
                return True if self.value <= limit else None
            case "<=":
                return True if self.value < limit else None
            case _:
                return False if self.value >= limit else None

    def is_at_least(self, limit: float) -> bool | None:
        """Whether the true value certainly is, or certainly is not, `limit` or more; see `is_below`."""
        below = self.is_below(limit)
        return None if below is None else not below

    def is_above(self, limit: float) -> bool | None:
        """Whether the true value certainly is (True) or certainly is not (False) above `limit` (canonical unit).

        None when the comparator leaves it open, or the result cannot be read: `>5` may or may not be above 8.
        """
        if self.problem is not None or self.value is None:
            return None
        match self.comparator:
            case "":
                return self.value > limit
            case ">":
                return True if self.value >= limit else None
            case ">=":
                return True if self.value > limit else None
            case _:
                return False if self.value <= limit else None

    def is_at_most(self, limit: float) -> bool | None:
        """Whether the true value certainly is, or certainly is not, `limit` or less; see `is_above`."""
        above = self.is_above(limit)
        return None if above is None else not above

    def days_before(self, now: datetime) -> int | None:
        """Return the age in whole calendar days; None without a date, negative for the future."""
        return self.when.days_before(now) if self.when else None


_ALARM = {Outcome.POSITIVE: 3, Outcome.INDETERMINATE: 2, None: 1, Outcome.NEGATIVE: 0}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def newest_first(results: Iterable[LabResult]) -> tuple[LabResult, ...]:
    """Return results without duplicates, newest first, those without a date last; independent of the input order.

    At the very same time the later issued one comes first, then final before preliminary before unreadable (a readable
    result of that moment exists), then positive before negative.
    """
    ordered: list[LabResult] = []
    for result in sorted(results, key=_recency, reverse=True):
        if ordered and result.reference == ordered[-1].reference and result == ordered[-1]:
            continue
        ordered.append(result)
    return tuple(ordered)


def _recency(result: LabResult) -> tuple[object, ...]:
    when, issued = result.when, result.issued
    return (
        when.start if when else _LONG_AGO,
        issued.start if issued else _LONG_AGO,
        result.problem is None,
        not result.preliminary,
        _ALARM[result.qualitative],
        # from here on only to be independent of the input order
        result.reference,
        result.analyte,
        result.raw,
        result.problem or "",
        result.value or 0.0,
        result.specimen,
        result.reference_high or 0.0,
        result.reference_low or 0.0,
    )
