"""One holder at a time, and no lock on a file that was removed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from service.store.file_lock import FileLock


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path), pytest.raises(OSError):
        FileLock(path, wait=False)
    FileLock(path, wait=False).release()


def test_who_waits_for_a_file_that_is_removed_locks_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = FileLock(path)
    taken: list[FileLock] = []
    waiter = threading.Thread(target=lambda: taken.append(FileLock(path)))
    waiter.start()
    path.unlink()
    holder.release()
    waiter.join()
    assert path.exists()
    with pytest.raises(OSError):
        FileLock(path, wait=False)
    taken[0].release()
