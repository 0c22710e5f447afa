"""Alerts and dashboard ask for metrics and labels that the service has, and alerts name a runbook that is there."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from service.web import observed
from service.web.metrics import Metrics
from tests.deploy.manifests import DEPLOY, ROOT, one_document

ALERTS = [rule for group in one_document(DEPLOY / "monitoring" / "alerts.yaml")["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    *((rule["alert"], rule["expr"]) for rule in ALERTS),
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]),
]
_ASKED_FOR = re.findall(r'"(lencds_\w+)"', inspect.getsource(observed))
"""Numbers that are found out when somebody asks; they have no labels."""
_OF_PROMETHEUS = {"up": {"job", "instance"}}
_VARIABLES = {"$__range": "1d", "$client": ".*"}


def known() -> dict[str, set[str]]:
    """Series the service has, each with its labels."""
    series = dict(_OF_PROMETHEUS) | {name: set[str]() for name in _ASKED_FOR}
    for collector in {*Metrics().registry._collector_to_names}:
        labels = set(getattr(collector, "_labelnames", ()))
        for name in Metrics().registry._get_names(collector):
            series[name] = labels | {"le"}
    return series


KNOWN = known()


def selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of series in a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        part = getattr(expression, name, None)
        if part is not None and not isinstance(part, str):
            yield from selectors(part)
    for part in getattr(expression, "args", None) or ():
        yield from selectors(part)


@pytest.mark.parametrize(("name", "text"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_every_expression_asks_for_series_and_labels_that_exist(name: str, text: str) -> None:
    for variable, value in _VARIABLES.items():
        text = text.replace(variable, value)
    found = list(selectors(promql_parser.parse(text)))
    assert found
    for selector in found:
        assert selector.name in KNOWN, selector.name
        assert {matcher.name for matcher in selector.matchers.matchers} <= KNOWN[selector.name]
    grouped = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", text) for label in labels.split(",")}
    assert grouped <= set().union(*(KNOWN[str(selector.name)] for selector in found))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert (ROOT / "docs" / rule["annotations"]["runbook"]).is_file()


def test_the_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: expressions were parsed only")
def test_alerts_fire_when_they_should() -> None:
    rules = map(str, Path(__file__).parent.glob("*.test.yaml"))
    done = subprocess.run(["promtool", "test", "rules", *rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
