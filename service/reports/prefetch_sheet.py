"""The prefetch sheet: what an EHR analyst types in where the EHR does not read discovery.

It is made of the same table as discovery and our own searches, so it cannot say anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rich.table import Table
from rich.text import Text

from cds_hooks.chart.chart import Reader
from cds_hooks.data_needs import PATIENT, DataNeed, Scope, needs_of
from cds_hooks.protocol.services import SERVICES
from cds_hooks.topic_needs import topic_needs

_ORDERS = {
    Scope.LENALIDOMIDE: "lenalidomide",
    Scope.ANALOGUE: "thalidomide, pomalidomide",
    Scope.PARTNER: "partner drugs",
}
_REQUIRED = "Required: without it the service answers 412."


@dataclass(frozen=True, slots=True)
class PrefetchRow:
    """One prefetch key.

    Attributes:
        key: the key, as this service or the client's alias spells it.
        query: the query template.
        title: what it finds.
        resource_type: FHIR resource type.
        orders: the orders it is looked up for, in words.
        topics: titles of the topics whose check suffers without it.
        required: whether nothing can be checked without it.
    """

    key: str
    query: str
    title: str
    resource_type: str
    orders: tuple[str, ...]
    topics: tuple[str, ...]
    required: bool

    @property
    def grants(self) -> tuple[str, str]:
        """The SMART scopes that let the service read it itself: version 2, and version 1."""
        return f"patient/{self.resource_type}.rs", f"patient/{self.resource_type}.read"

    @property
    def effect(self) -> str:
        """What is lost without it, in words."""
        if self.required:
            return _REQUIRED
        return "Incomplete without it: " + "; ".join(self.topics) + "." if self.topics else "No check rests on it."


def prefetch_rows(reader: Reader, aliases: Mapping[str, str] | None = None) -> tuple[PrefetchRow, ...]:
    """Return the sheet, in the order of discovery.

    Args:
        reader: knowledge and data needs.
        aliases: our key → the key a client uses for it.
    """
    return tuple(_row(need, reader, aliases or {}) for need in reader.needs.values())


def _row(need: DataNeed, reader: Reader, aliases: Mapping[str, str]) -> PrefetchRow:
    titles = reader.knowledge.topics
    return PrefetchRow(
        key=aliases.get(need.key, need.key),
        query=need.template(),
        title=need.title,
        resource_type=need.resource_type,
        orders=tuple(words for scope, words in _ORDERS.items() if need in needs_of(scope, reader.needs)),
        topics=tuple(titles[topic].title for topic, needs in topic_needs().items() if need.key in needs),
        required=need.key == PATIENT,
    )


_TITLE = "Prefetch sheet"
_ABOUT = (
    "For EHRs that do not read discovery: the keys and queries to type in, the same for both hooks. Every key may be"
    " left out or named otherwise: resources are used under whatever key they come, and what was not sent is read from"
    " the FHIR server of the call if there is one. Only a key named here, or an alias of it in the client's"
    " `prefetch_aliases`, tells that a search need not be made again. Send a key with null or an empty Bundle when"
    " nothing was found, and leave it out when the search failed."
)
_DRAFTS = (
    "The drafts are not prefetched: the hook sends them in `context.draftOrders`. Some EHRs do so only if the service"
    " was granted to read unsigned medication orders."
)
_GRANTS = (
    "What is granted lets the service read for itself what was not sent. Grant Medication as well where orders refer to"
    " a Medication instead of naming the drug. Where a system calls for itself, not for a user, the scopes begin with"
    " system/ instead of patient/."
)


def prefetch_markdown(rows: Sequence[PrefetchRow]) -> str:
    """Return the sheet as the text of `docs/prefetch-sheet.md`."""
    parts = [
        f"# {_TITLE}\n\n{_ABOUT}\n\n{_DRAFTS}\n\n"
        "Written by `make prefetch` from `cds_hooks/data_needs.py`; a test fails when it is out of date.\n\n"
        "| Hook | Address to call |\n|---|---|\n",
        *(f"| {service.hook} | `{{base}}/cds-services/{service.id}` |\n" for service in SERVICES.values()),
        "\n| Key | What it finds | Orders it is looked up for | Grant (SMART v2, v1) |\n|---|---|---|---|\n",
        *(_line(row) for row in rows),
        f"\n{_GRANTS}\n",
    ]
    parts += [f"\n## {row.key}\n\n```\n{row.query}\n```\n\n{row.effect}\n" for row in rows]
    return "".join(parts)


def _line(row: PrefetchRow) -> str:
    scopes = ", ".join(f"`{scope}`" for scope in row.grants)
    return f"| `{row.key}` | {row.title} | {'; '.join(row.orders)} | {scopes} |\n"


_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#f4f4f2;padding:.1rem .3rem;overflow-wrap:anywhere}dt{font-weight:600;margin-top:1.2rem}"
    "dd{margin:.2rem 0 0}@media print{body{margin:0}dt{break-after:avoid}}"
)


def prefetch_html(rows: Sequence[PrefetchRow]) -> str:
    """Return the sheet as a page of its own, for printing."""
    services = "".join(
        f"<li>{service.hook}: <code>{{base}}/cds-services/{service.id}</code></li>" for service in SERVICES.values()
    )
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{_TITLE}</title><style>{_STYLE}</style>\n'
        f"<h1>{_TITLE}</h1>\n<p>{escape(_ABOUT)}</p>\n<p>{escape(_DRAFTS)}</p>\n<p>{escape(_GRANTS)}</p>\n<ul>{services}</ul>\n<dl>\n"
        + "\n".join(_entry(row) for row in rows)
        + "\n</dl>\n</html>\n"
    )


def _entry(row: PrefetchRow) -> str:
    scopes = ", ".join(f"<code>{scope}</code>" for scope in row.grants)
    return (
        f"<dt>{escape(row.key)}: {escape(row.title)}</dt><dd><code>{escape(row.query)}</code></dd>"
        f"<dd>For orders of {escape('; '.join(row.orders))}. Grant {scopes}.</dd><dd>{escape(row.effect)}</dd>"
    )


def prefetch_view(rows: Sequence[PrefetchRow]) -> Table:
    """Return the sheet for the terminal."""
    table = Table(title=_TITLE, title_justify="left", show_lines=True, expand=True)
    table.add_column("Key", no_wrap=True)
    table.add_column("Query", ratio=4, overflow="fold")
    table.add_column("What it finds", ratio=2)
    table.add_column("Without it", ratio=4)
    table.add_column("Grant", ratio=2, overflow="fold")
    for row in rows:
        table.add_row(row.key, Text(row.query), row.title, Text(row.effect), "\n".join(row.grants))
    return table
