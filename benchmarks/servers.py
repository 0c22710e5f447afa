"""The two servers that are compared, as processes of their own on the same server software with the same settings."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.tokens import BASE_URL, Signer

_PROJECT = Path(__file__).parent.parent
_START_LIMIT_S = 120
_STOP_LIMIT_S = 20


@dataclass(slots=True)
class Served:
    """A running server.

    Attributes:
        port: port on loopback.
        process: the main process; the workers are its children.
        started_s: seconds until the port answered.
        folder: where its database and spool are.
        log: what it wrote to standard error.
    """

    port: int
    process: psutil.Process
    started_s: float
    folder: Path
    log: Path

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer requests."""
        return self.process.children(recursive=True)

    def cpu_s(self) -> float:
        """Return the CPU time all its processes have used so far."""
        total = 0.0
        for one in (self.process, *self.workers()):
            times = one.cpu_times()
            total += times.user + times.system
        return total

    def memory_mb(self) -> list[float]:
        """Return the memory of each worker that is its own (USS), newest worker last."""
        return [one.memory_full_info().uss / 1e6 for one in self.workers() if one.is_running()]


@contextmanager
def our_server(*, workers: int, signer: Signer | None = None, clients: str = "", **environ: str) -> Iterator[Served]:
    """Run `lencds serve` with a fresh SQLite database; with a signer, tokens are required.

    Args:
        workers: number of worker processes.
        signer: signs the tokens of the one client.
        clients: the file of clients instead, in TOML.
        environ: further settings.
    """
    with tempfile.TemporaryDirectory(prefix="lencds-benchmark-") as name:
        folder = Path(name)
        settings = {
            "LENCDS_AUTH": "off",
            "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'audit.sqlite3'}",
            "LENCDS_SPOOL_DIR": str(folder / "spool"),
            "LENCDS_LOG_LEVEL": "warning",
        }
        if signer is not None:
            settings |= {"LENCDS_AUTH": "required", "LENCDS_BASE_URL": BASE_URL}
            clients = signer.configuration()
        if clients:
            (folder / "clients.toml").write_text(clients)
            settings["LENCDS_CONFIG"] = str(folder / "clients.toml")
        command = ["-m", "service.cli", "serve", "--workers", str(workers)]
        with _running(command, folder, {**settings, **environ}) as served:
            yield served


@contextmanager
def empty_server(*, workers: int, signer: Signer | None = None) -> Iterator[Served]:
    """Run the empty endpoint; with a signer, it checks tokens."""
    import orjson  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="lencds-benchmark-") as name:
        environ = {"LENCDS_BASE_URL": BASE_URL}
        if signer is not None:
            environ["BENCHMARK_JWK"] = orjson.dumps(signer.jwk()).decode()
        with _running(["-m", "benchmarks.serve_empty", "--workers", str(workers)], Path(name), environ) as served:
            yield served


@contextmanager
def _running(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[Served]:
    port = _free_port()
    began = time.perf_counter()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LENCDS_", "PROMETHEUS_"))}
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, *command, "--port", str(port)],
            cwd=_PROJECT, env={**kept, **environ}, stdout=sink, stderr=sink,
        )  # fmt: skip
    try:
        _wait_for(port, process, log)
        yield Served(port, psutil.Process(process.pid), time.perf_counter() - began, folder, log)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers."""
    workers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in workers:
        if one.is_running():
            one.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the port answers.

    Raises:
        RuntimeError: the server ended, or took too long.
    """
    limit = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.2):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server did not start in time")
