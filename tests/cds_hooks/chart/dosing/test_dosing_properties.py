"""Properties that hold for every dose."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.chart.dosing import (
    Dose,
    Schedule,
    ScheduleKind,
    combine_doses,
    read_dose,
    read_supply,
    refills,
    strength_from_medication,
    strength_from_text,
)

STRENGTHS = (2.5, 5.0, 10.0, 15.0, 20.0, 25.0)
QD = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=20),
    st.sampled_from(
        ["mg", "d", "h", "capsule", "2030-01-01", "mon", "25 mg daily", "1-2 capsules q4h", "days 1-21 of 28"]
    ),
)
# fmt: off
FIELDS = (
    "dosageInstruction", "dosage", "text", "patientInstruction", "timing", "repeat", "code", "coding", "display",
    "system", "event", "frequency", "frequencyMax", "period", "periodMax", "periodUnit", "periodUnits", "dayOfWeek",
    "when", "timeOfDay", "count", "bounds", "boundsPeriod", "boundsDuration", "boundsRange", "start", "end",
    "doseAndRate", "doseQuantity", "doseRange", "low", "high", "value", "unit", "type", "sequence", "asNeeded",
    "asNeededBoolean", "asNeededCodeableConcept", "additionalInstruction", "dispenseRequest", "quantity",
    "expectedSupplyDuration", "numberOfRepeatsAllowed", "medicationCodeableConcept", "medicationReference",
    "medication", "ingredient", "strength", "numerator", "denominator", "product", "amount", "isActive",
    "renderedDosageInstruction", "dose", "comparator", "daysSupply",
)
# fmt: on
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=25,
)
instructions = st.fixed_dictionaries(
    {},
    optional={
        "text": json_values,
        "timing": st.fixed_dictionaries(
            {}, optional={"repeat": json_values, "code": json_values, "event": json_values}
        ),
        "doseAndRate": json_values,
        "doseQuantity": json_values,
        "doseRange": json_values,
        "sequence": json_values,
        "asNeededBoolean": json_values,
        "additionalInstruction": json_values,
    },
)
orders = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=5),
    st.fixed_dictionaries(
        {"dosageInstruction": st.lists(instructions, max_size=3)},
        optional={"dispenseRequest": json_values, "medicationReference": json_values},
    ),
)


def check(dose: Dose) -> None:
    """Assert what holds for any dose."""
    assert dose.is_readable is not bool(dose.unreadable)
    assert len(dose.text) <= 200
    for value in (dose.single_mg, dose.average_mg_per_day, dose.highest_mg_per_day, dose.safety_mg_per_day):
        assert value is None or value >= 0
    if dose.average_mg_per_day is not None:
        assert dose.safety_mg_per_day is not None
        assert dose.safety_mg_per_day >= dose.average_mg_per_day * (1 - 1e-6) - 1e-8
    if dose.single_mg is not None:
        assert dose.safety_single_mg is not None
        assert dose.safety_single_mg >= dose.single_mg
    assert dose.schedule.describe()


@settings(max_examples=250, deadline=None)
@given(orders, st.sampled_from([None, *STRENGTHS]))
def test_no_json_raises(order: dict[str, Any], strength: float | None) -> None:
    dose = read_dose(order, strength_mg=strength)
    check(dose)
    combine_doses([dose, dose])
    read_supply(order, strength_mg=strength)
    refills(order)
    strength_from_medication(order)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_not_even_an_order_that_is_no_object_raises(value: Any) -> None:
    check(read_dose(value, strength_mg=None))
    read_supply(value)
    refills(value)
    strength_from_medication(value)
    strength_from_text(value)


# fmt: off
WORDS = (
    "take", "give", "1", "2", "one", "two", "25", "mg", "5", "capsule", "capsules", "(25", "total)", "daily", "twice",
    "a", "day", "every", "other", "12", "hours", "days", "1-21", "of", "28", "q28d", "for", "21", "then", "off", "7",
    "and", "plus", ",", ".", ";", "in", "the", "morning", "evening", "at", "bedtime", "as", "needed", "mon", "wed",
    "fri", "weekly", "after", "dialysis", "continuously", "do", "not", "more", "than", "if", "hold", "cycle", "until",
    "x", "-", "/", "each", "max", "dexamethasone", "revlimid", "up", "to", "½", "total", "dose",
)
# fmt: on


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join))
def test_no_sig_raises(sig: str) -> None:
    check(read_dose({"dosageInstruction": [{"text": sig}]}, strength_mg=25))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_no_text_raises(sig: str) -> None:
    check(read_dose({"dosageInstruction": [{"text": sig}]}, strength_mg=25))
    strength_from_text(sig)


amounts = st.integers(min_value=1, max_value=400).map(lambda quarter: quarter / 4)


def coded(value: float, unit: str = "mg", timing: object = QD) -> Dose:
    quantity = {"value": value, "unit": unit, "code": unit}
    return read_dose({"dosageInstruction": [{"timing": timing, "doseQuantity": quantity}]}, strength_mg=None)


@given(amounts)
def test_units_of_mass_scale(mg: float) -> None:
    expected = coded(mg)
    assert coded(mg / 1000, "g") == expected
    assert coded(mg * 1000, "ug") == expected
    assert coded(mg * 1000, "mcg").single_mg == expected.single_mg


@given(amounts, st.integers(min_value=1, max_value=6), st.integers(min_value=1, max_value=10))
def test_frequency_and_period_scale(mg: float, frequency: int, period: int) -> None:
    def dose(number: float, length: float, unit: str) -> Dose:
        return coded(mg, timing={"repeat": {"frequency": number, "period": length, "periodUnit": unit}})

    in_days = dose(frequency, period, "d")
    assert dose(frequency, period * 24, "h") == in_days
    assert in_days.average_mg_per_day == pytest.approx(mg * frequency / period)
    assert in_days.highest_mg_per_day is not None
    assert in_days.average_mg_per_day is not None
    assert in_days.highest_mg_per_day >= in_days.average_mg_per_day * (1 - 1e-9)


@given(amounts)
def test_ways_to_say_once_a_day(mg: float) -> None:
    ways = [
        QD,
        {"repeat": {"frequency": 1, "period": 24, "periodUnit": "h"}},
        {"code": {"coding": [{"code": "QD"}]}},
        {"code": {"text": "Daily"}},
        {"repeat": {"frequency": 7, "period": 1, "periodUnit": "wk"}},
    ]
    figures = {
        (dose.average_mg_per_day, dose.highest_mg_per_day, dose.schedule, dose.unreadable)
        for dose in (coded(mg, timing=way) for way in ways)
    }
    assert figures == {(mg, mg, Schedule(ScheduleKind.DAILY), ())}


KINDS = ("ordered", "calculated", "admin-amount", "")
rows = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from([5, 10, 25]), st.sampled_from(["mg", "capsule"])), max_size=4
)


def row(kind: str, value: float, unit: str) -> dict[str, Any]:
    made: dict[str, Any] = {"doseQuantity": {"value": value, "unit": unit}}
    return {**made, "type": {"coding": [{"code": kind}]}} if kind else made


def with_rows(*made: dict[str, Any]) -> Dose:
    return read_dose({"dosageInstruction": [{"timing": QD, "doseAndRate": list(made)}]}, strength_mg=5)


@settings(deadline=None)
@given(rows)
def test_the_order_of_rows_does_not_matter(kinds: list[tuple[str, float, str]]) -> None:
    doses = [with_rows(*(row(*one) for one in some)) for some in permutations(kinds)]
    first = doses[0]
    for dose in doses:
        assert dose.single_mg == first.single_mg
        assert dose.average_mg_per_day == first.average_mg_per_day
        assert dose.safety_mg_per_day == first.safety_mg_per_day
        assert set(dose.contradictions) == set(first.contradictions)
        assert {issue.code for issue in dose.unreadable} == {issue.code for issue in first.unreadable}


@given(
    st.sampled_from([5, 10, 25]), st.integers(min_value=1, max_value=9), st.sampled_from(["capsule", "mg", "film", ""])
)
def test_an_admin_amount_never_changes_an_ordered_dose(mg: float, count: int, unit: str) -> None:
    alone, beside = (
        with_rows(row("ordered", mg, "mg")),
        with_rows(row("ordered", mg, "mg"), row("admin-amount", count, unit)),
    )
    assert (beside.single_mg, beside.average_mg_per_day) == (alone.single_mg, alone.average_mg_per_day)
    assert (beside.highest_mg_per_day, beside.schedule) == (alone.highest_mg_per_day, alone.schedule)


COUNT_WORDS = {1: "one", 2: "two", 3: "three"}
SCHEDULES = {
    "daily": (1.0, Schedule(ScheduleKind.DAILY)),
    "once daily on days 1-21 of a 28-day cycle": (1.0, Schedule(ScheduleKind.CYCLIC, 21, 28, explicit=True)),
    "daily for 21 days, then 7 days off": (1.0, Schedule(ScheduleKind.CYCLIC, 21, 28, explicit=True)),
    "every day continuously": (1.0, Schedule(ScheduleKind.CONTINUOUS, explicit=True)),
    "every other day": (0.5, Schedule(ScheduleKind.EVERY_OTHER_DAY, explicit=True)),
    "twice daily": (2.0, Schedule(ScheduleKind.DAILY)),
    "on Mon, Wed and Fri": (3 / 7, Schedule(ScheduleKind.DAYS_OF_WEEK, explicit=True)),
    "once weekly": (1 / 7, Schedule(ScheduleKind.WEEKLY, explicit=True)),
    "at bedtime": (1.0, Schedule(ScheduleKind.DAILY)),
}


@settings(deadline=None)
@given(
    st.sampled_from(STRENGTHS),
    st.integers(min_value=1, max_value=3),
    st.sampled_from(sorted(SCHEDULES)),
    st.booleans(),
    st.sampled_from([str.upper, str.lower, str.capitalize]),
)
def test_a_written_sig_is_read_back(strength: float, count: int, schedule: str, knows: bool, case: Any) -> None:
    number = COUNT_WORDS[count]
    noun = "capsule" if count == 1 else "capsules"
    total = f"{strength * count:g} mg"
    known = [f"Take {count} {noun} by mouth {schedule}", f"{number} {noun} po {schedule}"]
    always = [
        f"Take {count} {noun} ({total} total) by mouth {schedule}. Swallow whole.",
        f"Take {number} {strength:g} mg {noun} {schedule}",
        f"{total} PO {schedule}",
        f"Take {total} ({count} {noun}) by mouth {schedule}",
        f"lenalidomide {total} {schedule}",
        f"Take {count} ({number}) {noun} ({strength:g} mg each) {schedule}",
    ]
    per_day, expected = SCHEDULES[schedule]
    for sig in [*always, *(known if knows else [])]:
        dose = read_dose(
            {"dosageInstruction": [{"text": case(sig)}]},
            strength_mg=strength if knows else None,
            drug_names=["lenalidomide"],
        )
        assert dose.single_mg == strength * count, sig
        assert dose.average_mg_per_day == pytest.approx(strength * count * per_day), sig
        assert dose.schedule == expected, sig
        assert not dose.unreadable
        assert not dose.contradictions
