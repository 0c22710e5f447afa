"""Showing the numbers of all worker processes, and those that are only found out when somebody asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which the workers' numbers are; set before the library is imported."""


class Exposition:
    """The numbers in the Prometheus text format.

    Args:
        registry: the numbers of this process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._asked = _Asked()
        self._before: list[Callable[[], object]] = []

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a number that is the same whichever worker is asked.

        Args:
            name: its name.
            help_text: what it says.
            value: finds it out, quickly. When it raises, the number is left out.
        """
        self._asked.gauges.append((name, help_text, value))

    def before(self, refresh: Callable[[], object]) -> None:
        """Call something before the numbers are shown."""
        self._before.append(refresh)

    def text(self) -> bytes:
        """Return all numbers."""
        for refresh in self._before:
            refresh()
        asked = CollectorRegistry()
        asked.register(self._asked)
        if FOLDER not in os.environ:
            return generate_latest(self._registry) + generate_latest(asked)
        _forget_dead_workers(Path(os.environ[FOLDER]))
        of_all_workers = CollectorRegistry()
        MultiProcessCollector(of_all_workers)  # type: ignore[no-untyped-call]
        return generate_latest(of_all_workers) + generate_latest(asked)


class _Asked(Collector):
    def __init__(self) -> None:
        self.gauges: list[tuple[str, str, Callable[[], float]]] = []

    def collect(self) -> Iterable[Metric]:
        for name, help_text, value in self.gauges:
            try:
                yield GaugeMetricFamily(name, help_text, value=value())
            except Exception as error:  # noqa: BLE001  one number that cannot be found out must not hide the others
                log.warning("number not found out", error_type=type(error).__name__)


def _forget_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that ended; their counters still count."""
    for file in folder.glob("gauge_live*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            mark_process_dead(int(pid))  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
