"""Numbers for Prometheus. Labels come from configuration and knowledge only, never from a request.

With PROMETHEUS_MULTIPROC_DIR set, each worker process writes its numbers to files of its own there, and whichever
worker is asked shows the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from werkzeug.exceptions import Forbidden

from service.config import Settings
from service.store.feedback import Tally
from service.web.access import is_trusted
from service.web.exposition import Exposition

PHASES = ("authenticate", "parse", "gather", "evaluate", "record")
"""The parts of a call, in their order; their durations add up to that of the call."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0, 2.5)
_PHASE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.45, 1.0)
_BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


class _Counts:
    """A counter whose labelled children are looked up once."""

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        self._counter = Counter(name, help_text, labels, registry=registry)
        self._children: dict[tuple[str, ...], Any] = {}

    def add(self, *labels: str, count: float = 1) -> None:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._counter.labels(*labels) if labels else self._counter
        child.inc(count)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.exposition = Exposition(registry)
        self._calls = _Counts("lencds_calls", "Hook calls answered", ("client", "hook", "outcome"), registry)
        seconds = Histogram(
            "lencds_call_seconds", "Duration of hook calls", ("hook",), registry=registry, buckets=_SECONDS
        )
        phases = Histogram(
            "lencds_phase_seconds", "Duration of the phases of hook calls", ("phase",), registry=registry,
            buckets=_PHASE_SECONDS,
        )  # fmt: skip
        self._seconds: dict[str, Any] = {}
        self._seconds_of = seconds.labels
        self._phases = {phase: phases.labels(phase) for phase in PHASES}
        self._cards = _Counts("lencds_cards", "Cards returned", ("topic", "indicator"), registry)
        self._responses = _Counts(
            "lencds_card_responses", "What clinicians did with cards", ("topic", "outcome"), registry
        )
        self._overrides = _Counts("lencds_overrides", "Overridden cards", ("topic", "reason"), registry)
        self._feedback = _Counts("lencds_feedback", "Feedback items by what became of them", ("result",), registry)
        self._data = _Counts(
            "lencds_data_needs", "Where needed data came from, or why it is missing", ("need", "source"), registry
        )
        self._incomplete = _Counts("lencds_check_incomplete", "Incomplete checks by cause", ("cause",), registry)
        self._rule_errors = _Counts("lencds_rule_errors", "Rules that failed", ("topic",), registry)
        self._fhir = _Counts("lencds_fhir_requests", "Requests to FHIR servers", ("client", "result"), registry)
        self._refused = _Counts("lencds_refused", "Calls without valid token", ("reason",), registry)
        self._failed = _Counts("lencds_errors", "Calls that ended in an unforeseen error", (), registry)
        self._spooled = _Counts("lencds_spooled", "Rows that went to the spool", ("kind",), registry)
        self._lost = _Counts("lencds_audit_lost", "Audit rows that nothing could store", (), registry)
        self._replay_fallback = _Counts(
            "lencds_replay_fallback", "Token ids remembered by one process only", (), registry
        )
        self._breakers = Gauge(
            "lencds_fhir_breaker_state",
            "Circuit breaker of a client's FHIR servers, the worst of all workers: 0 closed, 1 half-open, 2 open",
            ("client",), registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip

    def call(self, client: str, hook: str, outcome: str, seconds: float) -> None:
        """Count an answered hook call.

        Args:
            client: name of a configured client.
            hook: name of a hook of ours, not as sent.
            outcome: a word from a fixed set.
            seconds: how long it took.
        """
        self._calls.add(client, hook, outcome)
        child = self._seconds.get(hook)
        if child is None:
            child = self._seconds[hook] = self._seconds_of(hook)
        child.observe(seconds)

    def phases(self, laps: Mapping[str, float]) -> None:
        """Note how long the phases of a call took: word of `PHASES` → seconds."""
        for phase, seconds in laps.items():
            self._phases[phase].observe(seconds)

    def card(self, topic: str, indicator: str) -> None:
        """Count a returned card."""
        self._cards.add(topic, indicator)

    def data(self, sources: Mapping[str, str]) -> None:
        """Count where data came from: data need → `prefetch`, `fhir` or the cause why it is missing."""
        for need, source in sources.items():
            self._data.add(need, source)

    def incomplete(self, cause: str) -> None:
        """Count an incomplete check; a check with several causes is counted under each."""
        self._incomplete.add(cause)

    def rule_error(self, topic: str) -> None:
        """Count a rule that failed."""
        self._rule_errors.add(topic)

    def fhir_requests(self, client: str, results: Mapping[str, int]) -> None:
        """Count requests to the FHIR servers of a client: result, a word from a fixed set → how many."""
        for result, count in results.items():
            self._fhir.add(client, result, count=count)

    def breaker(self, client: str, state: str) -> None:
        """Note the state of the breaker of a client's FHIR servers: `closed`, `half-open` or `open`."""
        self._breakers.labels(client).set(_BREAKER_STATES[state])

    def feedback(self, tally: Tally) -> None:
        """Count what became of feedback items, and what clinicians did with the cards. Spooled ones come twice."""
        for result, count in tally.counts.items():
            self._feedback.add(result, count=count)
        for item in tally.items:
            topic = item.topic or "unknown"
            self._responses.add(topic, item.outcome)
            if item.reason:
                self._overrides.add(topic, item.reason)

    def refused(self, reason: str) -> None:
        """Count a call without valid token; `reason` is a member name of `Refusal`."""
        self._refused.add(reason)

    def failed(self) -> None:
        """Count an unforeseen error."""
        self._failed.add()

    def spooled(self, kind: str) -> None:
        """Count a row that went to the spool: `audit` or `feedback`."""
        self._spooled.add(kind)

    def lost(self) -> None:
        """Count an audit row that neither database nor spool could take."""
        self._lost.add()

    def replay_fallback(self) -> None:
        """Count a token id that only this process remembers."""
        self._replay_fallback.add()


def metrics_blueprint(metrics: Metrics, settings: Settings) -> Blueprint:
    """Return the endpoint `GET /metrics`, for this machine or with LENCDS_METRICS_TOKEN."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def show() -> Response:
        if not is_trusted(request, settings.metrics_token, settings.trusted_proxies):
            raise Forbidden("The metrics are for this machine and for bearers of LENCDS_METRICS_TOKEN.")
        return Response(metrics.exposition.text(), content_type=CONTENT_TYPE_LATEST)

    return blueprint
