"""Numbers for Prometheus. Labels come from configuration and knowledge only, never from a request."""

from __future__ import annotations

import os

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import Forbidden

from service.config import Settings
from service.web.access import is_trusted

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0, 2.5)


class Metrics:
    """The counters of one process; with PROMETHEUS_MULTIPROC_DIR set, shown summed over all workers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "lencds_calls", "Hook calls answered", ("client", "hook", "outcome"), registry=self.registry
        )
        self._seconds = Histogram(
            "lencds_call_seconds", "Duration of hook calls", ("hook",), registry=self.registry, buckets=_SECONDS
        )
        self._cards = Counter("lencds_cards", "Cards returned", ("topic", "indicator"), registry=self.registry)
        self._feedback = Counter(
            "lencds_feedback", "Feedback items by what became of them", ("result",), registry=self.registry
        )
        self._refused = Counter("lencds_refused", "Calls without valid token", ("reason",), registry=self.registry)
        self._failed = Counter("lencds_errors", "Calls that ended in an unforeseen error", registry=self.registry)
        self._spooled = Counter("lencds_audit_spooled", "Audit rows that went to the spool", registry=self.registry)
        self._replay_fallback = Counter(
            "lencds_replay_fallback", "Token ids remembered by one process only", registry=self.registry
        )

    def call(self, client: str, hook: str, outcome: str, seconds: float) -> None:
        """Count an answered hook call.

        Args:
            client: name of a configured client.
            hook: name of a hook of ours, not as sent.
            outcome: a word from a fixed set.
            seconds: how long it took.
        """
        self._calls.labels(client, hook, outcome).inc()
        self._seconds.labels(hook).observe(seconds)

    def card(self, topic: str, indicator: str) -> None:
        """Count a returned card."""
        self._cards.labels(topic, indicator).inc()

    def feedback(self, result: str, count: int) -> None:
        """Count feedback items; `result` is a field name of `Tally`."""
        self._feedback.labels(result).inc(count)

    def refused(self, reason: str) -> None:
        """Count a call without valid token; `reason` is a member name of `Refusal`."""
        self._refused.labels(reason).inc()

    def failed(self) -> None:
        """Count an unforeseen error."""
        self._failed.inc()

    def spooled(self) -> None:
        """Count an audit row that went to the spool."""
        self._spooled.inc()

    def replay_fallback(self) -> None:
        """Count a token id that only this process remembers."""
        self._replay_fallback.inc()

    def exposition(self) -> bytes:
        """Return all numbers in the Prometheus text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        of_all_workers = CollectorRegistry()
        MultiProcessCollector(of_all_workers)  # type: ignore[no-untyped-call]
        return generate_latest(of_all_workers)


def metrics_blueprint(metrics: Metrics, settings: Settings) -> Blueprint:
    """Return the endpoint `GET /metrics`, for this machine or with LENCDS_METRICS_TOKEN."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def show() -> Response:
        if not is_trusted(request, settings.metrics_token, settings.trusted_proxies):
            raise Forbidden("The metrics are for this machine and for bearers of LENCDS_METRICS_TOKEN.")
        return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)

    return blueprint
