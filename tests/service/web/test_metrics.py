"""Metrics are counted, and shown to whom they may be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

AWAY = {"REMOTE_ADDR": "192.0.2.1"}
TOKEN = "a-token-for-metrics"


def text(web: FlaskClient) -> str:
    return web.get("/metrics").get_data(as_text=True)


def test_counts(web: FlaskClient) -> None:
    metrics = web.application.extensions["lencds"].metrics
    metrics.call("st-elsewhere", "order-sign", "cards", 0.02)
    metrics.card("neutropenia", "critical")
    shown = text(web)
    assert 'lencds_calls_total{client="st-elsewhere",hook="order-sign",outcome="cards"} 1.0' in shown
    assert 'lencds_cards_total{indicator="critical",topic="neutropenia"} 1.0' in shown
    assert 'lencds_call_seconds_bucket{hook="order-sign",le="0.025"} 1.0' in shown


def test_refused_calls_and_errors_are_counted(guarded: FlaskClient, bearer: Any) -> None:
    guarded.post("/cds-services/x", data=b"{}")
    guarded.post("/cds-services/boom", data=b"{}", headers=bearer("/cds-services/boom"))
    assert 'lencds_refused_total{reason="missing"} 1.0' in text(guarded)
    assert "lencds_errors_total 1.0" in text(guarded)


def test_other_machines_need_the_token(make_app: Any, load_guarded_settings: Any) -> None:
    web: FlaskClient = make_app(load_guarded_settings(LENCDS_METRICS_TOKEN=TOKEN)).test_client()
    assert web.get("/metrics", environ_base=AWAY).status_code == 403
    assert web.get("/metrics", environ_base=AWAY, headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert web.get("/metrics", environ_base=AWAY, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert web.get(f"/metrics?token={TOKEN}", environ_base=AWAY).status_code == 403


def test_without_token_only_this_machine_sees_them(guarded: FlaskClient) -> None:
    assert guarded.get("/metrics").status_code == 200
    assert guarded.get("/metrics", environ_base=AWAY).status_code == 403


WORKER = """
from service.web.metrics import Metrics
metrics = Metrics()
metrics.call("st-elsewhere", "order-sign", "cards", 0.02)
metrics.breaker("st-elsewhere", "open")
print(metrics.exposition.text().decode())
"""


def test_workers_add_up_and_the_gauges_of_ended_ones_are_forgotten(tmp_path: Path) -> None:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    environ = {name: value for name, value in environ.items() if not name.startswith("LENCDS_")}

    def run(code: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
        ).stdout

    assert 'lencds_fhir_breaker_state{client="st-elsewhere"} 2.0' in run(WORKER)
    second = run(WORKER.replace('metrics.breaker("st-elsewhere", "open")', ""))
    assert 'lencds_calls_total{client="st-elsewhere",hook="order-sign",outcome="cards"} 2.0' in second
    assert "lencds_fhir_breaker_state{" not in second


def test_a_number_that_cannot_be_found_out_hides_no_other(web: FlaskClient) -> None:
    metrics = web.application.extensions["lencds"].metrics
    metrics.exposition.gauge("lencds_broken", "Broken", lambda: 1 / 0)
    shown = text(web)
    assert "lencds_broken" not in shown
    assert "lencds_spool_depth 0.0" in shown
    assert "lencds_database_up 1.0" in shown
