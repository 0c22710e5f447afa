"""The point in time by which everything of one call must be done."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A point in time on a clock that never goes backwards."""

    __slots__ = ("_ends", "_monotonic")

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ends = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 when it has passed."""
        return max(0.0, self._ends - self._monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self._monotonic() >= self._ends

    def earlier(self, seconds: float) -> Deadline:
        """Return a deadline that leaves `seconds` for what comes after it."""
        return Deadline(self._ends - self._monotonic() - seconds, self._monotonic)
