"""Slowing down whoever guesses the admin token."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_FREE_ATTEMPTS = 5
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_FORGOTTEN_AFTER_S = 900.0
_MOST_PEERS = 1000


class LoginBrake:
    """Counts failed logins for each peer; after five, each further one doubles a pause, up to a minute.

    Nobody waits in a thread meanwhile: an attempt within the pause is refused at once. Each worker process counts for
    itself, so several of them allow as many times the attempts; the token is long enough to bear that.

    Args:
        monotonic: clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def pause_s(self, peer: str) -> float:
        """Return how many seconds a peer must still wait before its next attempt; 0 means none."""
        with self._lock:
            count, last = self._failed.get(peer, (0, 0.0))
        if count < _FREE_ATTEMPTS:
            return 0.0
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (count - _FREE_ATTEMPTS))
        return max(0.0, last + pause - self._monotonic())

    def failed(self, peer: str) -> None:
        """Note a wrong token."""
        now = self._monotonic()
        with self._lock:
            count, last = self._failed.pop(peer, (0, now))
            # An exponent without bound would overflow in the end.
            self._failed[peer] = (min(count + 1, 100) if now - last < _FORGOTTEN_AFTER_S else 1, now)
            if len(self._failed) > _MOST_PEERS:
                self._failed.popitem(last=False)

    def succeeded(self, peer: str) -> None:
        """Forget what a peer got wrong before."""
        with self._lock:
            self._failed.pop(peer, None)
