"""What a process holds that a call could leave behind."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Traces:
    """What a process holds that a call could leave behind."""

    threads: tuple[str, ...]
    connections: int
    files: int

    @classmethod
    def now(cls) -> Traces:
        """Look at this process. Idle threads of the pool are none: there are never more than it has places."""
        threads = (one.name for one in threading.enumerate() if not one.name.startswith("fhir"))
        process = psutil.Process()
        return cls(tuple(sorted(threads)), len(process.net_connections("inet")), process.num_fds())
