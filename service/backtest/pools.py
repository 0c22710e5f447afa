"""Where the work is done: processes of this machine, or a Dask cluster. Both give the same results in one order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool(Protocol):
    """Runs a function over items, many at a time."""

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items, each as soon as it and those before it are there.

        Args:
            function: a function of a module, called once for each item in some process.
            items: what can be sent to another process.
        """
        ...


class LocalPool:
    """Processes of this machine.

    Args:
        workers: how many; None for one on each core.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or os.cpu_count() or 1

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items."""
        with ProcessPoolExecutor(self._workers, mp_context=get_context("spawn")) as executor:
            try:
                yield from executor.map(function, items)
            finally:
                executor.shutdown(cancel_futures=True)


class DaskPool:
    """A Dask cluster; needs the extra `scale`.

    Args:
        scheduler: address of the scheduler, such as `tcp://scheduler.example.org:8786`.

    Raises:
        ImportError: Dask is not installed.
        OSError: the scheduler cannot be reached.
    """

    def __init__(self, scheduler: str) -> None:
        from distributed import Client  # noqa: PLC0415  an extra

        self._client = Client(scheduler)  # type: ignore[no-untyped-call]

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items; a worker that dies is replaced twice."""
        try:
            for future in self._client.map(function, items, pure=False, retries=2):
                yield future.result()
                future.release()  # type: ignore[no-untyped-call]
        finally:
            self._client.close()  # type: ignore[no-untyped-call]
