"""Percentiles of values that are given as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls took.

    Attributes:
        calls: how many were measured.
        p50_ms: half of them took at most this long, in ms; None without calls.
        p95_ms: 95 in 100.
        p99_ms: 99 in 100.
        max_ms: the longest.
    """

    calls: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


def latency(counts: Mapping[float, int]) -> Latency:
    """Return the percentiles by nearest rank.

    Args:
        counts: duration in tenths of a millisecond → how many calls took that long.
    """
    total = sum(counts.values())
    if not total:
        return Latency()
    return Latency(
        total, _at(counts, total, 0.50), _at(counts, total, 0.95), _at(counts, total, 0.99), max(counts) / 10
    )


def _at(counts: Mapping[float, int], total: int, share: float) -> float:
    rank, seen = ceil(share * total), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            break
    return value / 10
