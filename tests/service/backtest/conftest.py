"""A small history: the demo patients, each with the orders of one day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.clinical import Clinical
from service.order_check import OrderCheck
from service.sandbox.patients import SandboxPatient, load_patients

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENTS = load_patients(NOW)


def signed(patient: SandboxPatient) -> list[dict[str, Any]]:
    """The drafts of a demo patient as the orders they became; the order has been completed since."""
    return [
        {
            **order,
            "status": "completed",
            "intent": "order",
            "authoredOn": NOW.isoformat(),
            "requester": {"reference": f"Practitioner/{number % 2}"},
        }
        for number, order in enumerate(patient.draft_orders)
    ]


def write_lines(path: Path, resources: Sequence[Any]) -> None:
    path.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in resources))


@pytest.fixture(scope="session")
def check() -> OrderCheck:
    return Clinical().order_check


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """One Bundle for the first half of the patients, Bulk Data files for the second."""
    folder = tmp_path / "history"
    folder.mkdir()
    half = len(PATIENTS) // 2
    for patient in PATIENTS[:half]:
        entries = [{"resource": one} for one in (*patient.resources, *signed(patient))]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        (folder / f"{patient.id}.json").write_bytes(orjson.dumps(bundle))
    by_type: dict[str, list[Any]] = {}
    for patient in PATIENTS[half:]:
        for one in (*patient.resources, *signed(patient)):
            by_type.setdefault(one["resourceType"], []).append(one)
    for kind, resources in by_type.items():
        write_lines(folder / f"{kind}.000.ndjson", resources)
    return folder
