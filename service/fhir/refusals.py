"""What servers refused lately, so that not every call has to find out again.

A server that does not take batches, or a search parameter, costs a round trip each time it is asked for that. What
it refused is left out for some minutes; then one call tries again, since servers get updated.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

BATCH = "batch"

_REMEMBERED_S = 600.0
_MOST_ENTRIES = 2048


class Refusals:
    """Refusals by server. Safe to use from several threads; holds names of parameters, nothing of any patient.

    Args:
        remembered_s: for how many seconds.
        monotonic: clock in seconds.
    """

    def __init__(self, remembered_s: float = _REMEMBERED_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._remembered_s, self._monotonic = remembered_s, monotonic
        self._until: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._lock = Lock()

    def note(self, base: str, feature: str, kind: str = "") -> None:
        """Remember a refusal.

        Args:
            base: base URL of the server.
            feature: `BATCH`, or the name of a search parameter.
            kind: resource type of the search.
        """
        key = (base.rstrip("/"), kind, feature)
        with self._lock:
            self._until[key] = self._monotonic() + self._remembered_s
            self._until.move_to_end(key)
            if len(self._until) > _MOST_ENTRIES:
                self._until.popitem(last=False)

    def holds(self, base: str, feature: str, kind: str = "") -> bool:
        """Whether the server refused this lately."""
        key = (base.rstrip("/"), kind, feature)
        with self._lock:
            if (until := self._until.get(key)) is None:
                return False
            if self._monotonic() < until:
                return True
            del self._until[key]
            return False
