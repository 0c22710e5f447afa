"""The threads that wait for FHIR servers, and a queue before them that cannot grow without end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """One pool of threads for all calls. Work that finds the queue full is refused at once.

    Args:
        threads: request threads × parallel searches of one call; fewer make calls wait for each other.
        waiting: how many pieces of work may wait for a thread; by default as many as there are threads.
    """

    def __init__(self, threads: int, waiting: int | None = None) -> None:
        self.threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="fhir")
        self._places = BoundedSemaphore(threads + (threads if waiting is None else waiting))
        self._busy = 0
        self._lock = Lock()

    @property
    def busy(self) -> int:
        """How many pieces of work run or wait for a thread."""
        return self._busy

    def submit(self, work: Callable[[], T]) -> Future[T] | None:
        """Run `work` on a thread of the pool.

        The place in the queue is given back when the work ends, not when its caller stops waiting: work must look at
        its deadline when it starts.

        Returns:
            Its future; None when all threads are busy and the queue is full, or after `close`.
        """
        if not self._places.acquire(blocking=False):
            return None

        def run() -> T:
            try:
                return work()
            finally:
                self._done()

        with self._lock:
            self._busy += 1
        try:
            return self._executor.submit(run)
        except RuntimeError:  # shut down
            self._done()
            return None

    def _done(self) -> None:
        with self._lock:
            self._busy -= 1
        self._places.release()

    def close(self) -> None:
        """Let the running work end, drop the waiting work, and end the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)
