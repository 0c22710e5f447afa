"""`lencds knowledge`: what the service knows and where that comes from, for the pharmacist who stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson
from rich.console import Console

from cds_hooks.cases.case import load_base_charts, load_cases
from cds_hooks.chart.chart import make_reader
from cds_hooks.coverage import CoverageRow, coverage
from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, Knowledge, KnowledgeError, load_knowledge
from service.reports.case_report import base_chart_sources, case_report_html, case_report_markdown, tell
from service.reports.codes import CodeRow, code_rows, code_sets
from service.reports.coverage_table import coverage_markdown, coverage_view
from service.reports.knowledge_tables import codes_view, documents_view, numbers_view, topics_view
from service.reports.numbers import Number, numbers, unverified_first
from service.reports.prefetch_sheet import (
    PrefetchRow,
    prefetch_html,
    prefetch_markdown,
    prefetch_rows,
    prefetch_view,
)


@click.command(
    epilog="Examples:  lencds knowledge --unverified   lencds knowledge --codes warfarin   lencds knowledge --cases"
    " cases.html"
)
@click.option("--figures", is_flag=True, help="Only the numbers: value, source, verified or not.")
@click.option("--unverified", is_flag=True, help="Only the numbers nobody has yet held against the current US label.")
@click.option(
    "--coverage", "with_coverage", is_flag=True, help="The statements of the label and what answers for each."
)
@click.option("--prefetch", is_flag=True, help="The prefetch sheet, to type in where an EHR does not read discovery.")
@click.option("--markdown", is_flag=True, help="With --coverage or --prefetch: as Markdown.")
@click.option("--html", is_flag=True, help="With --prefetch: as a page to print.")
@click.option("--codes", metavar="NAME", help="The codes of a code set, drug, drug class or analyte.")
@click.option(
    "--cases",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all clinical cases and what is said about them to FILE.html or FILE.md.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="LENCDS_KNOWLEDGE",
    help="Knowledge folder; default: LENCDS_KNOWLEDGE, else the one that is shipped.",
)
def knowledge(
    figures: bool, unverified: bool, with_coverage: bool, prefetch: bool, markdown: bool, html: bool,
    codes: str | None, cases: Path | None, as_json: bool, folder: Path | None,
) -> None:  # fmt: skip
    """Show topics, numbers and their sources.

    Without options: every topic with the urgency of its cards, then every number, those not yet verified first.
    """
    if markdown and not (with_coverage or prefetch):
        raise click.UsageError("--markdown goes with --coverage or --prefetch.")
    if html and not prefetch:
        raise click.UsageError("--html goes with --prefetch.")
    if cases is not None and cases.suffix not in (".html", ".md"):
        raise click.BadParameter("write a name that ends in .html or .md", param_hint="--cases")
    known = _load(folder)
    if cases is not None:
        _write_cases(known, cases)
    elif with_coverage:
        _show_coverage(coverage(known, load_cases()), markdown=markdown, as_json=as_json)
    elif prefetch:
        _show_prefetch(prefetch_rows(make_reader(known)), markdown=markdown, html=html, as_json=as_json)
    elif codes is not None:
        _show_codes(known, codes, as_json=as_json)
    else:
        _show_numbers(known, topics=not (figures or unverified), unverified=unverified, as_json=as_json)


def _load(folder: Path | None) -> Knowledge:
    try:
        return load_knowledge(folder or KNOWLEDGE_FOLDER)
    except KnowledgeError as error:
        raise click.ClickException(f"the knowledge cannot be used: {error}") from None


def _write_cases(known: Knowledge, file: Path) -> None:
    told = tell(load_cases(), make_reader(known))
    report = case_report_html if file.suffix == ".html" else case_report_markdown
    file.write_text(report(told, base_chart_sources(load_base_charts()), known), "utf-8")
    failing = sum(bool(one.failures) for one in told)
    click.echo(f"{len(told)} cases written to {file}" + (f"; {failing} are not as expected." if failing else "."))


def _show_coverage(rows: Sequence[CoverageRow], *, markdown: bool, as_json: bool) -> None:
    if as_json:
        _print_json([{**_flat(asdict(row)), "covered": row.is_covered} for row in rows])
    elif markdown:
        click.echo(coverage_markdown(rows), nl=False)
    else:
        console = Console()
        console.print(coverage_view(rows))
        console.print(f"{sum(row.is_covered for row in rows)} of {len(rows)} statements are covered.")


def _show_prefetch(rows: Sequence[PrefetchRow], *, markdown: bool, html: bool, as_json: bool) -> None:
    if as_json:
        _print_json([{**asdict(row), "grants": row.grants} for row in rows])
    elif markdown or html:
        click.echo(prefetch_markdown(rows) if markdown else prefetch_html(rows), nl=False)
    else:
        Console().print(prefetch_view(rows))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    statement = row.pop("statement")
    return {"key": row.pop("key"), **msgspec.to_builtins(statement), **row}


def _show_codes(known: Knowledge, name: str, *, as_json: bool) -> None:
    sets = code_sets(known)
    if name not in sets:
        close = get_close_matches(name, sets, n=5, cutoff=0.5)
        hint = f"Did you mean {', '.join(close)}?" if close else f"There are: {', '.join(sorted(sets))}."
        raise click.BadParameter(f"nothing is called {name!r}. {hint}", param_hint="--codes")
    kind, entry = sets[name]
    members = {key: drug for key, drug in known.drugs.items() if name in drug.classes} if kind == "drug class" else {}
    rows: list[CodeRow] = list(code_rows(entry, members))
    if as_json:
        _print_json([asdict(row) for row in rows])
    else:
        Console().print(codes_view(rows, f"{kind.capitalize()} {name}: {entry.name}"))


def _show_numbers(known: Knowledge, *, topics: bool, unverified: bool, as_json: bool) -> None:
    rows: tuple[Number, ...] = unverified_first(numbers(known))
    if unverified:
        rows = tuple(row for row in rows if row.verified is False)
    if as_json:
        listed: dict[str, Any] = {"knowledge": known.hash, "numbers": [asdict(row) for row in rows]}
        if topics:
            listed["topics"] = msgspec.to_builtins(known.topics)
        _print_json(listed)
        return
    console = Console()
    if topics:
        console.print(topics_view(known))
    console.print(documents_view(known))
    console.print(numbers_view(rows, "Numbers that wait for a check" if unverified else "Numbers and their sources"))
    waiting = sum(row.verified is False for row in numbers(known)) - known.unverified
    console.print(
        f"Knowledge {known.version}: {known.unverified} figures and table rows are not yet verified against the current"
        f" US label, nor are {waiting} defaults and conversions of laboratory values. They are used, and the cards that"
        " rest on a figure say so."
    )


def _print_json(content: object) -> None:
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))
