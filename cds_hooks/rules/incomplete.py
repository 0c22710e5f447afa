"""The one card that says what could not be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.data_needs import Scope
from cds_hooks.findings import Finding, Indicator
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.markdown import escape

TOPIC = "checkIncomplete"
_NAMED = 2
"""Checks the summary names; the detail lists all."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A check that could not be run, or only on part of the data, and why, in words for a card."""

    topic: str
    reasons: tuple[str, ...]


def incomplete_finding(chart: Chart, knowledge: Knowledge, unchecked: Sequence[Unchecked]) -> Finding | None:
    """Build the `checkIncomplete` finding; None when there is nothing to say.

    For a partner drug alone there is no card unless lenalidomide (for a PD-1/PD-L1 antibody: an analogue) is known to
    be in use; then it is for information only (`topics.md` section 3). An order whose drug could not be read, and a
    draft that belongs to somebody else, are always said: either may be lenalidomide.

    Args:
        chart: the chart with its gaps.
        knowledge: titles of the topics.
        unchecked: what could not be run.
    """
    unread = tuple(order for order in chart.drafts if order.selected and order.unresolved)
    foreign_draft = "draft order" in chart.dropped
    partner_only = chart.scopes == {Scope.PARTNER}
    if partner_only and not unread and not foreign_draft and not _is_lenalidomide_in_use(chart):
        return None
    sentences = knowledge.phrases.sentences
    lines = [f"{titles} ({escape(why)})" for titles, why in _by_reason(unchecked, knowledge)]
    if chart.dropped:
        counts = ", ".join(f"{count} × {escape(kind)}" for kind, count in sorted(chart.dropped.items()))
        lines.append(sentences["otherPatient"].format(resources=counts))
    if unread:
        lines.append(sentences["drugUnknown"].format(orders=", ".join(escape(order.reference) for order in unread)))
    if not lines:
        return None
    calm = partner_only or not (chart.scopes or foreign_draft)
    return Finding(
        topic=TOPIC,
        variant="incomplete",
        values={"what": _summary(chart, knowledge, unchecked), "list": "\n".join(f"* {line}" for line in lines)},
        indicator=Indicator.INFO if calm else None,
    )


def _is_lenalidomide_in_use(chart: Chart) -> bool:
    return bool(chart.active("lenalidomide")) or (
        bool(chart.judged("pd1PdL1Antibody")) and bool(chart.active("thalidomideAnalogue"))
    )


def _by_reason(unchecked: Sequence[Unchecked], knowledge: Knowledge) -> list[tuple[str, str]]:
    """Return the titles of the checks that share their reasons, with these reasons."""
    titles: dict[tuple[str, ...], list[str]] = {}
    for one in unchecked:
        titles.setdefault(one.reasons, []).append(knowledge.topics[one.topic].title)
    return [(", ".join(names), "; ".join(reasons)) for reasons, names in titles.items()]


def _summary(chart: Chart, knowledge: Knowledge, unchecked: Sequence[Unchecked]) -> str:
    """Return what was not checked in a few words."""
    sentences = knowledge.phrases.sentences
    names = [knowledge.topics[one.topic].title for one in unchecked]
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], sentences["moreChecks"].format(count=len(names) - _NAMED)]
    if any(order.selected and order.unresolved for order in chart.drafts):
        names.append(sentences["unreadOrder"])
    if chart.dropped:
        names.append(sentences["foreignRecords"])
    return ", ".join(names)
