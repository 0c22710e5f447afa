"""`lencds burden`: how many cards typical patients bring over six cycles."""

from __future__ import annotations

from pathlib import Path

import click

from cds_hooks.alert_burden import measure, report, update
from cds_hooks.cases.journeys import load_journeys
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, KnowledgeError, load_knowledge


@click.command(epilog="Examples:  lencds burden   lencds burden --update docs/alert-burden.md")
@click.option(
    "--update",
    "page",
    metavar="PAGE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the tables into this page, between the two lines that mark their place.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="LENCDS_KNOWLEDGE",
    help="Knowledge folder; default: LENCDS_KNOWLEDGE, else the one that is shipped.",
)
def burden(page: Path | None, folder: Path | None) -> None:
    """Count the cards of twelve invented patients over six cycles.

    The tables are Markdown. With a knowledge folder of your own they show what a change of it costs in cards.
    """
    try:
        reader = make_reader(load_knowledge(folder or KNOWLEDGE_FOLDER))
        tables = report(measure(load_journeys(), reader))
    except KnowledgeError as error:
        raise click.ClickException(f"the knowledge cannot be used: {error}") from None
    if page is None:
        click.echo(tables, nl=False)
        return
    try:
        written = update(page.read_text("utf-8"), tables)
    except ValueError as error:
        raise click.ClickException(f"{page}: {error}") from None
    page.write_text(written, "utf-8")
    click.echo(f"{page} is up to date.")
