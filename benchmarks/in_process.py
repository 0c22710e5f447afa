"""The same comparison without sockets: CPU time of one call of the WSGI application."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from benchmarks.workload import Workload
from service.app import create_app
from service.config import Settings

Call = Callable[[], bytes]


@contextmanager
def application() -> Iterator[Flask]:
    """Provide the service with a fresh SQLite database, authentication off."""
    with tempfile.TemporaryDirectory(prefix="lencds-benchmark-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'audit.sqlite3'}"
        app = create_app(Settings(auth="off", database_url=url, spool_dir=folder / "spool", log_level="error"))
        try:
            yield app
        finally:
            app.extensions["lencds"].close()


def caller(app: Flask, path: str, body: bytes) -> Call:
    """Return a function that makes one call of an application and returns the body of its answer."""
    environ = EnvironBuilder(path, "http://127.0.0.1:8080", method="POST", data=body).get_environ()
    environ |= {"REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "application/json"}

    def start(status: str, _headers: Sequence[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        if not status.startswith("200"):
            raise RuntimeError(status)
        return io.BytesIO().write

    def call() -> bytes:
        answer: Iterable[bytes] = app.wsgi_app({**environ, "wsgi.input": io.BytesIO(body)}, start)
        return b"".join(answer)

    return call


def cpu_ms(calls: dict[str, Call], *, rounds: int, count: int) -> dict[str, list[float]]:
    """Return the CPU time per call in ms of each function, by round; the rounds are interleaved."""
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(count):
                call()
            if number:
                measured[name].append((time.process_time() - began) / count * 1000)
    return measured


def compared(apps: dict[str, Flask], workloads: Iterable[Workload], path: str) -> dict[str, Call]:
    """Return a function for each application and workload, named `application: workload`."""
    return {
        f"{name}: {workload.name}": caller(app, path, workload.body)
        for workload in workloads
        for name, app in apps.items()
    }
