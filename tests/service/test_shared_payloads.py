"""Requests found in public projects: none may crash the service or get a wrong card.

They lie beside the checkout and are not part of it; where they are missing, this says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.config import Settings

FOLDER = Path(__file__).parents[3] / "shared" / "payloads"
FILES = sorted(FOLDER.glob("*.json"))
HOOKS = ("order-sign", "order-select")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("payloads")
    settings = Settings(
        auth="off", database_url=f"sqlite:///{folder / 'audit.sqlite3'}", spool_dir=folder / "spool", deadline_ms=5000
    )
    app = create_app(settings, clock=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC))
    yield app.test_client()
    app.extensions["lencds"].close()


def payload(path: Path) -> Any:
    return json.loads(path.read_text("utf-8-sig"))


@pytest.mark.skipif(not FILES, reason="the collection of public payloads does not lie beside this checkout")
def test_the_collection_is_complete() -> None:
    assert len(FILES) == 36


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_public_request_crashes_or_gets_a_card(client: FlaskClient, path: Path) -> None:
    """None of them is about lenalidomide, nor is any of their patients on it."""
    body = payload(path)
    if body["hook"] not in HOOKS:
        assert client.post("/cds-services/lenalidomide-order-sign", json=body).status_code == 400
        return
    response = client.post(f"/cds-services/lenalidomide-{body['hook']}", json=body)
    assert response.status_code in (200, 400), response.text
    if response.status_code == 200:
        assert response.json == {"cards": []}
    else:
        assert response.json is not None
        assert response.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("hook", HOOKS)
def test_the_same_orders_fired_as_either_hook(client: FlaskClient, path: Path, hook: str) -> None:
    body = payload(path)
    context = dict(body.get("context") or {})
    if "draftOrders" not in context:
        return
    context["patientId"] = context.get("patientId") or "p1"
    entries = [entry.get("resource", {}) for entry in context["draftOrders"].get("entry", [])]
    context["selections"] = [f"{one.get('resourceType')}/{one.get('id')}" for one in entries]
    response = client.post(f"/cds-services/lenalidomide-{hook}", json={**body, "hook": hook, "context": context})
    assert response.status_code in (200, 400), response.text
    if response.status_code == 200:
        assert response.json == {"cards": []}
