"""Interleaved rounds: each compares all candidates within seconds, so that a noisy machine troubles all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import nan
from statistics import median

from benchmarks.load import Sample, drive
from benchmarks.servers import Served

Requests = Callable[[int], Sequence[bytes]]
"""Makes so many requests, ready to be sent."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server with what is sent to it."""

    name: str
    server: Served
    requests: Requests


@dataclass(slots=True)
class Figures:
    """What the rounds measured of one candidate: medians over the rounds."""

    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    generator_cpu_ms: list[float] = field(default_factory=list)
    failures: int = 0

    def add(self, sample: Sample, cpu_s: float) -> None:
        """Take in one round."""
        count = len(sample.milliseconds)
        self.p50_ms.append(sample.p50)
        self.p99_ms.append(sample.p99)
        self.per_second.append(sample.per_second)
        self.cpu_ms.append(cpu_s * 1000 / count)
        self.generator_cpu_ms.append(sample.generator_cpu_s * 1000 / count)
        self.failures += sum(number for status, number in sample.statuses.items() if status != 200)  # noqa: PLR2004


def interleave(candidates: Sequence[Candidate], *, rounds: int, count: int, connections: int) -> dict[str, Figures]:
    """Measure candidates in turn.

    Args:
        candidates: what is compared.
        rounds: how many rounds; a first one is run to warm up and not counted.
        count: requests of each candidate in a round.
        connections: requests under way at once.
    """
    figures = {candidate.name: Figures() for candidate in candidates}
    for number in range(rounds + 1):
        # Every other round runs backwards, so that none always profits from what came before it.
        for candidate in candidates if number % 2 else reversed(candidates):
            requests = candidate.requests(count)
            before = candidate.server.cpu_s()
            sample = drive(candidate.server.port, requests, count=count, connections=connections)
            if number:
                figures[candidate.name].add(sample, candidate.server.cpu_s() - before)
    return figures


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Return the median over the rounds of the ratio within each round; rounds too short to be measured are left out.

    The clock of a process's CPU time ticks in hundredths of a second, so a short round may show none at all.
    """
    measured = [one / other for one, other in zip(of, to, strict=True) if other]
    return median(measured) if measured else nan
