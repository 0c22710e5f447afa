"""Rows that wait on disk while the database is down.

Every worker process appends to a file of its own, one JSON object per line. A file is held by a lock while its process
lives, so another process can tell a file in use from one that was left behind, and takes care of the latter.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from service.config import ConfigurationError
from service.store.file_lock import FileLock

log = structlog.get_logger(__name__)

_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_CHUNK = 1024 * 1024


def check_spool_folder(folder: Path) -> None:
    """Create the folder if it is missing, and try whether it can be written to.

    Raises:
        ConfigurationError: it cannot.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(probe := folder / "probe.lock"):
            probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"LENCDS_SPOOL_DIR: {folder} cannot be written to ({error.strerror}). Name a folder that belongs to the"
            " user who runs the service, on a disk with room."
        ) from error


class Spool:
    """The spool folder as one process uses it."""

    def __init__(self, folder: Path, owner: str) -> None:
        """Open the folder; it is created when missing.

        Args:
            folder: where the files are.
            owner: unique name of this process.

        Raises:
            ConfigurationError: the folder cannot be written to.
        """
        self._folder, self._owner = folder, owner
        self._lock = threading.Lock()
        self._replaying = threading.Lock()
        self._number = 0
        self._claim: FileLock | None = None
        try:
            check_spool_folder(folder)
        except ConfigurationError as error:
            # A worker that starts anew while the disk is full must come up: decisions go on.
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in _DISK_TROUBLE:
                raise
            log.error("spool cannot be written to", reason=error.__cause__.strerror)
        self._waiting = self.has_files()
        self._counted: dict[Path, tuple[int, int]] = {}

    def has_files(self) -> bool:
        """Whether rows of any process wait in the folder."""
        return any(self._folder.glob("*.jsonl"))

    def depth(self) -> int:
        """Return how many rows of all processes wait in the folder; reads only what was added since the last time."""
        counted: dict[Path, tuple[int, int]] = {}
        for file in self._folder.glob("*.jsonl"):
            with contextlib.suppress(OSError):
                offset, rows = self._counted.get(file, (0, 0))
                with file.open("rb") as stream:
                    stream.seek(offset)
                    while chunk := stream.read(_CHUNK):
                        offset, rows = offset + len(chunk), rows + chunk.count(b"\n")
                counted[file] = offset, rows
        self._counted = counted
        return sum(rows for _, rows in counted.values())

    def damaged(self) -> int:
        """Return how many rows were found damaged and put aside."""
        return sum(file.read_bytes().count(b"\n") for file in self._folder.glob("*.damaged"))

    def lines(self) -> Iterator[bytes]:
        """Yield every row of all processes that waits in the folder."""
        for file in sorted(self._folder.glob("*.jsonl")):
            with contextlib.suppress(OSError):
                yield from filter(None, file.read_bytes().split(b"\n"))

    @property
    def waiting(self) -> bool:
        """Whether rows wait here: of this process, or left behind by others when it began."""
        return self._waiting

    def append(self, line: bytes) -> None:
        """Write a row to disk; when this returns it is there to stay.

        Args:
            line: JSON without line break.

        Raises:
            OSError: it could not be written.
        """
        with self._lock:
            if self._claim is None:
                self._claim = FileLock(self._folder / f"{self._owner}.lock", wait=False)
            self._waiting = True
            descriptor = os.open(self._path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    _write_all(descriptor, line + b"\n")
                    os.fsync(descriptor)
                    if not before:
                        _sync_folder(self._folder)
                except OSError:
                    # A half line would swallow the next one.
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)

    def replay(self, store: Callable[[bytes], bool]) -> int:
        """Give every waiting row to `store`, and remove the files that are done.

        Args:
            store: stores one line; must bear a line it had before. Returns False for a line that can never be stored:
                it is kept in a file ending in `.damaged`. An exception ends the replay; what is left waits on.

        Returns:
            how many rows were stored.
        """
        if not self._replaying.acquire(blocking=False):
            return 0
        try:
            stored = 0
            with self._lock:
                self._number += 1  # from here on new rows go to a new file, so the present ones are complete
                current = self._path()
                self._waiting = False
            for file in sorted(self._folder.glob("*.jsonl")):
                with self._claimed(file) as mine:
                    if mine and file != current:
                        stored += _replay_file(file, store)
        except BaseException:
            self._waiting = True
            raise
        else:
            return stored
        finally:
            self._replaying.release()

    def close(self) -> None:
        """Leave what still waits to other processes."""
        with self._lock:
            if self._claim is not None:
                self._give_up(self._owner, self._claim)
                self._claim = None

    def _path(self) -> Path:
        return self._folder / f"{self._owner}-{self._number:06}.jsonl"

    @contextlib.contextmanager
    def _claimed(self, file: Path) -> Iterator[bool]:
        """Hold the lock of the process that wrote `file`; yields False while that process lives."""
        owner = file.name.rpartition("-")[0]
        if owner == self._owner:
            yield True
            return
        try:
            lock = FileLock(self._folder / f"{owner}.lock", wait=False)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            self._give_up(owner, lock)

    def _give_up(self, owner: str, lock: FileLock) -> None:
        """Release a claim, and remove its file when nothing waits under it any more."""
        with contextlib.suppress(OSError):
            if not any(self._folder.glob(f"{owner}-*.jsonl")):
                (self._folder / f"{owner}.lock").unlink()
        lock.release()


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file outlast a power cut, where folders can be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _replay_file(file: Path, store: Callable[[bytes], bool]) -> int:
    stored = 0
    lines = file.read_bytes().split(b"\n")
    for line in filter(None, lines):
        if store(line):
            stored += 1
        else:
            log.error("spooled row is damaged", count=1)
            with file.with_suffix(".damaged").open("ab") as kept:
                kept.write(line + b"\n")
    file.unlink()
    return stored
