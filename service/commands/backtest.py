"""`lencds backtest`: what the service would have said about historic orders."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, KnowledgeError, load_knowledge
from service.auth.clients import Client
from service.backtest.files import ReadCounts, record_files
from service.backtest.parquet import ParquetFile
from service.backtest.partition import partition
from service.backtest.pools import DaskPool, LocalPool, Pool
from service.backtest.report import report_html
from service.backtest.run import Task, judge_all
from service.backtest.summary import Summary

_EPILOG = (
    "DIR holds FHIR Bundles (*.json) or a Bulk Data export (*.ndjson), gzipped or not, with the patients, their orders"
    " and their records. Example, what a changed threshold would mean:"
    "  lencds backtest export/ --against my-knowledge/ --html backtest.html"
)


@click.command(epilog=_EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--against",
    metavar="KNOWLEDGE",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another knowledge folder: show what would change under it.",
)
@click.option(
    "--folder",
    "knowledge",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="LENCDS_KNOWLEDGE",
    help="Knowledge folder; default: LENCDS_KNOWLEDGE, else the one that is shipped.",
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a report with charts.")
@click.option(
    "--parquet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a row for each signing. Names orders and clinicians: keep it like the records.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.option("--profile", type=click.Choice(["generic", "epic", "sandbox"]), default="generic", show_default=True)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes; default: one on each core.")
@click.option("--scheduler", metavar="ADDRESS", help="Work on a Dask cluster instead (extra 'scale').")
@click.option(
    "--work-folder",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="Where records are sorted by patient meanwhile; with --scheduler a folder all workers see.",
)
def backtest(
    folder: Path,
    against: Path | None,
    knowledge: Path | None,
    html: Path | None,
    parquet: Path | None,
    as_json: bool,
    profile: Literal["generic", "epic", "sandbox"],
    workers: int | None,
    scheduler: str | None,
    work_folder: Path | None,
) -> None:
    """Judge the historic orders of a folder, each as of its own date, and count the cards."""
    names = _check_knowledge(knowledge, against)
    files = record_files(folder)
    if not files:
        raise click.ClickException(f"{folder} holds no *.json or *.ndjson file; see lencds backtest --help")
    if scheduler and not work_folder:
        raise click.UsageError("--scheduler needs --work-folder, a folder that all workers see")
    counts = ReadCounts()
    task = Task(
        knowledge and knowledge.absolute(), against and against.absolute(), Client(name="backtest", profile=profile)
    )
    summary = Summary(compared=against is not None)
    with ExitStack() as stack:
        progress = stack.enter_context(_progress())
        rows = stack.enter_context(_parquet(parquet)) if parquet else None
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lencds-backtest-", dir=work_folder)))
        reading = progress.add_task("reading", total=len(files))
        parts = partition(files, temporary, counts=counts, on_file=lambda _: progress.advance(reading))
        judging = progress.add_task("judging", total=len(parts))
        judged = judge_all(task, parts, _pool(workers, scheduler), on_part=lambda: progress.advance(judging))
        summary.add_all(rows.passing(judged) if rows else judged)
    if html:
        page = report_html(
            summary, counts, source=str(folder), knowledge=names[0], against=names[1], made=datetime.now(UTC)
        )
        html.write_text(page, "utf-8")
    if as_json:
        click.echo(orjson.dumps(_numbers(summary, counts), option=orjson.OPT_INDENT_2))
    else:
        _show(summary, counts)


def _check_knowledge(knowledge: Path | None, against: Path | None) -> tuple[str, str]:
    """Load both folders once here, so that a fault is said once and before the work."""
    try:
        ours = load_knowledge(knowledge or KNOWLEDGE_FOLDER)
        theirs = load_knowledge(against) if against else None
    except KnowledgeError as error:
        raise click.ClickException(f"the knowledge cannot be used: {error}") from None
    return ours.version, f"{against} ({theirs.version})" if theirs else ""


def _parquet(path: Path) -> ParquetFile:
    try:
        return ParquetFile(path)
    except ImportError:
        raise click.ClickException("--parquet needs: pip install 'lenalidomide-cds[backtest]'") from None


def _pool(workers: int | None, scheduler: str | None) -> Pool:
    if scheduler is None:
        return LocalPool(workers)
    try:
        return DaskPool(scheduler)
    except ImportError:
        raise click.ClickException("--scheduler needs: pip install 'lenalidomide-cds[scale]'") from None
    except OSError:
        raise click.ClickException(f"the scheduler {scheduler} does not answer") from None


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _numbers(summary: Summary, counts: ReadCounts) -> dict[str, object]:
    return {
        "orders": summary.orders,
        "relevantOrders": summary.relevant_orders,
        "signings": dict(summary.signings),
        "cards": summary.cards,
        "cardsPer100Signings": round(summary.per_100(summary.cards), 2),
        "byIndicator": summary.by_indicator(),
        "topics": [
            {"topic": row.topic, "cards": row.cards, "byIndicator": dict(row.by_indicator)}
            | ({"added": row.added, "removed": row.removed, "changed": row.changed} if summary.compared else {})
            for row in summary.topics()
        ],
        "clinicianDay": summary.burden(),
        "changedSignings": summary.changed_signings if summary.compared else None,
        "files": counts.files,
        "unreadable": dict(counts.unreadable),
    }


def _show(summary: Summary, counts: ReadCounts) -> None:
    console = Console()
    table = Table(title="Cards by topic", title_justify="left")
    table.add_column("topic")
    for name in (*summary.by_indicator(), "cards", "per 100", *(("+", "-", "≠") if summary.compared else ())):
        table.add_column(name, justify="right")
    for row in summary.topics():
        cells = [str(row.by_indicator.get(one) or "–") for one in summary.by_indicator()]
        changes = [str(one or "–") for one in (row.added, row.removed, row.changed)] if summary.compared else []
        table.add_row(row.topic, *cells, str(row.cards), f"{summary.per_100(row.cards):.1f}", *changes)
    console.print(table)
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in summary.signings.most_common())
    console.print(f"{summary.orders:,} orders in {summary.signings.total():,} signings ({outcomes}).")
    console.print(
        f"{summary.cards:,} cards, {summary.per_100(summary.cards):.1f} per 100 of the {summary.relevant:,} signings"
        " looked at."
    )
    if (burden := summary.burden()) is not None:
        console.print(
            f"A clinician got {burden.mean:.2f} cards a day on average over {burden.days:,} clinician-days; median"
            f" {burden.median:g}, 95th percentile {burden.p95}, most {burden.most}."
        )
    if summary.compared:
        console.print(f"Under the other knowledge {summary.changed_signings:,} signings would get other cards.")
    if counts.unreadable:
        lost = counts.unreadable.total()
        console.print(
            f"[bold yellow]{lost:,} lines or files could not be read[/], most in: "
            + ", ".join(name for name, _ in counts.unreadable.most_common(5))
        )
