"""The parts of the benchmark; each returns its table and the figures behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any, TypeAlias

from benchmarks import endpoint, in_process
from benchmarks.fhir_stub import fhir_stub
from benchmarks.load import drive, http_request
from benchmarks.report import Table, times
from benchmarks.rounds import Candidate, Figures, interleave, ratio
from benchmarks.servers import Served, empty_server, our_server
from benchmarks.single_request import single_requests_ms
from benchmarks.tokens import Signer
from benchmarks.workload import Workload, irrelevant, relevant, without_prefetch

PATH = "/cds-services/lenalidomide-order-sign"
SIZES = (6_000, 90_000, 170_000)
LATENCY_S = 0.02
_WARM_UP = 300

Section: TypeAlias = tuple[Table, Any]

_TAKES_BATCHES = '[[client]]\nname = "local"\nbatch = true\n'


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure: evaluation instant of the workloads, rounds, requests per round, worker processes, calls."""

    now: datetime
    rounds: int
    count: int
    workers: int
    calls: int


def bodies(plan: Plan) -> list[Workload]:
    """Return the calls that need no FHIR server."""
    return [make(size, plan.now) for make in (irrelevant, relevant) for size in SIZES]


def with_http(plan: Plan) -> Section:
    """Whole round trips over HTTP, one at a time."""
    with our_server(workers=plan.workers) as ours, empty_server(workers=plan.workers) as empty:
        return _compared("Round trips over HTTP, one at a time", plan, ours, empty, bodies(plan), None)


def with_tokens(plan: Plan) -> Section:
    """The same with RS384 tokens; the empty endpoint checks them too, but keeps no record of them."""
    signer = Signer()
    workloads = [workload for workload in bodies(plan) if len(workload.body) < SIZES[-1] * 0.9]
    with (
        our_server(workers=plan.workers, signer=signer) as ours,
        empty_server(workers=plan.workers, signer=signer) as empty,
    ):
        return _compared("The same with RS384 tokens", plan, ours, empty, workloads, signer)


def _compared(
    title: str, plan: Plan, ours: Served, empty: Served, workloads: Sequence[Workload], signer: Signer | None
) -> Section:
    table = Table(
        title, ("call", "empty p50", "ours p50", "ratio p50", "ratio p99", "CPU empty", "CPU ours", "ratio CPU")
    )
    raw: dict[str, Any] = {}
    for workload in workloads:
        figures = _pair(plan, ours, empty, workload, 1, plan.count, signer)
        mine, other = figures["ours"], figures["empty"]
        table.rows.append(
            (
                workload.name,
                f"{median(other.p50_ms):.2f} ms",
                f"{median(mine.p50_ms):.2f} ms",
                times(ratio(mine.p50_ms, other.p50_ms)),
                times(ratio(mine.p99_ms, other.p99_ms)),
                f"{median(other.cpu_ms):.2f} ms",
                f"{median(mine.cpu_ms):.2f} ms",
                times(ratio(mine.cpu_ms, other.cpu_ms)),
            )
        )
        raw[workload.name] = {name: asdict(one) for name, one in figures.items()}
        _refuse_failures(figures)
    generator = median(
        value for one in raw.values() for figures in one.values() for value in figures["generator_cpu_ms"]
    )
    table.remark = (
        f"{plan.rounds} interleaved rounds of {plan.count} requests. CPU is that of the server processes. "
        f"The generator itself takes {generator:.2f} ms CPU per request."
    )
    return table, raw


def under_load(plan: Plan) -> Section:
    """Several requests at once."""
    table = Table(
        "Several at once", ("call", "at once", "ratio requests/s", "p50 ratio", "p99 ratio", "p99 ours", "ours /s")
    )
    raw: dict[str, Any] = {}
    with our_server(workers=plan.workers) as ours, empty_server(workers=plan.workers) as empty:
        for workload in (irrelevant(90_000, plan.now), relevant(90_000, plan.now), relevant(6_000, plan.now)):
            for connections in (1, 16, 64):
                figures = _pair(plan, ours, empty, workload, connections, max(plan.count, 4 * connections), None)
                mine, other = figures["ours"], figures["empty"]
                table.rows.append(
                    (
                        workload.name,
                        str(connections),
                        times(ratio(mine.per_second, other.per_second)),
                        times(ratio(mine.p50_ms, other.p50_ms)),
                        times(ratio(mine.p99_ms, other.p99_ms)),
                        f"{median(mine.p99_ms):.1f} ms",
                        f"{median(mine.per_second):.0f}",
                    )
                )
                raw[f"{workload.name}, {connections} at once"] = {name: asdict(one) for name, one in figures.items()}
                _refuse_failures(figures)
    return table, raw


def _pair(
    plan: Plan, ours: Served, empty: Served, workload: Workload, connections: int, count: int, signer: Signer | None
) -> dict[str, Figures]:
    def requests(number: int) -> list[bytes]:
        if signer is None:
            return [http_request(PATH, workload.body)]
        return [http_request(PATH, workload.body, token=signer.token(PATH)) for _ in range(number)]

    candidates = [Candidate("empty", empty, requests), Candidate("ours", ours, requests)]
    return interleave(candidates, rounds=plan.rounds, count=count, connections=connections)


