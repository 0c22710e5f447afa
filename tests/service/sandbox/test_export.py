"""The demo patients as a Bundle for another server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fhir.resources.R4B.bundle import Bundle

from service.cli import lencds
from service.sandbox.patients import load_patients

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def exported(*options: str) -> dict[str, Any]:
    result = CliRunner().invoke(lencds, ["sandbox", "--export", "-", *options])
    assert result.exit_code == 0, result.output
    bundle: dict[str, Any] = json.loads(result.output)
    return bundle


def test_the_bundle_is_a_valid_transaction_with_everything_under_its_own_id() -> None:
    bundle = exported()
    Bundle.model_validate(bundle)
    expected = {
        f"{one['resourceType']}/{one['id']}"
        for one in chain.from_iterable(patient.resources for patient in load_patients(NOW))
    }
    assert bundle["type"] == "transaction"
    assert {entry["request"]["url"] for entry in bundle["entry"]} == expected
    assert len(bundle["entry"]) == len(expected)
    for entry in bundle["entry"]:
        assert entry["request"]["method"] == "PUT"
        assert entry["request"]["url"] == f"{entry['resource']['resourceType']}/{entry['resource']['id']}"


def test_nothing_in_it_refers_to_what_is_not_in_it() -> None:
    """Servers that check references would refuse the whole transaction."""
    bundle = exported()
    there = {entry["request"]["url"] for entry in bundle["entry"]}

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert {one for one in references(bundle) if not one.startswith("#")} <= there


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_the_type_can_be_chosen(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "patients.json"
    result = CliRunner().invoke(lencds, ["sandbox", "--bundle", kind, "--export", str(file)])
    assert (result.exit_code, result.output) == (0, "")
    assert json.loads(file.read_text(encoding="utf-8"))["type"] == kind
