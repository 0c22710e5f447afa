"""Cards in the terminal, readable: colour by urgency, Markdown rendered, what can be clicked listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cds_hooks.evaluate import Evaluation, RuleTrace
from cds_hooks.findings import Status

_COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}
_STATUS_STYLES = {
    Status.FIRED: "bold yellow",
    Status.NOT_EVALUABLE: "magenta",
    Status.PASSED: "green",
    Status.NOT_APPLICABLE: "dim",
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


def trace_view(evaluation: Evaluation) -> RenderableType:
    """Return every rule with what it answered, why, and the facts it saw; those that found something first."""
    table = Table(title="What each rule saw", title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column("Answer", no_wrap=True)
    table.add_column("Topic, reason and facts")
    statuses = list(_STATUS_STYLES)
    for trace in sorted(evaluation.trace, key=lambda trace: statuses.index(trace.outcome.status)):
        status = trace.outcome.status
        table.add_row(Text(status.value, style=_STATUS_STYLES[status]), Group(*_trace_lines(trace)))
    return table


def _trace_lines(trace: RuleTrace) -> list[Text]:
    outcome = trace.outcome
    reason = trace.error or outcome.reason
    if trace.suppressed_by:
        reason += f" (not shown: {trace.suppressed_by} says it)"
    if trace.unavailable:
        reason += f" (could not look up: {', '.join(sorted(trace.unavailable))})"
    facts = [
        " · ".join(part for part in (f"{fact.label}: {fact.value}", fact.when, fact.note, fact.reference) if part)
        for fact in outcome.facts
    ]
    return [Text.assemble((trace.topic, "bold"), f"  {reason}"), *(Text(fact, style="dim") for fact in facts)]
