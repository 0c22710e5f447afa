"""Tables of a run: on the terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table as RichTable


@dataclass(slots=True)
class Table:
    """One table: a title, what its columns say, its rows, and a line about how it was made."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    remark: str = ""

    def markdown(self) -> str:
        """Return the table in GitHub flavoured Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{body}\n" + (f"\n{self.remark}\n" if self.remark else "")

    def rich(self) -> RichTable:
        """Return the table for a terminal."""
        table = RichTable(title=self.title, title_justify="left", caption=self.remark or None, caption_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def times(value: float) -> str:
    """Return a ratio: `1.08×`."""
    return f"{value:.2f}×"


def write(tables: Sequence[Table], raw: object, folder: Path, name: str) -> tuple[Path, Path]:
    """Write Markdown and JSON.

    Args:
        tables: the tables.
        raw: everything that was measured.
        folder: where to; it is created.
        name: file name without ending.
    """
    folder.mkdir(parents=True, exist_ok=True)
    markdown, data = folder / f"{name}.md", folder / f"{name}.json"
    markdown.write_text("\n".join(table.markdown() for table in tables))
    data.write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2, default=str))
    return markdown, data


def show(table: Table) -> None:
    """Print a table at once, so that a long run tells how far it is."""
    Console().print(table.rich())
