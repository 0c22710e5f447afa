"""What of a hook call is counted."""

from __future__ import annotations

from service.order_check import IRRELEVANT, Answer
from service.web.hook_call import HookCall
from service.web.metrics import Metrics

CHECK_INCOMPLETE = "checkIncomplete"
_AT_HAND = ("prefetch", "fhir")
_RULE_FAILED = "rule-failed"
_OTHER = "other"


def count_irrelevant(metrics: Metrics, call: HookCall) -> None:
    """Count a call about other drugs, and how long its phases took."""
    call.watch.lap("evaluate")
    _count_call(metrics, call, IRRELEVANT)


def count_answer(metrics: Metrics, call: HookCall, answer: Answer) -> None:
    """Count a call, how long its phases took, its cards, where the data came from, and why a check was incomplete.

    Args:
        metrics: the counters.
        call: the call.
        answer: what came of it.
    """
    _count_call(metrics, call, answer.outcome)
    if answer.outcome == IRRELEVANT:
        return
    for card in answer.cards:
        metrics.card(card["source"]["topic"]["code"], card["indicator"])
    metrics.data(answer.sources)
    metrics.fhir_requests(call.caller.client.name, answer.fhir_results)
    failed = [trace.topic for trace in answer.evaluation.trace if trace.error] if answer.evaluation else []
    for topic in failed:
        metrics.rule_error(topic)
    if CHECK_INCOMPLETE in answer.topics:
        causes = {source for source in answer.sources.values() if source not in _AT_HAND}
        if failed:
            causes.add(_RULE_FAILED)
        for cause in causes or {_OTHER}:
            metrics.incomplete(cause)


def _count_call(metrics: Metrics, call: HookCall, outcome: str) -> None:
    metrics.call(call.caller.client.name, call.service.hook, outcome, call.watch.seconds)
    metrics.phases(call.watch.laps)
