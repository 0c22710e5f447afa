"""What the tutorial does step by step comes out as it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER
from service.commands.check import check
from service.commands.local_server import served
from service.sandbox.patients import load_patients
from service.sandbox.server import create_sandbox
from tests.documentation.pages import ROOT, code, tokens

PAGE = "docs/tutorial.md"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TEXT = (ROOT / PAGE).read_text("utf-8")
REQUEST: dict[str, Any] = next(
    json.loads(token.content) for token in tokens(PAGE) if token.type == "fence" and '"draftOrders"' in token.content
)
PATIENTS = load_patients(NOW)


@pytest.fixture(scope="module")
def fhir_url() -> Iterator[str]:
    resources = chain.from_iterable(patient.resources for patient in PATIENTS)
    with served(create_sandbox(resources)) as url:
        yield f"{url}/fhir"


def run(folder: Path, fhir_url: str, request: dict[str, Any], *options: str) -> str:
    file = folder / "request.json"
    file.write_text(json.dumps(request | {"fhirServer": fhir_url}), "utf-8")
    result = CliRunner().invoke(check, [str(file), "--at", NOW.isoformat(), *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_order_gets_the_cards_that_are_shown(tmp_path: Path, fhir_url: str) -> None:
    cards = json.loads(run(tmp_path, fhir_url, REQUEST, "--json"))["cards"]
    assert [card["source"]["topic"]["code"] for card in cards] == ["renalDose", "counselling"]
    renal = cards[0]
    assert f'"summary": "{renal["summary"]}"' in TEXT
    assert f'"label": "{renal["source"]["label"]}"' in TEXT
    assert f'"label": "{renal["suggestions"][0]["label"]}"' in TEXT
    assert "doseTolerated" in [reason["code"] for reason in renal["overrideReasons"]]


def test_the_explanation_reads_as_shown(tmp_path: Path, fhir_url: str) -> None:
    output = run(tmp_path, fhir_url, REQUEST, "--explain")
    for line in (
        "fired           renalDose  aboveTableSevere",
        "passed          neutropenia  not below any limit",
        "not applicable  pregnancyTestRequired  not of reproductive potential: age 75",
        "not applicable  warfarinMonitoring  no warfarin in use",
    ):
        assert line in output
        assert line in TEXT


def test_another_drug_gets_no_card(tmp_path: Path, fhir_url: str) -> None:
    other = json.loads(
        json.dumps(REQUEST).replace("643720", "308191").replace("lenalidomide 25 MG", "amoxicillin 500 MG")
    )
    assert json.loads(run(tmp_path, fhir_url, other, "--json"))["cards"] == []


def test_the_other_threshold_has_the_effect_that_is_shown(tmp_path: Path, fhir_url: str) -> None:
    folder = tmp_path / "my-knowledge"
    shutil.copytree(KNOWLEDGE_FOLDER, folder)
    file = folder / "figures" / "renal.yaml"
    before = "\n".join(
        (
            "  creatinineFirstOrderDays:",
            "    meaning: creatinine wanted within so many days at a first order",
            "    value: ",
        )
    )
    text = file.read_text("utf-8")
    assert f"figures:\n{before}14\n" in text
    assert f"{before}2\n" in TEXT
    file.write_text(text.replace(f"{before}14", f"{before}2"), "utf-8")
    output = run(tmp_path, fhir_url, REQUEST, "--knowledge", str(folder))
    shown = "Not current: creatinine 3 days old. Last known CrCl 29.3 mL/min, label"
    assert shown in output
    assert shown in TEXT
    assert "CRITICAL" not in output


def test_patients_and_addresses_are_those_of_the_sandbox() -> None:
    assert f"{len(PATIENTS)} invented patients" in TEXT
    assert "**Walter Lindqvist**" in TEXT
    assert next(one for one in PATIENTS if one.name == "Walter Lindqvist").id == REQUEST["context"]["patientId"]
    assert all("8090" not in piece or "8090/fhir" in piece for piece in code(PAGE))
