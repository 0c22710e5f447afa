"""Stopping without losing a call: say so first, then stop.

When a supervisor stops the service it also tells the load balancer, which takes a few seconds to hear of it. During
these seconds `/readyz` answers 503 and calls that still come are answered.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

STOPPING_MARK = "stopping"
"""File in the folder that supervisor and workers share; it is there while the service is being stopped."""

Handler = Callable[[int, FrameType | None], object]


class DelayedStop:
    """Puts off what SIGTERM does; a second one, or Ctrl-C, stops at once.

    Args:
        mark: file that tells the workers; removed when it is left over from before.
        delay_s: seconds between the mark and the stop.
    """

    def __init__(self, mark: Path, delay_s: float) -> None:
        self._mark, self._delay_s = mark, delay_s
        self._timer: threading.Timer | None = None
        mark.unlink(missing_ok=True)

    def install(self) -> None:
        """Take the place of the present handler of SIGTERM, which is called after the delay."""
        stop = signal.getsignal(signal.SIGTERM)
        if callable(stop):
            signal.signal(signal.SIGTERM, lambda number, frame: self._on_signal(stop, number, frame))

    def _on_signal(self, stop: Handler, number: int, frame: FrameType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            stop(number, frame)
            return
        self._mark.touch()
        self._timer = threading.Timer(self._delay_s, stop, (number, None))
        self._timer.daemon = True
        self._timer.start()
