"""Hours of mixed load while everything around the service fails in turn, and what is left of it afterwards.

The FHIR server becomes slow, fails, resets and refuses connections; the database is locked; workers are killed. Every
answer is judged, and every answered call must have its audit row in the database or in the spool.
"""

from __future__ import annotations

import http.client
import itertools
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import click
import orjson
import psutil

from benchmarks.fhir_stub import Mood, Stub, fhir_stub
from benchmarks.report import Table, show, write
from benchmarks.servers import Served, our_server
from benchmarks.soak_calls import (
    INCOMPLETE,
    PATH,
    Acknowledged,
    Caller,
    Kind,
    Log,
    complete_or_said,
    exactly,
    no_cards,
    refused,
    topics_of,
)
from benchmarks.workload import Workload, broken, irrelevant, relevant, without_prefetch

_DATABASE = "audit.sqlite3"
_SETTLE_S = 30.0
_MOODS = tuple(itertools.chain.from_iterable((Mood.WELL, Mood.WELL, bad) for bad in Mood if bad is not Mood.WELL))
"""Well again after each trouble, for long enough that the circuit breaker notices."""
_BETWEEN_KILLS_S = 10.0
"""A worker that dies within 5.5 s of its start makes granian give up, as it should in a crash loop."""
_ATTEMPTS, _BETWEEN_S = 30, 0.5


@dataclass(slots=True)
class Soak:
    """What a soak brought.

    Attributes:
        seconds: how long it ran.
        log: what the callers saw, together.
        kills: workers killed.
        restarts_s: how long each worker was missing.
        locks: times the database was locked.
        memory_mb: memory of the workers at the beginning and at the end.
        rows: audit rows found in database and spool.
        missing: acknowledged calls without a row, or with other cards in it.
    """

    seconds: float
    log: Log = field(default_factory=Log)
    kills: int = 0
    restarts_s: list[float] = field(default_factory=list)
    locks: int = 0
    memory_mb: list[list[float]] = field(default_factory=list)
    rows: int = 0
    missing: list[Acknowledged] = field(default_factory=list)


def soak(seconds: float, *, callers: int, phase_s: float, workers: int = 2, pause_s: float = 0.0) -> Soak:
    """Run.

    Args:
        seconds: how long the load goes on.
        callers: connections that call without pause.
        phase_s: how long the FHIR server keeps a mood; a worker is killed and the database locked once in six.
        workers: worker processes.
        pause_s: pause of each caller between its calls.
    """
    now = datetime.now(UTC)
    result = Soak(seconds)
    with (
        fhir_stub(without_prefetch("", now).resources, latency_s=0.01) as stub,
        our_server(workers=workers) as served,
    ):
        kinds = _kinds(served.port, stub, now)
        crowd = [Caller(served.port, kinds, seed) for seed in range(callers)]
        result.memory_mb.append(served.memory_mb())
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=one.run, args=(until, pause_s)) for one in crowd]
        for thread in threads:
            thread.start()
        _trouble(result, served, stub, until, phase_s)
        for thread in threads:
            thread.join()
        for one in crowd:
            _merge(result.log, one.log)
        result.memory_mb.append(served.memory_mb())
        _settle(served, result)
    return result


def _kinds(port: int, stub: Stub, now: datetime) -> list[Kind]:
    """Return the calls; what the relevant ones must show is what they show while nothing is wrong."""
    fetched = without_prefetch(stub.base_url, now)
    whole = relevant(90_000, now)
    return [
        Kind("irrelevant, 6 kB", irrelevant(6_000, now).body, no_cards, 30),
        Kind("irrelevant, 90 kB", irrelevant(90_000, now).body, no_cards, 30),
        Kind("relevant, prefetched", whole.body, exactly(_topics(port, whole)), 15),
        Kind("relevant, fetched", fetched.body, complete_or_said(_topics(port, fetched)), 15),
        Kind("bad request", broken(now).body, refused, 5),
    ]


def _topics(port: int, workload: Workload) -> frozenset[str]:
    """Return the topics of a call while nothing is wrong.

    Raises:
        RuntimeError: something is wrong all the same.
    """
    for _ in range(_ATTEMPTS):  # a cold or busy machine may need more than the deadline at first
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", PATH, workload.body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = orjson.loads(response.read())
        connection.close()
        if response.status == http.HTTPStatus.OK and INCOMPLETE not in (topics := topics_of(answer)):
            return frozenset(topics)
        time.sleep(_BETWEEN_S)
    raise RuntimeError(f"{workload.name}: no complete answer before the soak began")


