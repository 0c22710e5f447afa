"""Loading is strict: a slip of the pen names file and line instead of making a case weaker."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.cases.case import Case, load_base_charts, load_cases
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.yaml_document import KnowledgeError

BASE = """\
charts:
  quiet:
    about: A man of 60.
    patient: {sex: male, age: 60}
    orders:
      - drug: lenalidomide
        strength: 25 mg
    medications:
      - dexamethasone, active order, 20 days ago
      - aspirin, active statement
    conditions:
      - multipleMyeloma, active, 400 days ago
    labs:
      alt: 22 U/L, 2 days ago
      ast: 24 U/L, 2 days ago
  older:
    about: The same, older.
    based_on: quiet
    patient: {age: 80}
"""
CASE = """\
# liver
cases:
  - case: ALT is high
    based_on: quiet
    labs:
      alt: 121 U/L, today
    expect: {hepatotoxicity: warning}
"""


def load(folder: Path, cases: str, base: str = BASE, **others: str) -> tuple[Case, ...]:
    (folder / "base_charts.yaml").write_text(base, encoding="utf-8")
    (folder / "liver.yaml").write_text(cases, encoding="utf-8")
    for name, text in others.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_cases(folder)


def test_a_case_lies_on_top_of_its_base_chart(tmp_path: Path) -> None:
    (case,) = load(tmp_path, CASE.replace("quiet", "older"))
    assert (case.sentence, case.subject, str(case.place)) == ("ALT is high", "liver", "liver.yaml:3")
    assert case.expect == {"hepatotoxicity": Indicator.WARNING}
    assert (case.chart.patient.sex, case.chart.patient.age) == ("male", 80)
    assert {key: str(row) for key, (row,) in case.chart.labs.items()} == {
        "alt": "121 U/L, today",
        "ast": "24 U/L, 2 days ago",
    }
    assert [str(phrase.place) for phrase in case.chart.medications] == ["base_charts.yaml:9", "base_charts.yaml:10"]


def test_lists_add_orders_replace_and_without_takes_out(tmp_path: Path) -> None:
    text = CASE + (
        "    without: [ast, dexamethasone]\n"
        "    orders: [{drug: lenalidomide, strength: 10 mg}]\n"
        "    medications: ['warfarin, active order']\n"
    )
    chart = load(tmp_path, text)[0].chart
    assert [draft.lines.strength for draft in chart.orders] == ["10 mg"]
    assert [str(phrase) for phrase in chart.medications] == ["aspirin, active statement", "warfarin, active order"]
    assert chart.labs.keys() == {"alt"}


def test_the_source_of_a_case_is_kept_as_written(tmp_path: Path) -> None:
    case, _ = load(
        tmp_path, CASE + "\n  # --- next group ---\n\n  - case: another\n    based_on: quiet\n    only: true\n"
    )
    assert case.source == "\n".join(CASE.splitlines()[2:])


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("expect:", "expects:", 7, "unknown field `expects`"),
        ("hepatotoxicity: warning", "hepatotoxicity: serious", 7, "Invalid enum value 'serious'"),
        ("    expect: {hepatotoxicity: warning}\n", "", 3, "a case expects something"),
        ("warning}", "warning}\n    silent: [hepatotoxicity]", 3, "both expected and silent"),
        ("warning}", "warning}\n    says: {neutropenia: ANC}", 3, "says what neutropenia says without expecting it"),
        ("warning}", "warning}\n    says_not: {neutropenia: x}", 3, "says what neutropenia says without expecting it"),
        ("based_on: quiet", "based_on: loud", 4, "no base chart 'loud' before this; there are: quiet, older"),
        ("121 U/L, today", "121 U/L", 6, "does not say when"),
        ("121 U/L, today", "[121 U/L, today]", 6, "does not say when"),
        ("labs:", "without: [weight]\n    labs:", 5, "there is no 'weight' in the base chart to go without"),
        ("based_on: quiet", "only: true", 3, "needs at least one order"),
        ("labs:", "patient: {sex: boy}\n    labs:", 5, "Invalid enum value 'boy'"),
        ("labs:", "patient: {age: 60, birth_date: 1960}\n    labs:", 5, "Expected `str`"),
        ("labs:", "patient: {age: 60, birth_date: '1960'}\n    labs:", 5, "give age or birth_date, not both"),
        ("labs:", "orders: [{strength: 25 mg}]\n    labs:", 5, "exactly one of drug, code and text"),
        ("labs:", "orders: [{drug: lenalidomide, dose: 25}]\n    labs:", 5, "Expected `str`, got `int`"),
        ("labs:", "orders: [{drug: lenalidomide, dose: much}]\n    labs:", 5, "'much' is not an amount"),
        ("labs:", "orders: [{drug: lenalidomide, every: other day}]\n    labs:", 5, "'other day' is not an interval"),
        ("labs:", "orders: [{drug: lenalidomide, days_on: 21}]\n    labs:", 5, "Expected `str`"),
        ("labs:", "orders: [{drug: lenalidomide, days_on: '21'}]\n    labs:", 5, 'not like "1-21 of 28"'),
        ("labs:", "orders: [{drug: lenalidomide, sig: x, continuous: true}]\n    labs:", 5, "one of the three"),
        ("labs:", "medications:\n      - warfarin, active order\n      - digoxin\n    labs:", 7, "what kind of record"),
        ("      alt:", "      alt: 9 U/L, today\n      alt:", 7, "key 'alt' stands twice"),
        ("cases:", "case:", 2, "must hold a list under 'cases'"),
    ],
)
def test_a_mistake_in_a_case_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, problem: str
) -> None:
    assert old in CASE
    with pytest.raises(KnowledgeError) as caught:
        load(tmp_path, CASE.replace(old, new, 1))
    assert problem in str(caught.value)
    assert (caught.value.file, caught.value.line) == ("liver.yaml", line)


def test_the_same_sentence_in_two_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"liver\.yaml:3: the same sentence stands at blood\.yaml:3"):
        load(tmp_path, CASE, blood=CASE)


def test_a_mistake_in_a_base_chart_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"base_charts\.yaml:12: 'multipleMyeloma, activ, 400 days ago'"):
        load(tmp_path, CASE, BASE.replace("Myeloma, active", "Myeloma, activ"))


def test_base_charts_say_who_the_patient_is() -> None:
    assert all(base.about.endswith(".") for base in load_base_charts().values())
