"""A pool that refuses work instead of keeping it without end."""

from __future__ import annotations

import threading

import pytest

from service.fhir.workers import Workers


def test_work_is_refused_when_the_queue_is_full_and_taken_again_later() -> None:
    workers = Workers(2, waiting=1)
    release = threading.Event()
    futures = [workers.submit(release.wait) for _ in range(5)]
    assert [future is not None for future in futures] == [True, True, True, False, False]
    release.set()
    assert [future.result(5) for future in futures if future] == [True] * 3
    assert (again := workers.submit(lambda: 7)) is not None
    assert again.result(5) == 7
    workers.close()


def test_busy_counts_what_runs_and_what_waits() -> None:
    workers = Workers(1, waiting=1)
    release = threading.Event()
    futures = [workers.submit(release.wait) for _ in range(3)]
    assert workers.busy == 2
    release.set()
    for future in futures:
        assert future is None or future.result(5)
    workers.close()
    assert workers.busy == 0


def test_a_piece_of_work_that_raises_gives_its_place_back() -> None:
    workers = Workers(1, waiting=0)
    for _ in range(3):
        future = workers.submit(lambda: 1 // 0)
        assert future is not None
        with pytest.raises(ZeroDivisionError):
            future.result(5)
    workers.close()


def test_after_closing_nothing_is_taken_and_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    workers = Workers(2)
    assert workers.submit(lambda: 1) is not None
    workers.close()
    assert workers.submit(lambda: 1) is None
    assert not [one for one in set(threading.enumerate()) - before if one.name.startswith("fhir")]
