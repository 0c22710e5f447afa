"""`python -m benchmarks.backtest`: how fast and with how much memory historic orders are judged on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click
import psutil
from rich.console import Console

from benchmarks.synthetic_history import write_history

_EVERY_S = 0.5


@click.command()
@click.option("--orders", default=100_000, show_default=True)
@click.option("--share", default=0.1, show_default=True, help="Share of orders that concern the service.")
@click.option("--workers", default=os.cpu_count(), show_default=True)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Keep the report.")
def main(orders: int, share: float, workers: int, html: Path | None) -> None:
    """Write synthetic records, judge them with `lencds backtest`, print orders per second and memory."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lencds-history-") as name:
        folder = Path(name)
        written = write_history(folder, orders=orders, share_relevant=share)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        console.print(f"{written:,} orders, {share:.0%} of them relevant; {size:,.0f} MB of NDJSON")
        command = [sys.executable, "-m", "service.cli", "backtest", name, "--workers", str(workers)]
        command += ["--html", str(html)] if html else []
        started = time.perf_counter()
        with subprocess.Popen(command) as process:  # noqa: S603  our own command
            peak = _watch(process)
        seconds = time.perf_counter() - started
    console.print(
        f"{seconds:,.1f} s with {workers} processes: {written / seconds:,.0f} orders/s; at most {peak / 1e6:,.0f} MB"
        " resident in all processes together"
    )
    sys.exit(process.returncode)


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; return the largest sum of resident bytes of it and its children that was seen."""
    peak = 0
    ended = threading.Event()
    threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
    while not ended.wait(_EVERY_S):
        try:
            parent = psutil.Process(process.pid)
            peak = max(peak, sum(one.memory_info().rss for one in (parent, *parent.children(recursive=True))))
        except psutil.NoSuchProcess:
            continue
    return peak


if __name__ == "__main__":
    main()
