"""Words of the audit rows in the words of the pages."""

from __future__ import annotations

from collections.abc import Mapping

from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.prefetch import FailureCause

OUTCOMES: Mapping[str, str] = {
    "cards": "cards returned",
    "no-cards": "nothing to say",
    "silent": "silent client",
    "partner-inactive": "no lenalidomide active",
    "patient-missing": "patient not obtainable",
}
"""What became of a call."""

RESULTS: Mapping[str, str] = {
    "error": "failed",
    "shown": "found something",
    "withheld": "withheld: rests on something not found where the search failed",
    "unnecessary": "another card says it",
    "notEvaluable": "data missing, another topic says so",
    "passed": "nothing to say",
    "notApplicable": "does not apply",
}
"""What a rule answered, those that need attention first."""

_NO_REASON = "none"


def outcome_words(outcome: str) -> str:
    """Return what became of a call in words."""
    return OUTCOMES.get(outcome, outcome)


def source_words(source: str) -> str:
    """Return where data came from, or why it is missing, in words."""
    match source:
        case "prefetch":
            return "prefetched"
        case "fhir":
            return "fetched"
        case _:
            return FailureCause(source).phrase if source in FailureCause._value2member_map_ else source


def topic_title(topic: str, knowledge: Knowledge) -> str:
    """Return the title of a topic; its code if this knowledge no longer has it."""
    known = knowledge.topics.get(topic)
    return known.title if known is not None else topic


def reason_words(reason: str, knowledge: Knowledge) -> str:
    """Return an override reason in words."""
    known = knowledge.override_reasons.reasons.get(reason)
    if known is not None:
        return known.display
    return "no reason given" if reason in ("", _NO_REASON) else reason
