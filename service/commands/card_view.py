"""Cards in the terminal, readable: colour by urgency, Markdown rendered, what can be clicked listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cds_hooks.evaluate import Evaluation
from cds_hooks.findings import Status

_COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}
_STATUS_STYLES = {
    Status.FIRED: "bold yellow",
    Status.PASSED: "green",
    Status.NOT_APPLICABLE: "dim",
    Status.NOT_EVALUABLE: "magenta",
}


def card_panel(card: Mapping[str, Any], *, with_detail: bool) -> Panel:
    """Return one card as a panel.

    Args:
        card: CDS Hooks card.
        with_detail: whether to show the detail, or only the summary and what can be clicked.
    """
    colour = _COLOURS[card["indicator"]]
    parts: list[RenderableType] = [Text(card["summary"], style="bold")]
    if with_detail:
        parts += [Text(), Markdown(card["detail"])]
    for suggestion in card.get("suggestions", ()):
        parts.append(Text(f"▸ {suggestion['label']}", style="blue"))
    title = Text(f" {card['indicator'].upper()}  {card['source']['topic']['code']} ", style=f"bold {colour}")
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour, padding=(0, 1))


def cards_view(cards: Sequence[Mapping[str, Any]], *, with_detail: bool) -> RenderableType:
    """Return all cards of a response, or the words for none."""
    if not cards:
        return Text("No cards: nothing to say about this order.", style="green")
    return Group(*(card_panel(card, with_detail=with_detail) for card in cards))


def trace_view(evaluation: Evaluation) -> Table:
    """Return every rule with what it answered, why, and the facts it saw."""
    table = Table(title="What each rule saw", title_justify="left", show_lines=True, expand=True)
    table.add_column("Topic", no_wrap=True)
    table.add_column("Answer", no_wrap=True)
    table.add_column("Reason")
    table.add_column("Facts")
    for trace in evaluation.trace:
        outcome = trace.outcome
        reason = trace.error or outcome.reason
        if trace.suppressed_by:
            reason += f" (not shown: {trace.suppressed_by} says it)"
        if trace.unavailable:
            reason += f" (could not look up: {', '.join(sorted(trace.unavailable))})"
        facts = "\n".join(
            f"{fact.label}: {fact.value}"
            + "".join(f" · {extra}" for extra in (fact.when, fact.note, fact.reference) if extra)
            for fact in outcome.facts
        )
        table.add_row(trace.topic, Text(outcome.status.value, style=_STATUS_STYLES[outcome.status]), reason, facts)
    return table
