"""One circuit breaker per FHIR server: a server that keeps failing is left alone for a while.

One outcome counts per call, not per request. A call makes some fifteen requests at once; counted singly, one slow
moment of a server would blind this service for the next half minute.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from threading import Lock

from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker

_LONGEST_MEMORY = 256


class _ServerError(Exception):
    """Tells pybreaker that a call failed."""


class ServerBreaker:
    """The state of one server. Safe to use from several threads.

    pybreaker counts and keeps the state. Calls do not run inside it: it holds its lock while they run, which would
    make them wait for each other. When to try again is measured here, on a clock that cannot be set.

    Args:
        fail_max: consecutive failed calls that open it.
        reset_s: seconds after which one call may try again.
        monotonic: clock in seconds.
    """

    def __init__(self, fail_max: int, reset_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._machine = CircuitBreaker(fail_max=fail_max, throw_new_error_on_trip=False)
        self._reset_s, self._monotonic = reset_s, monotonic
        self._opened_at = 0.0
        self._trial_is_on = False
        self._lock = Lock()

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open` (a trial is due or under way)."""
        return str(self._machine.current_state)

    def admits(self) -> bool:
        """Whether a call may ask the server; if so, `record` must follow."""
        with self._lock:
            if self.state == STATE_CLOSED:
                return True
            if self.state == STATE_OPEN and self._monotonic() - self._opened_at >= self._reset_s:
                self._machine.half_open()
            if self.state == STATE_OPEN or self._trial_is_on:
                return False
            self._trial_is_on = True
            return True

    def record(self, answered: bool | None) -> None:
        """Note how an admitted call ended.

        Args:
            answered: whether the server answered at all, be it with a refusal; None when the call says nothing about
                the server (nothing was sent, or there was no time).
        """
        with self._lock:
            self._trial_is_on = False
            # What comes late, from a call that was admitted before the others failed, does not decide.
            if answered is None or self.state == STATE_OPEN:
                return
            try:
                self._machine.call(_pass if answered else _fail)
            except _ServerError:
                if self.state == STATE_OPEN:
                    self._opened_at = self._monotonic()


class BreakerRegistry:
    """The breakers of all servers by base URL.

    Args:
        fail_max: consecutive failed calls that open a breaker.
        reset_s: seconds after which one call may try again.
        monotonic: clock in seconds.
    """

    def __init__(
        self, fail_max: int = 5, reset_s: float = 30.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = partial(ServerBreaker, fail_max, reset_s, monotonic)
        self._breakers: OrderedDict[str, ServerBreaker] = OrderedDict()
        self._lock = Lock()

    def of(self, base: str) -> ServerBreaker:
        """Return the breaker of a server."""
        key = base.rstrip("/")
        with self._lock:
            if key not in self._breakers:
                self._breakers[key] = self._make()
                # An allowed address allows everything below it, so callers could name bases without end.
                if len(self._breakers) > _LONGEST_MEMORY:
                    self._breakers.popitem(last=False)
            self._breakers.move_to_end(key)
            return self._breakers[key]

    def states(self) -> dict[str, str]:
        """Return base URL → state, for the health page."""
        with self._lock:
            return {base: breaker.state for base, breaker in self._breakers.items()}


def _pass() -> None:
    return None


def _fail() -> None:
    raise _ServerError
