"""Cockcroft-Gault: the vectors of the clinical specification, and what must hold for every patient."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.patient import PatientFacts, Sex
from cds_hooks.chart.renal import (
    Clearance,
    band_of,
    cockcroft_gault,
    compute_clearance,
    ideal_weight_kg,
    nearest,
)
from cds_hooks.chart.units import UnitTable
from cds_hooks.chart.when import parse_when
from cds_hooks.knowledge.loader import Knowledge, load_knowledge

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

ages = st.integers(18, 110)
weights = st.floats(30, 250)
creatinines = st.floats(0.2, 15)
sexes = st.booleans()


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


def result(analyte: str, value: float | None, *, when: str = "2026-03-01", **more: object) -> LabResult:
    return LabResult(analyte, f"Observation/{analyte}-{when}", parse_when(when), value, **more)  # type: ignore[arg-type]


def patient(*, age: int | None = 80, sex: Sex = Sex.MALE) -> PatientFacts:
    birth = parse_when(f"{NOW.year - age}-01-01") if age is not None else None
    return PatientFacts(birth, sex, "administrative gender", "Patient/1")


def clearance(value: float, comparator: str = "") -> Clearance:
    return Clearance(value, comparator, result("creatinine", 1.0), result("bodyWeight", 72.0), 80, female=False)


# --- vectors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vector", "age", "female", "weight", "creatinine", "expected", "band"),
    [
        ("G1", 60, False, 80, 1.2, 74.074074074, "full"),
        ("G2", 45, True, 65, 0.9, 80.999228395, "full"),
        ("G3", 50, False, 80, 1.0, 100.0, "full"),
        ("G4", 70, False, 75, 1.0, 72.916666667, "full"),
        ("G5", 80, False, 60, 1.0, 50.0, "reduced"),
        ("G6", 80, True, 60, 1.0, 42.5, "reduced"),
        ("G7", 75, False, 65, 2.0, 29.340277778, "severe"),
        ("G8", 80, False, 72, 1.0, 60.0, "full"),
        ("G9", 80, False, 72, 2.0, 30.0, "reduced"),
        ("G10", 80, False, 72, 1.001, 59.940059940, "reduced"),
        ("G11", 80, False, 72, 2.001, 29.985007496, "severe"),
        ("G12", 68, False, 90, 1.5, 60.0, "full"),
        ("G13", 65, True, 60, 1.25, 42.5, "reduced"),
        ("G14", 76, True, 68, 2.4, 21.407407407, "severe"),
        ("G15", 81, False, 75, 1.8, 34.143518519, "reduced"),
    ],
)
def test_vectors_of_the_specification(
    vector: str,
    age: int,
    female: bool,
    weight: float,
    creatinine: float,
    expected: float,
    band: str,
    knowledge: Knowledge,
) -> None:
    value = cockcroft_gault(age, weight, creatinine, female=female)
    assert value == pytest.approx(expected, abs=1e-9), vector
    assert band_of(clearance(value), knowledge) == band, vector


def test_exact_limits_stay_exact() -> None:
    assert cockcroft_gault(80, 72, 1.0, female=False) == 60.0
    assert cockcroft_gault(80, 72, 2.0, female=False) == 30.0
    assert cockcroft_gault(60, 54, 0.85, female=True) == 60.0


@pytest.mark.parametrize("female", [False, True])
def test_no_pair_of_usual_numbers_falls_below_a_limit_by_binary_noise(female: bool) -> None:
    """Who lies at exactly 30 or 60 by hand must do so here too."""
    share = 85 if female else 100
    for limit in (30, 60):
        for age in range(20, 100):
            for creatinine in range(40, 400):  # in hundredths of mg/dL
                # weight in tenths of kg that gives the limit exactly, where there is one
                numerator, denominator = limit * 72 * creatinine * 10, (140 - age) * share
                if numerator % denominator == 0 and 300 <= numerator // denominator <= 2000:
                    weight = numerator // denominator / 10
                    assert cockcroft_gault(age, weight, creatinine / 100, female=female) == limit


def test_micromole_per_litre_is_converted_with_88_4(knowledge: Knowledge) -> None:
    """G16."""
    units = UnitTable(knowledge.unit_groups)
    assert units.convert(176.8, "umol/L", None, None, "creatinine") == 2.0
    assert units.convert(88.4, "µmol/L", None, None, "creatinine") == 1.0


# --- properties -------------------------------------------------------------------------------------------------------


@given(ages, ages, weights, creatinines, sexes)
def test_clearance_falls_with_age(younger: int, older: int, weight: float, creatinine: float, female: bool) -> None:
    younger, older = sorted((younger, older))
    assert cockcroft_gault(older, weight, creatinine, female=female) <= cockcroft_gault(
        younger, weight, creatinine, female=female
    )


@given(ages, weights, creatinines, creatinines, sexes)
def test_clearance_falls_with_creatinine(age: int, weight: float, one: float, other: float, female: bool) -> None:
    low, high = sorted((one, other))
    assert cockcroft_gault(age, weight, high, female=female) <= cockcroft_gault(age, weight, low, female=female)


@given(ages, weights, weights, creatinines, sexes)
def test_clearance_rises_with_weight(age: int, one: float, other: float, creatinine: float, female: bool) -> None:
    light, heavy = sorted((one, other))
    assert cockcroft_gault(age, light, creatinine, female=female) <= cockcroft_gault(
        age, heavy, creatinine, female=female
    )


@given(ages, weights, creatinines)
def test_women_have_0_85_of_the_clearance_of_men(age: int, weight: float, creatinine: float) -> None:
    woman = cockcroft_gault(age, weight, creatinine, female=True)
    man = cockcroft_gault(age, weight, creatinine, female=False)
    assert woman == pytest.approx(0.85 * man, abs=1e-8)


@given(value=st.floats(0, 300))
def test_every_clearance_lies_in_exactly_one_band(value: float, knowledge: Knowledge) -> None:
    assert sum(band.contains(value) for band in knowledge.bands.values()) == 1


# --- inputs -----------------------------------------------------------------------------------------------------------


def test_age_is_that_of_the_day_asked_for() -> None:
    person = PatientFacts(parse_when("1946-03-03"), Sex.MALE, "", "Patient/1")
    creatinine, weight = result("creatinine", 1.0), result("bodyWeight", 72.0)
    on_the_eve = compute_clearance(person, creatinine, weight, NOW)
    on_the_birthday = compute_clearance(person, creatinine, weight, NOW.replace(day=3))
    assert on_the_eve is not None
    assert on_the_birthday is not None
    assert (on_the_eve.age, on_the_birthday.age) == (79, 80)


@pytest.mark.parametrize(
    ("person", "creatinine", "weight"),
    [
        (patient(age=None), result("creatinine", 1.0), result("bodyWeight", 72.0)),
        (patient(sex=Sex.UNKNOWN), result("creatinine", 1.0), result("bodyWeight", 72.0)),
        (patient(), result("creatinine", None), result("bodyWeight", 72.0)),
        (patient(), result("creatinine", 0.0), result("bodyWeight", 72.0)),
        (patient(), result("creatinine", 1.0), result("bodyWeight", None)),
        (patient(), result("creatinine", 1.0), result("bodyWeight", 72.0, comparator="<")),
    ],
)
def test_nothing_is_computed_from_what_is_missing(
    person: PatientFacts, creatinine: LabResult, weight: LabResult
) -> None:
    assert compute_clearance(person, creatinine, weight, NOW) is None


@pytest.mark.parametrize(
    ("comparator", "creatinine", "words", "band"),
    [
        ("", 1.5, "CrCl 40.0 mL/min", "reduced"),
        (">", 3.0, "CrCl below 20.0 mL/min", "severe"),
        (">=", 2.001, "CrCl below 29.99 mL/min", "severe"),
        (">", 1.5, "CrCl below 40.0 mL/min", None),
        ("<", 0.5, "CrCl above 120.0 mL/min", "full"),
        ("<=", 1.0, "CrCl above 60.0 mL/min", "full"),
        ("<", 1.5, "CrCl above 40.0 mL/min", None),
    ],
)
def test_a_comparator_turns_round(
    comparator: str, creatinine: float, words: str, band: str | None, knowledge: Knowledge
) -> None:
    weight = result("bodyWeight", 72.0)
    found = compute_clearance(patient(), result("creatinine", creatinine, comparator=comparator), weight, NOW)
    assert found is not None
    assert str(found) == words
    assert band_of(found, knowledge) == band


@pytest.mark.parametrize(
    ("value", "shown"),
    [(29.985007, "29.99"), (59.94006, "59.9"), (60.0, "60.0"), (61.98, "61.98"), (74.0741, "74.1"), (49.99983, "50.0")],
)
def test_a_value_is_not_shown_as_the_limit_it_has_not_reached(value: float, shown: str) -> None:
    assert str(clearance(value)) == f"CrCl {shown} mL/min"


def test_another_weight_scales_the_clearance() -> None:
    assert clearance(60.0).with_weight(36.0).value == 30.0


@pytest.mark.parametrize(
    ("height", "female", "expected"), [(152.4, False, 50.0), (177.8, False, 73.0), (165.1, True, 57.0)]
)
def test_ideal_weight(height: float, female: bool, expected: float) -> None:
    assert ideal_weight_kg(height, female=female) == pytest.approx(expected)


def test_nearest_result_to_a_day() -> None:
    results = [
        result("creatinine", 1.0, when="2026-02-01"),
        result("creatinine", 2.0, when="2026-02-10", preliminary=True),
        result("creatinine", 3.0, when="2026-02-24"),
    ]
    day = datetime(2026, 2, 10, tzinfo=UTC)
    found = nearest(results, day, 14)
    assert found is not None
    assert found.value == 1.0
    assert nearest(results, day, 8) is None
    exactly = nearest(results, datetime(2026, 3, 10, tzinfo=UTC), 14)
    assert exactly is not None
    assert exactly.value == 3.0
