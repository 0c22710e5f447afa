"""`lencds backtest` reads a folder, judges its orders and tells the numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER
from service.cli import lencds
from tests.service.backtest.conftest import PATIENTS, history

__all__ = ["history"]


def backtest(*arguments: str) -> Result:
    return CliRunner().invoke(lencds, ["backtest", *arguments])


def numbers(*arguments: str) -> dict[str, Any]:
    result = backtest(*arguments, "--json", "--workers", "1")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_a_changed_threshold_shows_what_it_would_change(history: Path, tmp_path: Path) -> None:
    edited = tmp_path / "knowledge"
    shutil.copytree(KNOWLEDGE_FOLDER, edited)
    counts = edited / "figures" / "liver.yaml"
    text = counts.read_text("utf-8")
    assert "value: 5" in text
    counts.write_text(text.replace("value: 5", "value: 5000", 1), "utf-8")
    page, table = tmp_path / "report.html", tmp_path / "rows.parquet"
    told = numbers(str(history), "--against", str(edited), "--html", str(page), "--parquet", str(table))
    assert told["orders"] >= sum(len(patient.draft_orders) for patient in PATIENTS)
    assert told["unreadable"] == {}
    liver = next(row for row in told["topics"] if row["topic"] == "hepatotoxicity")
    assert liver["cards"] > 0
    assert liver["removed"] + liver["changed"] > 0
    assert told["changedSignings"] > 0
    html = page.read_text("utf-8")
    assert "hepatotoxicity" in html
    assert html.count("<svg") == 3
    assert not any(patient.name in html or f"{patient.id}" in html.replace(str(history), "") for patient in PATIENTS)
    assert table.stat().st_size > 0


def test_the_terminal_tells_topics_burden_and_what_could_not_be_read(history: Path) -> None:
    (history / "broken.ndjson").write_text("{\n", "utf-8")
    shown = backtest(str(history), "--workers", "1")
    assert shown.exit_code == 0
    assert "Cards by topic" in shown.output
    assert "per 100" in shown.output
    assert "A clinician got" in shown.output
    assert "broken.ndjson" in shown.output


def test_an_empty_folder_and_a_missing_work_folder_are_explained(tmp_path: Path) -> None:
    empty = backtest(str(tmp_path))
    assert empty.exit_code == 1
    assert "holds no" in empty.output
    (tmp_path / "a.json").write_text("{}")
    assert "--work-folder" in backtest(str(tmp_path), "--scheduler", "tcp://127.0.0.1:1").output


def test_knowledge_that_cannot_be_used_is_explained_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    refused = backtest(str(tmp_path), "--folder", str(tmp_path))
    assert refused.exit_code == 1
    assert "the knowledge cannot be used" in refused.output


@pytest.mark.parametrize("option", ["--against", "--html", "--parquet", "--workers", "--scheduler"])
def test_the_help_names_every_option(option: str) -> None:
    assert option in backtest("--help").output
