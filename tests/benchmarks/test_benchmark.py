"""The benchmark in small: it measures both servers over real sockets, and its arithmetic is right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.load import Sample
from benchmarks.report import Table
from benchmarks.rounds import Figures, ratio
from benchmarks.sections import Plan, inside, with_tokens

PLAN = Plan(datetime(2026, 3, 1, 12, tzinfo=UTC), rounds=1, count=5, workers=1, calls=20)


def test_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    assert ratio([2.0, 30.0, 4.0], [1.0, 10.0, 1.0]) == 3.0


def test_figures_are_per_request() -> None:
    figures = Figures()
    figures.add(Sample([1.0, 2.0, 3.0], 0.5, 0.003, {200: 2, 401: 1}), cpu_s=0.03)
    assert figures.p50_ms == [2.0]
    assert figures.per_second == [6.0]
    assert figures.cpu_ms == [10.0]
    assert figures.failures == 1


def test_a_table_is_written_as_markdown() -> None:
    table = Table("T", ("a", "b"), [("1", "2")], "how")
    assert table.markdown() == "### T\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nhow\n"


def test_both_servers_answer_with_tokens_over_real_sockets() -> None:
    table, raw = with_tokens(PLAN)
    assert len(table.rows) == len(raw) == 4
    assert all(figures["failures"] == 0 for pair in raw.values() for figures in pair.values())


@pytest.mark.parametrize("workload", ["irrelevant order, 6 kB", "relevant order, 90 kB"])
def test_calls_are_compared_in_process(workload: str) -> None:
    _, raw = inside(PLAN)
    assert len(raw[f"ours: {workload}"]) == len(raw[f"empty: {workload}"]) == 1
