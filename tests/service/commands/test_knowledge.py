"""`lencds knowledge`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_hooks.cases.case import load_cases
from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, load_knowledge
from service.commands.knowledge import knowledge

KNOWLEDGE = load_knowledge()


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(knowledge, arguments, env={"COLUMNS": "160", "LENCDS_KNOWLEDGE": "", **environ})


def test_topics_and_figures_are_shown() -> None:
    output = run().output
    assert "hepatotoxicity" in output
    assert "critical severe" in output
    assert "transaminaseCritical" in output
    assert f"{KNOWLEDGE.unverified} figures and table rows are not yet verified" in output


def test_what_waits_for_a_check_comes_first() -> None:
    output = run("--figures").output
    assert "Topics of the order check" not in output
    assert output.index("mdsEarlyDays") < output.index("transaminaseCritical")


def test_only_what_waits_for_a_check() -> None:
    output = run("--unverified").output
    assert "mdsEarlyDays" in output
    assert "transaminaseCritical" not in output


def test_everything_as_json() -> None:
    content = json.loads(run("--json").output)
    assert content["knowledge"] == KNOWLEDGE.hash
    assert content["topics"].keys() == KNOWLEDGE.topics.keys()
    assert {one["key"] for one in content["numbers"]} >= KNOWLEDGE.figures.keys()


def test_coverage() -> None:
    output = run("--coverage").output
    assert "S-41" in output
    assert "of 74 statements are covered." in output
    rows = json.loads(run("--coverage", "--json").output)
    assert [row["key"] for row in rows] == sorted(KNOWLEDGE.statements)
    assert "hepatotoxicity" in next(row["topics"] for row in rows if row["key"] == "S-41")


def test_coverage_as_markdown() -> None:
    output = run("--coverage", "--markdown").output
    assert output.startswith("# Coverage of the label\n")
    assert output.count("\n| S-") == 74


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("warfarin", "11289"),
        ("multipleMyeloma", "C90.0"),
        ("alt", "1742-6"),
        ("anticoagulant", "apixaban"),
    ],
)
def test_codes_of_drugs_sets_analytes_and_classes(name: str, shown: str) -> None:
    assert shown in run("--codes", name).output
    assert any(row["code"].startswith(shown) for row in json.loads(run("--codes", name, "--json").output))


def test_a_name_nobody_knows() -> None:
    result = run("--codes", "warfarn")
    assert result.exit_code == 2
    assert "Did you mean warfarin" in result.output


@pytest.mark.parametrize("name", ["cases.html", "cases.md"])
def test_cases_are_written(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [case for case in load_cases() if case.subject == "liver"]
    monkeypatch.setattr("service.commands.knowledge.load_cases", lambda: some)
    result = run("--cases", str(tmp_path / name))
    assert f"{len(some)} cases written to {tmp_path / name}" in result.output
    assert "ALT just above three times" in (tmp_path / name).read_text("utf-8")


def test_cases_need_a_known_ending(tmp_path: Path) -> None:
    assert run("--cases", str(tmp_path / "cases.pdf")).exit_code == 2


def test_markdown_goes_with_coverage() -> None:
    assert run("--markdown").exit_code == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "knowledge"
    shutil.copytree(KNOWLEDGE_FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = folder / "figures" / "liver.yaml"
    file.write_text(file.read_text("utf-8").replace("value: 5\n", "value: 6\n", 1), "utf-8")
    return folder


def test_another_folder(folder: Path) -> None:
    for result in (run("--json", "--folder", str(folder)), run("--json", LENCDS_KNOWLEDGE=str(folder))):
        rows = {row["key"]: row["limit"] for row in json.loads(result.output)["numbers"]}
        assert rows["transaminaseCritical"] == "> 6 × ULN"


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("documents: 1\n")
    result = run("--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "the knowledge cannot be used: sources.yaml:1: Expected `object`" in result.output
