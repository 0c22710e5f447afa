"""Units: every spelling the terminology lists, the traps, and UCUM itself as an oracle where it applies."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cds_hooks.knowledge
from cds_hooks.chart.units import Unit, UnitProblem, UnitTable, spelling_key
from cds_hooks.knowledge.terminology import UnitFile, UnitGroup, UnitSpelling
from cds_hooks.knowledge.yaml_document import read_yaml

UCUM = "http://unitsofmeasure.org"
FOLDER = Path(cds_hooks.knowledge.__file__).parent
GROUPS = msgspec.convert(read_yaml(FOLDER / "units.yaml", "units.yaml").content, UnitFile).groups
TABLE = UnitTable(GROUPS)
ROWS = [(group, row) for group, content in GROUPS.items() for row in content.units]
SPELLINGS = [(group, row, text) for group, row in ROWS for text in (row.ucum, *row.aliases, *row.other_spellings)]
VALUES = st.floats(min_value=0, max_value=1e6, allow_nan=False)


def convert(value: float, unit: str, group: str) -> float | None:
    return TABLE.convert(value, unit, None, None, group)


# --- what EHRs send (terminology reference, section 3) ------------------------------------------------------------

SEEN = [
    ("cellCount", 1, "K/uL | k/uL"),
    ("cellCount", 1, "x10E3/uL|10E3/uL|x10^3/uL|X10(3)/MCL|10^3/mcL|thou/uL|thou/mcL|THOUS/MCL|10^3/uL"),
    ("cellCount", 1, "10^9/L|x10^9/L|x10(9)/L|10e9/L|Giga/L|G/L|10*9/L|10*3/uL"),
    ("cellCount", 0.001, "#/uL|/uL|cells/uL|{cells}/uL|/mm3|cells/mm3|#/CU MM|/cumm"),
    ("cellCount", 1, "K/cumm|K/mm3|THO/uL"),
    ("creatinine", 1, "mg/dl|MG/DL|mg/dL"),
    ("creatinine", 1 / 88.4, "umol/l|\u00b5mol/L|\u03bcmol/L|mcmol/L|umol/L"),
    ("bilirubin", 1 / 17.1, "umol/l|\u00b5mol/L|\u03bcmol/L|mcmol/L|umol/L"),
    ("urate", 1 / 59.48, "umol/l|\u00b5mol/L|\u03bcmol/L|mcmol/L|umol/L"),
    ("enzymeActivity", 1, "U/L|IU/L|UNIT/L|units/L|[iU]/L"),
    ("enzymeActivity", 60, "ukat/L|\u00b5kat/L|ukat/l"),
    ("tsh", 1, "uIU/mL|\u00b5IU/mL|uU/mL|uU/ML|mcIU/mL|mIU/L|mU/L|milliunits/L|m[iU]/L|u[iU]/mL"),
    ("hcg", 1, "mIU/mL|IU/L|U/L|mU/mL|m[iU]/mL|[iU]/L"),
    ("digoxin", 1, "ng/ml|NG/ML|nG/mL|mcg/L|ug/L|ng/mL"),
    ("hemoglobin", 1, "g/dl|GM/DL|gm/dL|g/dL"),
    ("albumin", 0.1, "g/L"),
    ("potassium", 1, "mEq/L|MEQ/L|mmol/L|meq/L"),
    ("inr", 1, "Ratio|RATIO|INR|{ratio}|None|{INR}"),
    ("bodyWeight", 0.45359237, "lb|lbs|LB|[lb_av]"),
    ("bodyHeight", 2.54, "in|inch|Inch|inches|[in_i]"),
    ("bodyMassIndex", 1, "kg/m^2|kg/m\u00b2|kg/m2"),
]


@pytest.mark.parametrize(
    ("group", "factor", "unit"), [(g, f, unit.strip()) for g, f, units in SEEN for unit in units.split("|")]
)
def test_spellings_seen_in_the_field(group: str, factor: float, unit: str) -> None:
    assert convert(7.0, unit, group) == pytest.approx(7.0 * factor, abs=1e-9)
    assert TABLE.convert(7.0, None, unit, UCUM, group) == pytest.approx(7.0 * factor, abs=1e-9)


@pytest.mark.parametrize("spelling", ["(empty)", ""])
def test_inr_may_come_without_a_unit(spelling: str) -> None:
    unit = "" if spelling == "(empty)" else spelling
    assert TABLE.convert(2.5, unit, "", "", "inr") == 2.5
    assert TABLE.convert(2.5, None, None, None, "inr") == 2.5
    assert TABLE.resolve(None, None, None, "cellCount") is UnitProblem.MISSING


@pytest.mark.parametrize(
    ("unit", "group"),
    [
        ("m/uL", "cellCount"),  # millions: red cells
        ("10*6/uL", "cellCount"),
        ("g/L", "cellCount"),  # G/L is giga per litre, g/L is not
        ("%", "cellCount"),
        ("10*9/L", "creatinine"),
        ("mL/min/1.73m2", "creatinine"),
        ("mL/min/1.73.m2", "creatinine"),
        ("mL/min", "creatinine"),
        ("mEq/L", "calcium"),
        ("MEQ/L", "calcium"),
        ("meq/L", "phosphate"),
        ("mIU/mL", "tsh"),  # a thousand times mIU/L
        ("ng/dl", "tsh"),
        ("ng/mL", "hcg"),
        ("mIU/L", "hcg"),
        ("U/L", "tsh"),
        ("ng/dL", "digoxin"),
        ("sec", "inr"),
        ("1", "percent"),
        ("K", "temperature"),
        ("cm", "bodyWeight"),
        ("kg", "bodyHeight"),
        ("ug/dL", "digoxin"),
        ("stone", "bodyWeight"),
        ("bananas", "cellCount"),
        ("{cells}", "cellCount"),
        ("x" * 500, "cellCount"),
    ],
)
def test_wrong_dimensions_and_strangers_never_convert(unit: str, group: str) -> None:
    assert TABLE.resolve(unit, None, None, group) is UnitProblem.UNKNOWN
    assert TABLE.resolve(None, unit, UCUM, group) is UnitProblem.UNKNOWN
    assert TABLE.resolve(unit, unit, UCUM, group) is UnitProblem.UNKNOWN
    assert convert(1.0, unit, group) is None


@pytest.mark.parametrize(
    ("value", "unit", "group", "expected"),
    [
        (176.8, "umol/L", "creatinine", 2.0),  # G16
        (88.4, "\u00b5mol/L", "creatinine", 1.0),
        (10.0, "mg/L", "creatinine", 1.0),
        (999, "/uL", "cellCount", 0.999),
        (1000, "/uL", "cellCount", 1.0),
        (29_999, "/mm3", "cellCount", 29.999),
        (30_000, "/mm3", "cellCount", 30.0),
        (101.3, "[degF]", "temperature", 38.5),
        (98.6, "\u00b0F", "temperature", 37.0),
        (38.5, "\u2103", "temperature", 38.5),
        (32, "F", "temperature", 0.0),
        (2.0, "nmol/L", "digoxin", 2.0 / 1.281),
        (2.5, "mmol/L", "calcium", 2.5 / 0.2495),
        (1.0, "mmol/L", "phosphate", 1 / 0.3229),
        (0.476, "mmol/L", "urate", 476 / 59.48),
        (1.0, "ukat/L", "enzymeActivity", 60.0),
        (160, "oz", "bodyWeight", 4.5359237),
        (72_000, "g", "bodyWeight", 72.0),
        (1.75, "m", "bodyHeight", 175.0),
        (5.0, "mIU/mL", "hcg", 5.0),
        (8.0, "mmol/L", "hemoglobin", 12.8916),
        (1500, "10*6/L", "cellCount", 1.5),
        (1.5, "/nL", "cellCount", 1.5),
    ],
)
def test_conversions(value: float, unit: str, group: str, expected: float) -> None:
    assert convert(value, unit, group) == pytest.approx(expected, abs=1e-9)


def test_thresholds_are_not_blurred_by_binary_noise() -> None:
    assert convert(101.3, "[degF]", "temperature") == 38.5
    assert all(convert(count, "/uL", "cellCount") == count / 1000 for count in range(0, 60_000, 7))


# --- unit beside code ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "code", "system", "group", "expected"),
    [
        ("K/uL", "K/uL", UCUM, "cellCount", 1.0),  # claims to be kelvin per microlitre
        ("K/uL", "10*3/uL", UCUM, "cellCount", 1.0),
        ("10*9/L", "10*3/uL", UCUM, "cellCount", 1.0),
        ("thousand per microliter", "10*3/uL", UCUM, "cellCount", 1.0),
        ("K/uL", "whatever", UCUM, "cellCount", 1.0),
        ("mg/dL", "258797006", "http://snomed.info/sct", "creatinine", 1.0),
        ("mg/dL", "umol/L", "http://local.example/units", "creatinine", 1.0),  # foreign code: the text says it
        ("", "mg/dL", "http://local.example/units", "creatinine", 1.0),
        ("mg/dL", "g", "http://local.example/units", "creatinine", 1.0),
        ("", "mg/dL", "urn:oid:2.16.840.1.113883.6.8", "creatinine", 1.0),
        ("", "mg/dL", "", "creatinine", 1.0),
        ("ng/mL", "ug/L", UCUM, "digoxin", 1.0),
        ("/uL", "10*3/uL", UCUM, "cellCount", UnitProblem.CONFLICTING),
        ("umol/L", "mg/dL", UCUM, "creatinine", UnitProblem.CONFLICTING),
        ("g/L", "10*9/L", UCUM, "cellCount", UnitProblem.CONFLICTING),
        ("m/uL", "10*3/uL", UCUM, "cellCount", UnitProblem.CONFLICTING),
        ("mEq/L", "mg/dL", UCUM, "calcium", UnitProblem.CONFLICTING),
        ("mIU/mL", "m[iU]/L", UCUM, "tsh", UnitProblem.CONFLICTING),
        ("mL/min/1.73m2", "mg/dL", UCUM, "creatinine", UnitProblem.CONFLICTING),
        ("mg/dL", "mmol/L", UCUM, "creatinine", UnitProblem.CONFLICTING),
        ("K/uL", "mg/dL", None, "cellCount", UnitProblem.CONFLICTING),
        ("%", "1", UCUM, "percent", UnitProblem.CONFLICTING),
        ("fancy", "words", UCUM, "cellCount", UnitProblem.UNKNOWN),
        (None, None, None, "cellCount", UnitProblem.MISSING),
        (" ", "\u200b", UCUM, "cellCount", UnitProblem.MISSING),
        (5, ["x"], {}, "cellCount", UnitProblem.MISSING),
    ],
)
def test_unit_and_code(unit: Any, code: Any, system: Any, group: str, expected: float | UnitProblem) -> None:
    answer = TABLE.resolve(unit, code, system, group)
    assert (answer.to_canonical(1.0) if isinstance(answer, Unit) else answer) == expected
    assert TABLE.resolve(unit, code, system, group) == answer  # asked again, from memory


# --- spelling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "same_as"),
    [
        ("10\u00b3/\u00b5L", "10^3/uL"),
        ("\u00d710\u00b3/\u03bcL", "x10^3/uL"),
        ("10\u2079/L", "10^9/L"),
        ("10\u2076/L", "10^6/L"),
        ("K / uL", "K/uL"),
        ("\u2103", "\u00b0C"),
        ("\u00ba C", "\u00b0C"),
        ("\u02daF", "\u00b0F"),
        ("\uff05", "%"),
        ("mg\u2044dL", "mg/dL"),
        ("mg/\u200bdL", "mg/dL"),
        ("kg/m\u00b2", "kg/m^2"),
    ],
)
def test_lookalikes(spelling: str, same_as: str) -> None:
    assert spelling_key(spelling) == spelling_key(same_as)


def test_case_is_kept() -> None:
    assert spelling_key("G/L") != spelling_key("g/L")
    assert convert(1.0, "M/UL", "cellCount") is None


@given(st.sampled_from(SPELLINGS), VALUES, st.data())
def test_spaces_and_mu_variants_do_not_matter(row: tuple[str, UnitSpelling, str], value: float, data: Any) -> None:
    group, unit, text = row
    spaced = "".join(char + data.draw(st.sampled_from(["", " ", "\u00a0", "\u200b"])) for char in text)
    swapped = spaced.translate({ord("\u00b5"): "\u03bc", ord("\u03bc"): "\u00b5"})
    expected = (value + unit.offset) * unit.factor / unit.divisor
    assert convert(value, swapped, group) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.sampled_from(ROWS), VALUES)
def test_round_trip(row: tuple[str, UnitSpelling], canonical: float) -> None:
    group, unit = row
    sent = canonical * unit.divisor / unit.factor - unit.offset
    assert convert(sent, unit.ucum, group) == pytest.approx(canonical, rel=1e-9, abs=2e-9)


@given(st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS), VALUES)
def test_two_spellings_either_agree_or_are_refused(
    one: tuple[str, UnitSpelling, str], other: tuple[str, UnitSpelling, str], value: float
) -> None:
    group, _, text = one
    both = TABLE.convert(value, text, other[2], UCUM, group)
    alone = convert(value, text, group)
    assert both is None or both == alone


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(sorted(GROUPS)))
def test_any_text_is_answered(unit: str, code: str, group: str) -> None:
    answer = TABLE.resolve(unit, code, UCUM, group)
    assert isinstance(answer, Unit | UnitProblem)


def test_memory_is_bounded() -> None:
    table = UnitTable(GROUPS)
    for number in range(5_000):
        table.resolve(f"unit {number}", None, None, "cellCount")
    assert len(table._answers) <= 2_000


# --- the files ----------------------------------------------------------------------------------------------------


def test_no_group_accepts_what_another_row_of_it_means_differently() -> None:
    for group, row, text in SPELLINGS:
        unit = TABLE.resolve(text, None, None, group)
        assert isinstance(unit, Unit), (group, text)
        assert math.isclose(unit.factor / unit.divisor, row.factor / row.divisor), (group, text)


def broken(**changes: Any) -> dict[str, UnitGroup]:
    row = UnitSpelling(ucum="mg/dL", factor=1, source="test")
    return {"group": UnitGroup(**{"canonical": "mg/dL", "units": (row,), **changes})}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"canonical": "g/dL"}, "has no row"),
        ({"units": (UnitSpelling(ucum="mg/dL", factor=2, source="test"),)}, "has no row"),
        ({"units": (UnitSpelling(ucum="mg/dL", factor=1, divisor=2, source="test"),)}, "has no row"),
        ({"refused": ("mg / dL",)}, "both accepted and refused"),
        (
            {
                "units": (
                    UnitSpelling(ucum="mg/dL", factor=1, source="test"),
                    UnitSpelling(ucum="g/dL", factor=1000, source="test", aliases=("mg / dL",)),
                )
            },
            "means two things",
        ),
    ],
)
def test_a_broken_group_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UnitTable(broken(**changes))


# --- UCUM as oracle -----------------------------------------------------------------------------------------------

ARBITRARY = ("[iU]", "INR")
SUBSTANCE_BY_MASS = {
    ("creatinine", "umol/L"), ("bilirubin", "umol/L"), ("urate", "umol/L"), ("urate", "mmol/L"),
    ("phosphate", "mmol/L"), ("calcium", "mmol/L"), ("digoxin", "nmol/L"), ("hemoglobin", "mmol/L"),
    ("potassium", "meq/L"),
}  # fmt: skip
"""Conversions UCUM cannot know, since they need a molar mass or a charge."""


@cache
def registry() -> Any:
    return pytest.importorskip("ucumvert").PintUcumRegistry()


@pytest.mark.parametrize(
    ("group", "row"),
    [(g, r) for g, r in ROWS if (g, r.ucum) not in SUBSTANCE_BY_MASS and not any(mark in r.ucum for mark in ARBITRARY)],
    ids=lambda item: item if isinstance(item, str) else item.ucum,
)
def test_ucum_agrees(group: str, row: UnitSpelling) -> None:
    ucum = registry()
    source, target = ucum.from_ucum(row.ucum).units, ucum.from_ucum(GROUPS[group].canonical).units
    expected = ucum.Quantity(41.5, source).to(target).magnitude
    assert convert(41.5, row.ucum, group) == pytest.approx(expected, rel=1e-6)


def test_the_traps_are_really_valid_ucum() -> None:
    """The reason the alias table goes first."""
    ucum = registry()
    assert ucum.from_ucum("K/uL").check("[temperature]/[length]**3")
    assert "gauss" in str(ucum.from_ucum("G/L").units)
    assert convert(1.0, "K/uL", "cellCount") == 1.0
    assert convert(1.0, "G/L", "cellCount") == 1.0