def _refuse_failures(figures: dict[str, Figures]) -> None:
    if any(one.failures for one in figures.values()):
        raise RuntimeError("a measured server did not answer every request with 200")


def no_prefetch(plan: Plan) -> Section:
    """Nothing prefetched: everything from a FHIR server that takes 20 ms for each answer."""
    resources = without_prefetch("http://127.0.0.1/fhir", plan.now).resources
    calls: list[float] = []
    batches: list[float] = []
    single: list[float] = []
    count = max(plan.count // 10, 10)
    with (
        fhir_stub(resources, latency_s=LATENCY_S) as stub,
        our_server(workers=plan.workers, LENCDS_DEADLINE_MS="2000") as ours,
        our_server(workers=plan.workers, clients=_TAKES_BATCHES, LENCDS_DEADLINE_MS="2000") as ours_in_batches,
    ):
        request = http_request(PATH, without_prefetch(stub.base_url, plan.now).body)
        for server in (ours, ours_in_batches):
            drive(server.port, [request], count=50, connections=plan.workers * 2)
        for _ in range(plan.rounds):
            single.append(median(single_requests_ms(stub.base_url, count)))
            calls.append(drive(ours.port, [request], count=count).p50)
            batches.append(drive(ours_in_batches.port, [request], count=count).p50)
    table = Table(
        "Without prefetch, FHIR server with 20 ms latency",
        ("call", "p50", "ratio to one request"),
        [
            ("one FHIR request by the same client", f"{median(single):.1f} ms", "1"),
            ("relevant order, fetched by 16 searches at once", f"{median(calls):.1f} ms", times(ratio(calls, single))),
            ("relevant order, fetched by one batch", f"{median(batches):.1f} ms", times(ratio(batches, single))),
        ],
    )
    return table, {"single_ms": single, "call_ms": calls, "batch_ms": batches}


def inside(plan: Plan) -> Section:
    """CPU time in one process, and how it grows with the body."""
    table = Table("CPU time of one call, in process", ("call", "empty", "ours", "ratio", "ours per kB"))
    workloads = [*bodies(plan), relevant(340_000, plan.now)]
    with in_process.application() as app:
        calls = in_process.compared({"empty": endpoint.create_app(), "ours": app}, workloads, PATH)
        measured = in_process.cpu_ms(calls, rounds=plan.rounds, count=max(plan.count // 10, 5))
    for workload in workloads:
        mine, other = measured[f"ours: {workload.name}"], measured[f"empty: {workload.name}"]
        per_kb = f"{median(mine) * 1e6 / len(workload.body):.0f} µs"
        row = (f"{median(other):.3f} ms", f"{median(mine):.3f} ms", times(ratio(mine, other)), per_kb)
        table.rows.append((workload.name, *row))
    return table, measured


def memory_and_start(plan: Plan) -> Section:
    """Memory of the workers before and after many calls, and how long the start takes."""
    mix = [http_request(PATH, workload.body) for workload in bodies(plan)]
    with empty_server(workers=plan.workers) as empty, our_server(workers=plan.workers) as ours:
        drive(ours.port, mix, count=_WARM_UP * plan.workers, connections=8)
        before = ours.memory_mb()
        drive(ours.port, mix, count=plan.calls, connections=8)
        after = ours.memory_mb()
        started = (empty.started_s, ours.started_s)
    megabytes = ("/".join(f"{one:.0f}" for one in ones) + " MB" for ones in (before, after))
    table = Table(
        "Memory and start",
        ("figure", "value"),
        [
            ("memory of each worker, warm", next(megabytes)),
            (f"the same after {plan.calls:,} more calls", next(megabytes)),
            ("growth", f"{(sum(after) / sum(before) - 1) * 100:+.1f} %"),
            ("start until the port answers, empty endpoint", f"{started[0]:.1f} s"),
            ("start until the port answers, ours", f"{started[1]:.1f} s"),
        ],
    )
    return table, {"before_mb": before, "after_mb": after, "started_s": started, "calls": plan.calls}


def generator(plan: Plan) -> Section:
    """How much the load generator could send: its own CPU against that of the fastest server measured here."""
    with ExitStack() as stack:
        empty = stack.enter_context(empty_server(workers=plan.workers))
        rows: list[tuple[str, ...]] = []
        raw = {}
        for workload in (irrelevant(6_000, plan.now), irrelevant(170_000, plan.now)):
            sample = drive(empty.port, [http_request(PATH, workload.body)], count=plan.count * 5, connections=16)
            share = sample.generator_cpu_s / sample.seconds
            own_ms = sample.generator_cpu_s * 1000 / len(sample.milliseconds)
            size = f"{len(workload.body) // 1000} kB"
            rows.append((size, f"{sample.per_second:.0f}", f"{share * 100:.0f} %", f"{1000 / own_ms:.0f}"))
            raw[size] = {"per_second": sample.per_second, "busy": share}
    columns = ("body", "empty endpoint, requests/s", "generator busy", "generator alone could send /s")
    return Table("The load generator is not the bottleneck", columns, rows), raw


SECTIONS: dict[str, Callable[[Plan], Section]] = {
    "generator": generator,
    "http": with_http,
    "tokens": with_tokens,
    "load": under_load,
    "no-prefetch": no_prefetch,
    "inside": inside,
    "memory": memory_and_start,
}
