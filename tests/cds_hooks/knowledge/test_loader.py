"""Knowledge that is not exactly right does not load, and the message names file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, KnowledgeError, load_knowledge
from service.clinical import Clinical
from service.config import Settings
from tests.cds_hooks.knowledge.smallest import FILES, write

SOURCE = 'source: {document: label, section: "2.1"}\n'
BANDS = FILES["regimens.yaml"][: FILES["regimens.yaml"].index("profiles:")]

F, T = "figures/counts.yaml", "topics/counts.yaml"
R, S = "regimens.yaml", "statements.yaml"
REFUSALS = {
    # what is wrong: file, text there, text instead, what stands on the line to be named, what the message says
    "unknown key of a figure": (F, "strength: label", "strenght: label", "strenght", "unknown field `strenght`"),
    "unknown key of a topic": (T, "title: Neutropenia", "tittle: Neutropenia", "tittle", "unknown field `tittle`"),
    "unknown key of a profile": (R, "days_on: 21", "days_of: 21", "days_of", "unknown field `days_of`"),
    "unknown key of a file": ("sources.yaml", "documents:", "document:", "document:", "unknown field `document`"),
    "number as text": (F, "value: 1.0", 'value: "1.0"', "value:", "Expected `float`, got `str`"),
    "no is not false": (F, "verified: false", "verified: no", "verified:", "Expected `bool`"),
    "unknown operator": (F, 'operator: "<"', 'operator: "=<"', "operator:", "Invalid enum value '=<'"),
    "half a day": (R, "days_on: 21", "days_on: 21.5", "days_on: 21.5", "Expected `int`, got `float`"),
    "unknown indicator": (T, "indicator: critical", "indicator: urgent", "urgent", "Invalid enum value 'urgent'"),
    "figure without source": (F, f"    {SOURCE}", "", "ancHold", "missing required field `source`"),
    "source without section": (F, ', section: "2.1"', "", "source:", "missing required field `section`"),
    "unknown document": (F, "document: label", "document: lable", "lable", "'lable' is not in sources.yaml"),
    "address without scheme": ("sources.yaml", "https://label", "label", "label.example", "matching regex"),
    "code twice in a list": ("drugs/first.yaml", '"643720"', '"342369"', "5 MG", "'342369' stands twice under RxNorm"),
    "drug in two files": (
        "drugs/second.yaml", "  warfarin:", "  lenalidomide:", "lenalidomide:",
        "'lenalidomide' stands twice, first in drugs/first.yaml:2",
    ),
    "figure in two files": (
        "figures/liver.yaml", "transaminase:", "ancHold:", "ancHold",
        "'ancHold' stands twice, first in figures/counts.yaml:2",
    ),
    "topic in two files": (
        "topics/liver.yaml", "hepatotoxicity:", "neutropenia:", "neutropenia",
        "'neutropenia' stands twice, first in topics/counts.yaml:2",
    ),
    "key twice": (F, "    unit: 10*9/L\n", "    unit: 10*9/L\n    unit: /uL\n", "unit: /uL", "key 'unit' stands twice"),
    "anchor": (
        T, "statements: []", "statements: &none []\n    suppresses: *none", "&none", "anchors and aliases",
    ),
    "topic code with a space": (T, "  bloodCount:", "  blood count:", "blood count:", "matching regex"),
    "unknown drug class": ("drugs/first.yaml", "[analogue]", "[analog]", "lenalidomide:", "'analog' is not defined"),
    "bands overlap": (R, "high: 60", "high: 61", "full:", "does not begin where band 'reduced' ends"),
    "gap between bands": (R, "high: 60", "high: 59", "full:", "does not begin where band 'reduced' ends"),
    "no band for the lowest": (R, "below 60,", "below 60, low: 0,", "bands:", "must cover every creatinine clearance"),
    "no bands": (R, BANDS, "bands: {}\n", "bands:", "must cover every creatinine clearance"),
    "no dose on dialysis": (
        R, "      dialysis: {average", "#", "doses:", "needs one dose for each band and one for dialysis",
    ),
    "unknown code set": (R, "[multipleMyeloma]", "[myeloma]", "[myeloma]", "code set 'myeloma' does not exist"),
    "schedule with a gap": (R, "from_day: 56", "from_day: 57", "from_day: 57", "overlaps or leaves a gap"),
    "schedule that overlaps": (R, "from_day: 56", "from_day: 55", "from_day: 55", "overlaps or leaves a gap"),
    "schedule that begins late": (R, "from_day: 0,", "from_day: 1,", "from_day: 1,", "overlaps or leaves a gap"),
    "schedule row without days": (R, "to_day: 56", "to_day: 0", "to_day: 0", "ends before it begins"),
    "schedule that ends": (
        R, "from_day: 56,", "from_day: 56, to_day: 99,", "count_schedule:", "the last row must be open-ended",
    ),
    "gap in score classes": ("scores.yaml", "low: 2", "low: 3", "low: 3", "does not begin where class 'low' ends"),
    "no canonical unit": ("units.yaml", "canonical: mg/dL", "canonical: mg/L", "mass:", "has no row with factor 1"),
    "canonical unit with factor": ("units.yaml", "factor: 1,", "factor: 2,", "mass:", "has no row with factor 1"),
    "spelling of two units": ("units.yaml", "[g/l]", "[mg/dL]", "ucum: g/L", "spelling 'mg/dL' stands twice"),
    "factor of zero": ("units.yaml", "factor: 100", "factor: 0", "factor: 0", "Expected `float` > 0"),
    "unknown unit group": ("analytes.yaml", "units: mass", "units: volume", "creatinine:", "is not in units.yaml"),
    "suppresses unknown topic": (
        T, "suppresses: [bloodCount]", "suppresses: [blood]", "neutropenia:", "suppresses 'blood', which is",
    ),
    "wording suppresses unknown topic": (
        T, "indicator: critical", "indicator: critical\n        suppresses: [blood]", "neutropenia:",
        "suppresses 'blood', which is not a topic",
    ),
    "unknown override reason": (T, "[trial]", "[trail]", "neutropenia:", "offers override reason 'trail'"),
    "guidance without address": (
        T, "guidance: {document: label", "guidance: {document: design", "neutropenia:", "guidance that has an address",
    ),
    "placeholder with a format": (T, '"ANC {value}"', '"ANC {value:.1f}"', "neutropenia:", "is not a plain name"),
    "placeholder without name": (T, '"ANC {value}"', '"ANC {}"', "neutropenia:", "is not a plain name"),
    "placeholder not closed": (T, '"ANC {value}"', '"ANC {value"', "neutropenia:", "wording of neutropenia.hold"),
    "odd number of a statement": (S, "  S-02:", "  S-2:", "S-2:", "matching regex"),
    "topic with unknown statement": (T, "[S-01]", "[S-99]", "S-99", "'S-99' is not in statements.yaml"),
    "figure with unknown statement": (F, "[S-01]", "[S-98]", "S-98", "'S-98' is not in statements.yaml"),
    "line with unknown statement": ("counselling.yaml", "[S-02]", "[S-97]", "S-97", "'S-97' is not in statements.yaml"),
    "statement told by no topic": (S, "topic: hepatotoxicity", "topic: liver", "basis:", "'liver' is not a topic"),
}  # fmt: skip


def test_the_smallest_knowledge_loads(tmp_path: Path) -> None:
    knowledge = load_knowledge(write(tmp_path))
    assert knowledge.locations["figures.ancHold"] == "figures/counts.yaml:2"
    assert knowledge.profiles["mm"].doses["reduced"].single_mg == 10


@pytest.mark.parametrize("wrong", REFUSALS)
def test_a_refusal_names_file_and_line(tmp_path: Path, wrong: str) -> None:
    file, old, new, at, problem = REFUSALS[wrong]
    assert old in FILES[file]
    text = FILES[file].replace(old, new, 1)
    line = next(number for number, content in enumerate(text.splitlines(), start=1) if at in content)
    with pytest.raises(KnowledgeError) as caught:
        load_knowledge(write(tmp_path, {**FILES, file: text}))
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", [name for name in FILES if "/" not in name])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(KnowledgeError, match=f"^{name}: is missing$"):
        load_knowledge(write(tmp_path, {file: text for file, text in FILES.items() if file != name}))


@pytest.mark.parametrize("name", ["figure/counts.yaml", "sources2.yaml", "topics.yaml"])
def test_a_file_nobody_reads_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(KnowledgeError, match=f"^{name}: is not a file the knowledge has a place for$"):
        load_knowledge(write(tmp_path, {**FILES, name: "figures: {}\n"}))


def test_a_folder_without_knowledge_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="holds no YAML files"):
        load_knowledge(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_the_hash_changes_with_any_file(tmp_path: Path, name: str) -> None:
    before = load_knowledge(write(tmp_path)).hash
    assert load_knowledge(tmp_path).hash == before
    with (tmp_path / name).open("a") as file:
        file.write("# a remark\n")
    assert load_knowledge(tmp_path).hash != before


def test_the_hash_changes_with_the_name_of_a_file(tmp_path: Path) -> None:
    before = load_knowledge(write(tmp_path)).hash
    (tmp_path / "figures/liver.yaml").rename(tmp_path / "figures/livers.yaml")
    assert load_knowledge(tmp_path).hash != before


def test_what_is_not_verified_is_counted(tmp_path: Path) -> None:
    assert load_knowledge(write(tmp_path)).unverified == 3
    checked = {name: text.replace("verified: false", "verified: true") for name, text in FILES.items()}
    assert load_knowledge(write(tmp_path, checked)).unverified == 0


def test_a_code_that_is_not_verified_is_no_figure(tmp_path: Path) -> None:
    text = FILES["drugs/second.yaml"].replace("source: test", "source: test, verified: false")
    assert load_knowledge(write(tmp_path, {**FILES, "drugs/second.yaml": text})).unverified == 3


def test_another_folder_may_be_configured(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    shutil.copytree(KNOWLEDGE_FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with (folder / "figures" / "liver.yaml").open("a") as file:
        file.write("# checked by the pharmacy of St Elsewhere\n")
    settings = Settings.load({"LENCDS_KNOWLEDGE": str(folder)}, serving=False)
    clinical = Clinical(settings.knowledge)
    try:
        assert clinical.order_check.reader.knowledge.hash == load_knowledge(folder).hash != load_knowledge().hash
    finally:
        clinical.close()
