"""What a worker process does beside its calls: it empties the spool, and once a day one of all processes prunes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, time
from functools import partial

import structlog

from service.store.database import Database, DatabaseUnavailableError
from service.store.jobs import PRUNE, claim, finish, last_due
from service.store.retention import Retention

log = structlog.get_logger(__name__)

_EVERY_S = 5.0


class Housekeeping:
    """A thread that does small tasks every few seconds. A task that fails is logged and tried again."""

    def __init__(self, tasks: Sequence[Callable[[], object]], *, every_s: float = _EVERY_S) -> None:
        self._tasks, self._every_s = tasks, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin; the tasks are done for the first time after one interval."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the task under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            for task in self._tasks:
                try:
                    task()
                except Exception as error:  # noqa: BLE001  the next round tries again
                    log.warning("housekeeping failed", error_type=type(error).__name__)


class DailyPrune:
    """Prunes once a day at a given time; of all processes on one database one does it."""

    def __init__(self, database: Database, retention: Retention, *, at: time, clock: Callable[[], datetime]) -> None:
        """Put the parts together.

        Args:
            database: where it is noted who does it.
            retention: what is done.
            at: time of the day, UTC.
            clock: the present instant.
        """
        self._database, self._retention, self._at, self._clock = database, retention, at, clock
        self._seen: datetime | None = None

    def __call__(self) -> bool:
        """Prune if it is due and nobody else does it; returns whether it was done."""
        now = self._clock()
        due = last_due(now, self._at)
        if due == self._seen:
            return False
        try:
            mine = self._database.run_unhurried(partial(claim, name=PRUNE, due=due, now=now))
            self._seen = due
            if not mine:
                return False
            pruned = self._retention.prune()
            result = f"{pruned.calls} calls and {pruned.feedback} feedback items deleted"
            self._database.run_unhurried(partial(finish, name=PRUNE, result=result, now=self._clock()))
        except DatabaseUnavailableError:
            log.warning("pruning put off: the database is not available")
            return False
        log.info("old rows deleted", count=pruned.calls + pruned.feedback)
        return True
