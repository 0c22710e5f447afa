"""What each rule answered to one call, small enough to be kept with every audit row, and without patient data.

Only names from the knowledge come in: topics, wording variants, data needs. The reasons and facts of a rule may hold
values of the patient and stay out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.evaluate import RuleTrace
from cds_hooks.findings import Status

SHOWN = "shown"
WITHHELD = "withheld"
UNNECESSARY = "unnecessary"
ERROR = "error"

_WORDS = {
    Status.FIRED: SHOWN,
    Status.PASSED: "passed",
    Status.NOT_APPLICABLE: "notApplicable",
    Status.NOT_EVALUABLE: "notEvaluable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule answered.

    Attributes:
        topic: topic code.
        result: `shown` (it found something), `withheld` (it rests on something not found where the search failed),
            `unnecessary` (another card says it), `passed`, `notApplicable`, `notEvaluable` or `error`.
        variant: wording of the finding, "" without one.
        by: topic whose card makes this one unnecessary.
        missing: data needs it asked for that could not be looked up.
        absent: data needs in which something was looked for and not found, which made it fire.
        error: class name of the exception it raised.
    """

    topic: str
    result: str
    variant: str = ""
    by: str = ""
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    error: str = ""


def compact(trace: Iterable[RuleTrace]) -> dict[str, Any]:
    """Return topic → result, as a word where nothing else is to be said, for `AuditRow.rules`."""
    return {one.topic: _compact(one) for one in trace}


def expand(rules: Mapping[str, Any] | None) -> tuple[RuleResult, ...]:
    """Read what `compact` wrote; rows of earlier versions have none."""
    return tuple(
        RuleResult(topic=topic, result=entry) if isinstance(entry, str) else _expand(topic, entry)
        for topic, entry in (rules or {}).items()
    )


def _compact(trace: RuleTrace) -> str | dict[str, Any]:
    result = _result(trace)
    finding = trace.outcome.finding
    if finding is None and not trace.unavailable and not trace.error:
        return result
    details = {
        "variant": finding.variant if finding is not None else "",
        "by": trace.suppressed_by,
        "missing": sorted(trace.unavailable),
        "absent": sorted(finding.absent) if finding is not None else [],
        "error": trace.error,
    }
    said = {name: value for name, value in details.items() if value}
    return {"result": result, **said} if said else result


def _result(trace: RuleTrace) -> str:
    if trace.error:
        return ERROR
    if trace.outcome.finding is not None and trace.shown is None:
        return WITHHELD
    return UNNECESSARY if trace.suppressed_by else _WORDS[trace.outcome.status]


def _expand(topic: str, entry: Mapping[str, Any]) -> RuleResult:
    return RuleResult(
        topic=topic,
        result=str(entry.get("result", "")),
        variant=str(entry.get("variant", "")),
        by=str(entry.get("by", "")),
        missing=tuple(entry.get("missing", ())),
        absent=tuple(entry.get("absent", ())),
        error=str(entry.get("error", "")),
    )
