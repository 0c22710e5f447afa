"""Runs the rules over a chart: findings to show, what could not be checked, and the trace of every rule."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.data_needs import PATIENT
from cds_hooks.findings import Finding, Indicator, Outcome, not_evaluable
from cds_hooks.knowledge.loader import Knowledge, placeholders
from cds_hooks.rules import RULES, Rule
from cds_hooks.rules.incomplete import Unchecked, incomplete_finding


class RuleTrace(Struct, frozen=True):
    """What one rule answered.

    Attributes:
        topic: topic code.
        outcome: the answer.
        unavailable: data needs it asked for that could not be looked up.
        suppressed_by: topic whose card makes this one unnecessary, "" when shown.
        error: class name of the exception the rule raised, "" normally.
        reads: data needs it looked at.
    """

    topic: str
    outcome: Outcome
    unavailable: frozenset[str] = frozenset()
    suppressed_by: str = ""
    error: str = ""
    reads: frozenset[str] = frozenset()

    @property
    def shown(self) -> Finding | None:
        """The finding, unless it rests on something not found where the search for it failed."""
        finding = self.outcome.finding
        return None if finding is None or finding.absent & self.unavailable else finding


class Evaluation(Struct, frozen=True):
    """The result for one call.

    Attributes:
        findings: what to show, most urgent first.
        trace: every rule of the scopes concerned.
        unchecked: checks that could not be run, with their reason.
    """

    findings: tuple[Finding, ...]
    trace: tuple[RuleTrace, ...]
    unchecked: tuple[Unchecked, ...]


def indicator_of(finding: Finding, knowledge: Knowledge) -> Indicator:
    """Return the indicator of a finding: its own, else that of its wording."""
    variant = knowledge.topics[finding.topic].variants[finding.variant]
    return finding.indicator or Indicator(variant.indicator)


def evaluate(chart: Chart, knowledge: Knowledge) -> Evaluation:
    """Run every rule that concerns the drafted drugs.

    A rule that raises does not stop the others. A finding that fired because something was not found is withheld when
    the search for it failed. Every rule that raised or asked for data that could not be looked up is reported as
    unchecked, also when it fired on what was there: more might have been found.
    """
    scopes = chart.scopes
    traces = [_run(rule, chart, knowledge) for rule in RULES if rule.scopes & scopes]
    shown = {trace.topic: finding for trace in traces if (finding := trace.shown) is not None}
    unnecessary = _unnecessary(shown, knowledge)
    findings = [finding for topic, finding in shown.items() if topic not in unnecessary]
    unchecked = tuple(
        Unchecked(trace.topic, _reasons(trace, chart, knowledge))
        for trace in traces
        if (trace.error or trace.unavailable) and trace.topic not in unnecessary
    )
    if (incomplete := incomplete_finding(chart, knowledge, unchecked)) is not None:
        findings.append(incomplete)
    findings.sort(key=lambda finding: (indicator_of(finding, knowledge).rank, _position(finding.topic)))
    for topic in shown.keys() & unnecessary.keys():
        place = next(place for place, trace in enumerate(traces) if trace.topic == topic)
        traces[place] = replace(traces[place], suppressed_by=unnecessary[topic])
    return Evaluation(tuple(findings), tuple(traces), unchecked)


def _run(rule: Rule, chart: Chart, knowledge: Knowledge) -> RuleTrace:
    view = chart.watched()
    try:
        outcome = rule.judge(view, knowledge)
        if outcome.finding is not None:
            _check_wording(outcome.finding, rule, knowledge)
    except Exception as error:  # noqa: BLE001  one broken rule must not silence the others; reported as unchecked
        outcome, name = not_evaluable("the rule failed"), type(error).__name__
    else:
        name = ""
    reads = frozenset(view.reads)
    return RuleTrace(rule.topic, outcome, reads.intersection(chart.gaps), error=name, reads=reads)


def _check_wording(finding: Finding, rule: Rule, knowledge: Knowledge) -> None:
    """Refuse a finding that no card can be made of, while it can still be reported as one check that failed.

    Raises:
        LookupError: it is of another topic, or its wording does not exist or lacks a value.
    """
    if finding.topic != rule.topic:
        raise LookupError(f"the rule for {rule.topic} answered for {finding.topic}")
    missing = placeholders(knowledge.topics[finding.topic].variants[finding.variant]) - finding.values.keys()
    if missing:
        raise LookupError(f"no value for {sorted(missing)} in {finding.topic}.{finding.variant}")


def _unnecessary(shown: Mapping[str, Finding], knowledge: Knowledge) -> dict[str, str]:
    """Return topics that a card makes unnecessary, and that card's topic; a card not shown itself makes none so."""
    by_topic = {
        topic: (*knowledge.topics[topic].suppresses, *knowledge.topics[topic].variants[finding.variant].suppresses)
        for topic, finding in shown.items()
    }
    hidden = {other for others in by_topic.values() for other in others}
    return {other: topic for topic, others in by_topic.items() if topic not in hidden for other in others}


def _reasons(trace: RuleTrace, chart: Chart, knowledge: Knowledge) -> tuple[str, ...]:
    """Return why a check counts as not run. A rule that raised for lack of the patient has not failed by itself."""
    reasons = chart.gap_words(trace.unavailable)
    failed = trace.error and PATIENT not in trace.unavailable
    return (*reasons, knowledge.phrases.sentences["ruleFailed"]) if failed else reasons


_POSITION = {rule.topic: position for position, rule in enumerate(RULES)}


def _position(topic: str) -> int:
    return _POSITION.get(topic, len(_POSITION))
