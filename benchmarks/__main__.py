"""`python -m benchmarks`: everything that is measured, side by side, as ratios to the empty endpoint."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from benchmarks import sections
from benchmarks.report import Table, show, write


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Interleaved rounds; medians over them are shown.")
@click.option("--requests", "count", default=200, show_default=True, help="Requests of each kind in a round.")
@click.option("--workers", default=2, show_default=True, help="Worker processes of each server.")
@click.option("--calls", default=5_000, show_default=True, help="Calls before memory is looked at again.")
@click.option("--long", "is_long", is_flag=True, help="100,000 calls before memory is looked at again.")
@click.option("--only", multiple=True, type=click.Choice(list(sections.SECTIONS)), help="Only these parts.")
@click.option(
    "--output", default="build", show_default=True, type=click.Path(path_type=Path), help="Folder of the files."
)
def main(rounds: int, count: int, workers: int, calls: int, is_long: bool, only: tuple[str, ...], output: Path) -> None:
    """Measure the service beside an empty Flask endpoint that parses the same bodies on the same server."""
    plan = sections.Plan(datetime.now(UTC), rounds, count, workers, 100_000 if is_long else calls)
    tables: list[Table] = []
    raw: dict[str, Any] = {"plan": asdict(plan)}
    for name in only or sections.SECTIONS:
        table, figures = sections.SECTIONS[name](plan)
        tables.append(table)
        raw[name] = figures
        show(table)
    for path in write(tables, raw, output, "benchmark"):
        click.echo(path)


if __name__ == "__main__":
    main()