def _trouble(result: Soak, served: Served, stub: Stub, until: float, phase_s: float) -> None:
    """Let things fail in turn until the time is over."""
    last_kill = float("-inf")
    for number, mood in enumerate(itertools.cycle(_MOODS)):
        if time.monotonic() >= until:
            break
        stub.turn(mood)
        if number % 4 == 1:
            with _locked(served.folder / _DATABASE):
                result.locks += 1
                time.sleep(min(phase_s, max(until - time.monotonic(), 0)) / 2)
        if number % 4 == 2 and time.monotonic() - last_kill >= _BETWEEN_KILLS_S:  # noqa: PLR2004
            last_kill = time.monotonic()
            result.restarts_s.append(_kill_a_worker(served, number))
            result.kills += 1
        time.sleep(min(phase_s, max(until - time.monotonic(), 0)) / 2)
    stub.turn(Mood.WELL)


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Keep everybody else from writing to a SQLite database."""
    with closing(sqlite3.connect(database, timeout=5, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _kill_a_worker(served: Served, number: int) -> float:
    """Kill a worker as the kernel would, and return after how many seconds there are as many as before."""
    before = served.workers()
    if not before:
        raise RuntimeError(f"the server is gone: {served.log.read_text(errors='replace')[-2000:]}")
    victim = before[number % len(before)]
    victim.kill()
    began = time.monotonic()
    while time.monotonic() - began < _SETTLE_S:
        alive = [one for one in served.workers() if _is_alive(one) and one.pid != victim.pid]
        if len(alive) >= len(before):
            break
        time.sleep(0.05)
    return time.monotonic() - began


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _merge(into: Log, log: Log) -> None:
    for kind, values in log.milliseconds.items():
        into.milliseconds.setdefault(kind, []).extend(values)
    for name, count in log.statuses.items():
        into.statuses[name] = into.statuses.get(name, 0) + count
    into.wrong += log.wrong
    into.acknowledged += log.acknowledged
    into.feedback += log.feedback


def _settle(served: Served, result: Soak) -> None:
    """Look for the row of every acknowledged call, in the database and in what still waits in the spool."""
    found = _rows(served.folder)
    result.rows = len(found)
    result.missing = [one for one in result.log.acknowledged if found.get(one.hook_instance) != one.cards]


def _rows(folder: Path) -> dict[str, frozenset[str]]:
    """Return hookInstance → card uuids of all audit rows."""
    found = {}
    for file in (folder / "spool").glob("*.jsonl"):
        for line in filter(None, file.read_bytes().split(b"\n")):
            row = orjson.loads(line).get("row", {})
            if "hook_instance" in row:
                found[row["hook_instance"]] = frozenset(row["cards"])
    with closing(sqlite3.connect(folder / _DATABASE, timeout=10)) as connection:
        for instance, cards in connection.execute("SELECT hook_instance, cards FROM audit"):
            found[instance] = frozenset(orjson.loads(cards))
    return found


def tables(result: Soak) -> list[Table]:
    """Return the figures of a soak as tables."""
    log = result.log
    durations = Table("Durations", ("call", "answered", "p50", "p99", "longest"))
    for kind, values in sorted(log.milliseconds.items()):
        p99 = quantiles(values, n=100)[98] if len(values) > 1 else values[0]
        durations.rows.append(
            (kind, str(len(values)), f"{median(values):.1f} ms", f"{p99:.0f} ms", f"{max(values):.0f} ms")
        )
    answers = Table("Answers", ("call and status", "number"))
    answers.rows += [(name, str(count)) for name, count in sorted(log.statuses.items())]
    memory = " → ".join("/".join(f"{one:.0f}" for one in ones) for ones in result.memory_mb)
    summary = Table(f"Soak of {result.seconds / 60:.1f} minutes", ("figure", "value"))
    summary.rows += [
        ("calls answered", str(sum(map(len, log.milliseconds.values())))),
        ("wrong answers", str(len(log.wrong))),
        ("acknowledged calls with cards", str(len(log.acknowledged))),
        ("of these without their audit row", str(len(result.missing))),
        ("audit rows found", str(result.rows)),
        ("feedback taken", str(log.feedback)),
        ("workers killed", str(result.kills)),
        ("until the worker was replaced, longest", f"{max(result.restarts_s, default=0.0):.1f} s"),
        ("database locked", f"{result.locks} times"),
        ("memory of the workers", f"{memory} MB"),
    ]
    return [summary, durations, answers]


@click.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long.")
@click.option("--callers", default=6, show_default=True, help="Connections that call without pause.")
@click.option("--phase", default=20.0, show_default=True, help="Seconds the FHIR server keeps a mood.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option(
    "--output", default="build", show_default=True, type=click.Path(path_type=Path), help="Folder of the files."
)
def main(minutes: float, callers: int, phase: float, workers: int, output: Path) -> None:
    """Load the service with faults all around it; ends with 1 if an answer was wrong or a row is missing."""
    result = soak(minutes * 60, callers=callers, phase_s=phase, workers=workers)
    shown = tables(result)
    for table in shown:
        show(table)
    for problem in result.log.wrong[:20]:
        click.echo(problem, err=True)
    write(shown, {"statuses": result.log.statuses, "restarts_s": result.restarts_s}, output, "soak")
    if result.log.wrong or result.missing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
