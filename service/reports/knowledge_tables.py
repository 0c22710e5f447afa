"""Topics, numbers and codes of the knowledge in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from cds_hooks.data_needs import Scope
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules import RULES
from service.reports.codes import CodeRow
from service.reports.numbers import Number

INDICATOR_STYLES = {"critical": "red", "warning": "yellow", "info": "cyan"}
_SCOPES = {
    Scope.LENALIDOMIDE: "lenalidomide",
    Scope.ANALOGUE: "thalidomide, pomalidomide",
    Scope.PARTNER: "partner drug",
}


def topics_view(knowledge: Knowledge) -> Table:
    """Return every topic: how urgent its cards are, which drafts call for it, and its guidance."""
    table = _table("Topics of the order check")
    table.add_column("Topic", no_wrap=True)
    table.add_column("Cards", ratio=3)
    table.add_column("Checked for drafts of", ratio=2)
    table.add_column("Guidance", ratio=3)
    table.add_column("Statements", min_width=14)
    scopes = {rule.topic: rule.scopes for rule in RULES}
    for name, topic in knowledge.topics.items():
        cards = Text("\n").join(
            Text.assemble((variant.indicator, INDICATOR_STYLES[variant.indicator]), f" {key}")
            for key, variant in topic.variants.items()
        )
        document = knowledge.documents[topic.guidance.document]
        table.add_row(
            Text.assemble((name, "bold"), f"\n{topic.title}"),
            cards,
            Text("\n".join(words for scope, words in _SCOPES.items() if scope in scopes.get(name, ()))),
            Text(f"{document.title}, {topic.guidance.section} ({topic.strength})", style=_link(document.url or "")),
            " ".join(topic.statements),
        )
    return table


def numbers_view(rows: Sequence[Number], title: str) -> Table:
    """Return numbers with source and mark, those to be checked in yellow."""
    table = _table(title)
    table.add_column("Meaning, name and place", ratio=5, overflow="fold")
    table.add_column("Value", ratio=3)
    table.add_column("Source", ratio=4)
    table.add_column("Verified", no_wrap=True)
    marks = {True: Text("yes", "green"), False: Text("no", "bold yellow"), None: Text("–", "dim")}
    for row in rows:
        source = ", ".join(filter(None, (row.source, row.section))) + (f" [{row.strength}]" if row.strength else "")
        table.add_row(
            Text.assemble(row.meaning, (f"\n{row.key}\n{row.place}", "dim")),
            Text(row.limit, "bold"),
            Text(source, style=_link(row.url)),
            marks[row.verified],
        )
    return table


def documents_view(knowledge: Knowledge) -> Table:
    """Return the documents that numbers are taken from, with the revision that was read."""
    table = _table("Documents")
    table.add_column("Title", ratio=3)
    table.add_column("Revision read", ratio=2)
    table.add_column("Address", ratio=4, overflow="fold")
    for document in knowledge.documents.values():
        table.add_row(Text(document.title), Text(document.revision), Text(document.url or ""))
    return table


def codes_view(rows: Iterable[CodeRow], title: str) -> Table:
    """Return codes and names of one entry of the terminology."""
    table = _table(title)
    table.add_column("System", no_wrap=True)
    table.add_column("Code or name", no_wrap=True)
    table.add_column("Display", ratio=3)
    table.add_column("Source or reason", ratio=3)
    table.add_column("Used", no_wrap=True)
    for row in rows:
        table.add_row(
            row.system,
            Text(row.code),
            Text(row.display),
            Text(row.source),
            Text("yes", "green") if row.used else Text("no", "yellow"),
        )
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", show_lines=True, expand=True)


def _link(url: str) -> str:
    return f"link {url}" if url else ""
