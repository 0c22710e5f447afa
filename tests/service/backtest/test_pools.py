"""Processes of this machine and a Dask cluster give the same results in the same order, written to the same Parquet."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.auth.clients import Client
from service.backtest.files import ReadCounts, record_files
from service.backtest.judge import Judged
from service.backtest.parquet import ParquetFile
from service.backtest.partition import partition
from service.backtest.pools import DaskPool, LocalPool, Pool
from service.backtest.run import Task, judge_all
from tests.service.backtest.conftest import PATIENTS

TASK = Task(None, None, Client(name="backtest"))


def run(pool: Pool, history: Path, work: Path) -> list[Judged]:
    work.mkdir()
    parts = partition(record_files(history), work, counts=ReadCounts(), on_file=lambda _: None)
    done: list[bool] = []
    judged = list(judge_all(TASK, parts, pool, on_part=lambda: done.append(True)))
    assert len(done) == len(parts)
    return judged


def test_local_processes_and_a_dask_cluster_agree(history: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask (extra 'scale') is not installed")
    local = run(LocalPool(2), history, tmp_path / "local")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        remote = run(DaskPool(cluster.scheduler_address), history, tmp_path / "remote")
    assert remote == local
    assert {patient.draft_orders[0]["id"] for patient in PATIENTS} <= {
        order.partition("/")[2] for one in local for order in one.orders
    }
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow (extra 'backtest') is not installed")
    for name, judged in (("local", local), ("remote", remote)):
        with ParquetFile(tmp_path / f"{name}.parquet") as file:
            assert list(file.passing(judged)) == judged
    table = parquet.read_table(tmp_path / "local.parquet")
    assert table == parquet.read_table(tmp_path / "remote.parquet")
    cards = [{row["topic"]: row["indicator"] for row in rows} for rows in table.column("cards").to_pylist()]
    assert cards == [dict(one.topics) for one in local]
    assert table.column("time").to_pylist() == [one.time for one in local]
