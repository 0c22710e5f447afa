"""Did the service say what the case expects? Failures in words a pharmacist can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.cases.case import Case
from cds_hooks.evaluate import Evaluation, RuleTrace, indicator_of
from cds_hooks.findings import Status
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.protocol.cards import detail, summary

_SERVICE_VERSION = "case"


@dataclass(frozen=True, slots=True)
class ShownCard:
    """What was shown under one topic: its indicator, and its text as one string."""

    indicator: str
    text: str


def verdict(case: Case, evaluation: Evaluation, knowledge: Knowledge) -> list[str]:
    """Compare an evaluation with what the case expects.

    Returns:
        One sentence per failure, with what the rule answered instead; empty when all is as expected.
    """
    shown = {
        finding.topic: ShownCard(
            indicator_of(finding, knowledge).value,
            f"{summary(finding, knowledge)}\n{detail(finding, knowledge, _SERVICE_VERSION)}",
        )
        for finding in evaluation.findings
    }
    reasons = {trace.topic: _reason(trace) for trace in evaluation.trace}
    raised = {trace.topic: trace.error for trace in evaluation.trace if trace.error}
    reasons["checkIncomplete"] = "; ".join(
        f"{one.topic}: {f'the rule raised {raised[one.topic]}' if one.topic in raised else ', '.join(one.reasons)}"
        for one in evaluation.unchecked
    )
    return _failures(case, shown, reasons)


def verdict_of_cards(case: Case, cards: Iterable[Mapping[str, Any]]) -> list[str]:
    """Compare the cards of a CDS Hooks response with what the case expects; see `verdict`."""
    shown = {
        card["source"]["topic"]["code"]: ShownCard(card["indicator"], f"{card['summary']}\n{card.get('detail', '')}")
        for card in cards
    }
    return _failures(case, shown, {})


def _reason(trace: RuleTrace) -> str:
    outcome = trace.outcome
    if trace.error:
        return f"the rule raised {trace.error}"
    words = f"{outcome.status.value}: {outcome.reason}" if outcome.reason else outcome.status.value
    if trace.suppressed_by:
        words += f" (not shown beside {trace.suppressed_by})"
    if trace.unavailable:
        words += f" (could not be looked up: {', '.join(sorted(trace.unavailable))})"
    seen = "; ".join(f"{fact.label} {fact.value} {fact.when}".strip() for fact in outcome.facts)
    return f"{words}. It saw: {seen}" if seen and outcome.status is not Status.NOT_APPLICABLE else words


def _failures(case: Case, shown: Mapping[str, ShownCard], reasons: Mapping[str, str]) -> list[str]:
    failures: list[str] = []
    for topic, indicator in case.expect.items():
        card = shown.get(topic)
        if card is None:
            why = f": {reasons[topic]}" if reasons.get(topic) else ""
            failures.append(f"{topic} should be {indicator.value}, but there is no card{why}")
        elif card.indicator != indicator.value:
            failures.append(f"{topic} should be {indicator.value}, but is {card.indicator}: {_headline(card)}")
        else:
            failures += [
                f"{topic} should say {words!r}, but says: {card.text}"
                for words in case.says.get(topic, ())
                if words not in card.text
            ]
            failures += [
                f"{topic} should not say {words!r}, but says: {card.text}"
                for words in case.says_not.get(topic, ())
                if words in card.text
            ]
    for topic, card in shown.items():
        if topic in case.silent or (case.only and topic not in case.expect):
            why = f" [{reasons[topic]}]" if reasons.get(topic) else ""
            failures.append(f"{topic} should be silent, but is {card.indicator}: {_headline(card)}{why}")
    return failures


def _headline(card: ShownCard) -> str:
    return card.text.partition("\n")[0]
