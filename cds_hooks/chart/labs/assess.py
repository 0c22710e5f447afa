"""The state of an analyte: what its newest result allows a rule to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from cds_hooks.chart.labs.result import LabProblem, LabResult


class LabState(StrEnum):
    """State of an analyte. The values are the keys under which the knowledge words them for cards."""

    CURRENT = "current"
    STALE = "stale"
    ABSENT = "absent"
    PRELIMINARY = "preliminary"
    UNINTERPRETABLE = "uninterpretable"


class Lab(Struct, frozen=True):
    """An analyte as a rule sees it.

    Attributes:
        state: describes `latest`, never an older result behind it.
        latest: the newest result of any kind.
        latest_readable: the newest final result that can be read, however old.
        results: all results, newest first.
        age_days: age of `latest` in calendar days; None without a result or without its date.
    """

    state: LabState
    latest: LabResult | None
    latest_readable: LabResult | None
    results: tuple[LabResult, ...]
    age_days: int | None

    @property
    def current(self) -> LabResult | None:
        """The newest result if it is final, readable and recent enough: the only one that may clear a rule."""
        return self.latest if self.state is LabState.CURRENT else None

    @property
    def latest_value(self) -> LabResult | None:
        """The newest result that can be read, preliminary ones included: what may alarm."""
        return next((result for result in self.results if result.problem is None), None)


def assess(results: Sequence[LabResult], *, now: datetime, max_age_days: float) -> Lab:
    """Return the state of an analyte.

    A newer unreadable or preliminary result is not hidden by an older normal one: the state is that of the newest.
    Results without a date count as newest only if no other exists. A newest result outside the window is stale, also
    when it cannot be read, since nothing newer exists.

    Args:
        results: results of one analyte, newest first.
        now: evaluation instant.
        max_age_days: age in calendar days up to which (inclusive) a result counts as current.
    """
    if not results:
        return Lab(LabState.ABSENT, None, None, (), None)
    latest = results[0]
    age = latest.days_before(now)
    readable = next((result for result in results if result.is_final), None)
    return Lab(_state(latest, age, max_age_days), latest, readable, tuple(results), age)


def _state(latest: LabResult, age: int | None, max_age_days: float) -> LabState:
    if age is None or latest.problem is LabProblem.FUTURE_DATE:
        return LabState.UNINTERPRETABLE
    if age > max_age_days:
        return LabState.STALE
    if latest.problem is not None:
        return LabState.UNINTERPRETABLE
    return LabState.PRELIMINARY if latest.preliminary else LabState.CURRENT
