"""What of an answer is counted."""

from __future__ import annotations

from service.order_check import Answer
from service.web.metrics import Metrics

CHECK_INCOMPLETE = "checkIncomplete"
_AT_HAND = ("prefetch", "fhir")
_RULE_FAILED = "rule-failed"
_OTHER = "other"


def count_answer(metrics: Metrics, client: str, answer: Answer) -> None:
    """Count cards, where the data came from, and why a check was incomplete.

    Args:
        metrics: the counters.
        client: name of the configured client.
        answer: what came of its call.
    """
    for card in answer.cards:
        metrics.card(card["source"]["topic"]["code"], card["indicator"])
    metrics.data(answer.sources)
    metrics.fhir_requests(client, answer.fhir_results)
    failed = [trace.topic for trace in answer.evaluation.trace if trace.error] if answer.evaluation else []
    for topic in failed:
        metrics.rule_error(topic)
    if CHECK_INCOMPLETE in answer.topics:
        causes = {source for source in answer.sources.values() if source not in _AT_HAND}
        if failed:
            causes.add(_RULE_FAILED)
        for cause in causes or {_OTHER}:
            metrics.incomplete(cause)
