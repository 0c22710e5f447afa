"""A lock between processes, held on an open file; the system releases it when the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, wait: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """A lock file that is held from construction to `release`."""

    def __init__(self, path: Path, *, wait: bool = True) -> None:
        """Take the lock.

        Args:
            path: the lock file; created when missing. Only who holds the lock may remove it.
            wait: wait for its present holder; otherwise fail at once.

        Raises:
            OSError: the file cannot be opened, or somebody else holds it.
        """
        while True:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _lock(self._descriptor, wait=wait)
                if os.path.samestat(os.fstat(self._descriptor), path.stat()):
                    return
            except FileNotFoundError:
                pass
            except OSError:
                os.close(self._descriptor)
                raise
            # Its holder removed the file before letting go, so this is a lock on nothing.
            os.close(self._descriptor)

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
