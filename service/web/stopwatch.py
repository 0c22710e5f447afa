"""How long the phases of one call take."""

from __future__ import annotations

import time


class Stopwatch:
    """Measures one call, phase after phase.

    Attributes:
        laps: phase → seconds.
    """

    __slots__ = ("_last", "_started", "laps")

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, phase: str, *, inner: str = "", inner_s: float = 0.0) -> None:
        """Note that a phase ended.

        Args:
            phase: what ended now.
            inner: another phase that happened within it and is counted by itself.
            inner_s: how long that took, in seconds.
        """
        now = time.perf_counter()
        self.laps[phase] = max(0.0, now - self._last - inner_s)
        if inner:
            self.laps[inner] = inner_s
        self._last = now

    @property
    def seconds(self) -> float:
        """Time since the call began."""
        return time.perf_counter() - self._started
