"""The spool is emptied without anybody asking, and old rows are deleted once a day by one process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.store.audit_key import AuditKey
from service.store.database import Database, DatabaseUnavailableError
from service.store.housekeeping import DailyPrune, Housekeeping
from service.store.jobs import PRUNE, claim, last_due, last_run
from service.store.retention import Retention
from service.store.spool import Spool

THREE = time(3, 0)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 3, 1, 2, 59, 59, tzinfo=UTC), datetime(2026, 2, 28, 3, tzinfo=UTC)),
        (datetime(2026, 3, 1, 3, 0, tzinfo=UTC), datetime(2026, 3, 1, 3, tzinfo=UTC)),
        (datetime.fromisoformat("2026-03-01T01:00:00-05:00"), datetime(2026, 3, 1, 3, tzinfo=UTC)),
    ],
)
def test_when_a_daily_job_was_due_last(now: datetime, due: datetime) -> None:
    assert last_due(now, THREE) == due


def test_of_many_that_come_at_once_one_does_it(database: Database, clock: Any) -> None:
    won: list[bool] = []

    def come() -> None:
        due = last_due(clock(), THREE)
        won.append(database.run(lambda connection: claim(connection, PRUNE, due=due, now=clock()), limit_s=20))

    threads = [threading.Thread(target=come) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_pruning_happens_once_a_day_in_one_process(
    database: Database, key: AuditKey, clock: Any, make_audit: Any, row: Any
) -> None:
    log = make_audit()
    log.record(row(time=clock() - timedelta(days=40)))
    log.record(row())
    retention = Retention(database, key, period=timedelta(days=30), clock=clock)
    workers = [DailyPrune(database, retention, at=THREE, clock=clock) for _ in range(2)]
    assert [prune() for prune in workers] == [True, False]
    assert log.count() == 1
    clock.advance(hours=14)  # 2 o'clock
    assert [prune() for prune in workers] == [False, False]
    clock.advance(hours=2)
    assert [prune() for prune in workers] == [True, False]
    run = database.run(lambda connection: last_run(connection, PRUNE), limit_s=20)
    assert run is not None
    assert (run.finished, run.result) == (clock(), "0 calls and 0 feedback items deleted")


def test_pruning_is_put_off_while_the_database_is_away(
    database: Database, key: AuditKey, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune = DailyPrune(
        database, Retention(database, key, period=timedelta(days=30), clock=clock), at=THREE, clock=clock
    )

    def away(_work: Any) -> None:
        raise DatabaseUnavailableError

    monkeypatch.setattr(database, "run_unhurried", away)
    assert not prune()
    monkeypatch.undo()
    assert prune()


def test_a_task_that_fails_does_not_stop_the_others() -> None:
    done = threading.Event()
    housekeeping = Housekeeping([lambda: 1 / 0, done.set], every_s=0.01)
    housekeeping.start()
    assert done.wait(10)
    housekeeping.close()


def test_one_that_was_never_started_can_be_closed() -> None:
    Housekeeping([]).close()


def test_rows_left_behind_while_this_process_lives_are_found(make_audit: Any, row: Any, blocked: Any) -> None:
    alive = make_audit()
    dead = make_audit()
    with blocked():
        dead.record(row(), limit_s=0.1)
    dead._backlog.spool.close()  # what the system does with its lock
    assert not alive.spooling
    alive._backlog.replay_if_any()
    assert alive.count() == 1


def test_depth_counts_what_was_added_and_taken_away(tmp_path: Path) -> None:
    one, other = Spool(tmp_path, "one"), Spool(tmp_path, "other")
    assert one.depth() == 0
    one.append(b"{}")
    other.append(b"{}")
    assert one.depth() == 2
    one.append(b"{}")
    assert one.depth() == 3
    one.replay(lambda _line: True)
    assert one.depth() == 1
    other.replay(lambda _line: False)
    assert (one.depth(), one.damaged()) == (0, 1)
