"""Coded fields with sigs, and several instructions in one order."""

from typing import Any

import pytest

from cds_hooks.chart.dosing import Combination, DoseOrigin, IssueCode, Schedule, ScheduleKind, combine_doses, read_dose

Kind = ScheduleKind
QD = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
CONTINUOUS = Schedule(Kind.CONTINUOUS, explicit=True)
LABEL = Schedule(Kind.CYCLIC, 21, 28, explicit=True)


def mg(value: float) -> dict[str, object]:
    return {"value": value, "unit": "mg", "code": "mg", "system": "http://unitsofmeasure.org"}


def line(value: float | None = None, timing: object = QD, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = dict(fields)
    if value is not None:
        made["doseAndRate"] = [{"doseQuantity": mg(value)}]
    if timing is not None:
        made["timing"] = timing
    return made


def read(*lines: dict[str, Any], strength: float | None = None) -> Any:
    return read_dose({"dosageInstruction": list(lines)}, strength_mg=strength)


def bounded(start: str, end: str, **fields: Any) -> dict[str, Any]:
    return {"repeat": {**QD["repeat"], "boundsPeriod": {"start": start, "end": end}, **fields}}


# -- coded fields and sig --


def test_the_text_supplies_days_on_and_off() -> None:
    dose = read(line(25, text="Take 1 capsule daily on days 1-21 of 28"), strength=25)
    assert dose.schedule == LABEL
    assert dose.average_mg_per_day == 25
    assert dose.origin is DoseOrigin.STRUCTURED
    assert not dose.contradictions


@pytest.mark.parametrize(
    "extra",
    [
        {"patientInstruction": "Take on days 1-21 of 28"},
        {"additionalInstruction": [{"text": "days 1-21 of 28"}]},
        {"additionalInstruction": [{"coding": [{"display": "days 1-21 of 28"}]}]},
        {"additionalInstructions": {"text": "days 1-21 of 28"}},
    ],
)
def test_days_on_and_off_from_additional_texts(extra: dict[str, Any]) -> None:
    assert read(line(25, text="25 mg daily", **extra)).schedule == LABEL
    assert read(line(text="25 mg daily", timing=None, **extra)).schedule == LABEL


def test_a_sig_repeated_for_the_patient_is_the_same_sig() -> None:
    dose = read(line(timing=None, text="Take 1 capsule daily", patientInstruction="Take 1 capsule daily."), strength=25)
    assert dose.average_mg_per_day == 25
    assert dose.text == "Take 1 capsule daily; Take 1 capsule daily."


def test_the_rendered_sig_of_r5_is_used() -> None:
    order = {"renderedDosageInstruction": "25 mg daily, days 1-21 of 28"}
    assert read_dose(order, strength_mg=None).schedule == LABEL
    order["dosageInstruction"] = [line(25)]  # type: ignore[assignment]
    assert read_dose(order, strength_mg=None).schedule == LABEL


def test_the_text_completes_incomplete_fields() -> None:
    no_rate = read(line(25, timing=None, text="Take daily"))
    assert (no_rate.average_mg_per_day, no_rate.origin) == (25, DoseOrigin.MIXED)
    no_dose = read(line(None, text="25 mg"))
    assert (no_dose.average_mg_per_day, no_dose.origin) == (25, DoseOrigin.MIXED)
    no_strength = read(
        {"timing": QD, "doseQuantity": {"value": 1, "unit": "capsule"}, "text": "1 capsule (25 mg) daily"}
    )
    assert (no_strength.average_mg_per_day, no_strength.origin) == (25, DoseOrigin.MIXED)
    odd_unit = read({"timing": QD, "doseQuantity": {"value": 1, "unit": "film"}, "text": "25 mg daily"})
    assert odd_unit.average_mg_per_day == 25
    assert odd_unit.has(IssueCode.FIELD_NOT_READ)


def test_an_ambiguous_text_does_not_hide_complete_fields() -> None:
    dose = read(line(25, text="25 mg daily, may increase to 50 mg"))
    assert dose.average_mg_per_day == 25
    assert dose.has(IssueCode.TEXT_NOT_READ)
    assert not dose.unreadable


def test_an_ambiguous_text_does_not_complete_fields() -> None:
    dose = read(line(25, timing=None, text="25 mg daily, may increase to 50 mg"))
    assert dose.average_mg_per_day is None
    assert {issue.code for issue in dose.unreadable} == {IssueCode.NO_FREQUENCY, IssueCode.AMBIGUOUS_TEXT}


@pytest.mark.parametrize(
    ("fields", "strength", "said", "average", "safety"),
    [
        (line(10, text="25 mg daily"), None, "dose: the coded field says 10 mg, the text 25 mg", 10, 25),
        (line(25, text="10 mg daily"), None, "dose: the coded field says 25 mg, the text 10 mg", 25, 25),
        (line(10, text="2 capsules daily"), 10, "dose: the coded field says 10 mg, the text 20 mg", 10, 20),
        (
            line(10, text="10 mg twice daily"),
            None,
            "frequency: the coded field says 1 per day, the text 2 per day",
            10,
            20,
        ),
        (
            line(15, text="15 mg every other day"),
            None,
            "frequency: the coded field says 1 per day, the text every other day",
            15,
            15,
        ),
        (
            line(10, text="10 mg in the morning and 5 mg in the evening"),
            None,
            "daily dose: the coded field says 10 mg, the text 15 mg",
            10,
            15,
        ),
        (
            line(10, text="5-15 mg daily"),
            None,
            "dose: the coded field says 10 mg, the text 5 to 15 mg",
            10,
            15,
        ),
    ],
)
def test_contradictions_name_both_values_and_the_higher_one_is_kept(
    fields: dict[str, Any], strength: float | None, said: str, average: float, safety: float
) -> None:
    dose = read(fields, strength=strength)
    assert dose.contradictions == (said,)
    assert dose.average_mg_per_day == average
    assert dose.safety_mg_per_day == safety


def test_the_higher_single_dose_is_kept_too() -> None:
    dose = read(line(25, {"code": {"coding": [{"code": "QOD"}]}}, text="50 mg every other day"))
    assert (dose.single_mg, dose.safety_single_mg, dose.safety_mg_per_day) == (25, 50, 25)


def test_capsules_are_compared_without_a_strength() -> None:
    dose = read({"timing": QD, "doseQuantity": {"value": 1, "unit": "capsule"}, "text": "2 capsules daily"})
    assert dose.contradictions == ("capsules: the coded field says 1, the text 2 for one dose",)


@pytest.mark.parametrize(
    ("timing", "text", "schedule", "said"),
    [
        # bounds over whole cycles are the validity of the order
        ({"boundsDuration": {"value": 28, "unit": "d"}}, "days 1-21 of 28", LABEL, None),
        ({"boundsPeriod": {"start": "2030-01-01", "end": "2030-01-28"}}, "days 1-21 of 28", LABEL, None),
        ({"boundsPeriod": {"start": "2030-01-01", "end": "2030-12-31"}}, "days 1-21 of 28", LABEL, None),
        ({"boundsDuration": {"value": 21, "unit": "d"}}, "days 1-21 of 28", LABEL, None),
        ({"count": 21}, "days 1-21 of 28", LABEL, None),
        ({"count": 42}, "days 1-21 of 28", LABEL, None),
        ({"count": 28}, "days 1-21 of 28", LABEL, "schedule: the coded field says 28 doses, the text 21 of 28 days"),
        (
            {"boundsDuration": {"value": 25, "unit": "d"}},
            "days 1-21 of 28",
            LABEL,
            "schedule: the coded field says 25 days without rest, the text 21 of 28 days",
        ),
        (
            {"boundsDuration": {"value": 14, "unit": "d"}},
            "days 1-21 of 28",
            LABEL,
            "schedule: the coded field ends after 14 days, the text says 21 of 28 days",
        ),
        (
            {"frequency": 21, "period": 28},
            "days 1-14 of 21",
            LABEL,
            "schedule: the coded field says 21 of 28 days, the text 14 of 21 days",
        ),
        (
            {"frequency": 21, "period": 28},
            "continuously",
            LABEL,
            "schedule: the coded field says 21 of 28 days, the text continuous",
        ),
        (
            {"boundsDuration": {"value": 21, "unit": "d"}},
            "continuously",
            CONTINUOUS,
            None,
        ),
        ({"boundsPeriod": {"start": "2030-01-01", "end": "2030-12-31"}}, "for 21 days", Schedule(Kind.DAILY, 21), None),
        (
            {"boundsDuration": {"value": 14, "unit": "d"}},
            "for 21 days",
            Schedule(Kind.DAILY, 14),
            "duration: the coded field says 14 days, the text 21",
        ),
        (
            {"count": 14},
            "for 21 days",
            Schedule(Kind.DAILY, 14),
            "duration: the coded field says 14 doses, the text 21",
        ),
    ],
)
def test_coded_bounds_beside_the_text(timing: dict[str, Any], text: str, schedule: Schedule, said: str | None) -> None:
    dose = read(line(25, {"repeat": {**QD["repeat"], **timing}}, text=f"25 mg daily {text}"))
    assert dose.schedule == schedule
    assert dose.contradictions == ((said,) if said else ())


def test_after_dialysis_in_the_text_beside_a_coded_frequency() -> None:
    dose = read(line(5, text="5 mg after dialysis"))
    assert dose.schedule == Schedule(Kind.DAILY, after_dialysis=True)
    assert dose.average_mg_per_day == 5
    assert not dose.contradictions


def test_a_sig_with_several_amounts_when_no_dose_is_coded() -> None:
    dose = read(line(None, QD, text="10 mg in the morning and 5 mg in the evening"))
    assert dose.average_mg_per_day == 15
    coded = read(line(20, None, text="10 mg in the morning and 5 mg in the evening"))
    assert coded.contradictions == ("dose: the coded field says 20 mg, the text does not",)


# -- several instructions --


def when(code: str) -> dict[str, Any]:
    return {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "when": [code]}}


def test_instructions_without_sequence_are_added() -> None:
    dose = read(line(10, when("MORN")), line(5, when("EVE")))
    assert dose.combination is Combination.CONCURRENT
    assert (dose.single_mg, dose.average_mg_per_day, dose.highest_mg_per_day, dose.safety_mg_per_day) == (
        10,
        15,
        15,
        15,
    )
    assert dose.has(IssueCode.CONCURRENT)


def test_equal_sequence_numbers_are_concurrent() -> None:
    assert read(line(20, sequence=1), line(5, sequence=1)).average_mg_per_day == 25


@pytest.mark.parametrize("values", [(25, 10), (10, 25)])
def test_different_sequence_numbers_follow_each_other(values: tuple[float, float]) -> None:
    dose = read(line(values[0], sequence=1), line(values[1], sequence=2))
    assert dose.combination is Combination.SEQUENTIAL
    assert (dose.average_mg_per_day, dose.highest_mg_per_day, dose.safety_mg_per_day) == (25, 25, 25)
    assert [(one.sequence, one.phase) for one in dose.instructions] == [(1, 0), (2, 1)]


def test_sequences_mix_with_concurrency() -> None:
    dose = read(line(20, sequence=1), line(5, sequence=1), line(10, sequence=2))
    assert dose.average_mg_per_day == 25
    assert [one.phase for one in dose.instructions] == [0, 0, 1]


def test_numbered_instructions_at_different_times_of_day_may_be_concurrent() -> None:
    dose = read(line(10, when("MORN"), sequence=1), line(5, when("EVE"), sequence=2))
    assert (dose.average_mg_per_day, dose.safety_mg_per_day) == (10, 15)
    assert dose.has(IssueCode.PHASES_UNCERTAIN)


def test_numbered_instructions_with_overlapping_dates_may_be_concurrent() -> None:
    dose = read(
        line(10, bounded("2030-01-01", "2030-01-28"), sequence=1),
        line(5, bounded("2030-01-01", "2030-01-28"), sequence=2),
    )
    assert (dose.average_mg_per_day, dose.safety_mg_per_day) == (10, 15)


def test_dates_that_do_not_overlap_follow_each_other() -> None:
    first, second = bounded("2030-01-01", "2030-01-07"), bounded("2030-01-08", "2030-01-28")
    for lines in ((line(25, first), line(10, second)), (line(10, second), line(25, first))):
        dose = read(*lines)
        assert dose.combination is Combination.SEQUENTIAL
        assert dose.average_mg_per_day == 25
    overlapping = read(line(25, first), line(10, bounded("2030-01-03", "2030-01-28")))
    assert overlapping.average_mg_per_day == 35


def test_then_in_a_text_makes_a_sequence() -> None:
    dose = read(line(25, text="25 mg daily for 7 days"), line(10, text="then 10 mg daily"))
    assert dose.combination is Combination.SEQUENTIAL
    assert dose.average_mg_per_day == 25


def test_one_unreadable_instruction_makes_the_dose_unreadable() -> None:
    dose = read(line(10), line(None))
    assert dose.average_mg_per_day is None
    assert dose.safety_mg_per_day is None
    assert dose.single_mg == 10
    assert [issue.code for issue in dose.unreadable] == [IssueCode.NO_DOSE]


def test_a_comment_is_no_second_dose() -> None:
    dose = read(line(25), line(None, None, text="Take on days 1-21 of 28"), line(None, None, text="Do not crush"))
    assert dose.average_mg_per_day == 25
    assert dose.schedule == LABEL
    assert read(line(10), line(None, None, text="continuously")).schedule == CONTINUOUS
    assert read(line(25), line(None, None, text="as needed")).has(IssueCode.AS_NEEDED)


def test_the_same_in_words_is_not_added() -> None:
    dose = read(line(25), line(None, None, text="Take 1 capsule (25 mg) daily"))
    assert dose.average_mg_per_day == 25
    assert dose.has(IssueCode.RESTATED)
    evening = read(line(10, when("MORN")), line(None, None, text="10 mg in the evening"))
    assert evening.average_mg_per_day == 20
    texts = read(line(None, None, text="10 mg in the morning"), line(None, None, text="10 mg in the evening"))
    assert texts.average_mg_per_day == 20


def test_a_sig_repeated_in_every_instruction() -> None:
    sig = "10 mg in the morning and 5 mg in the evening, days 1-21 of 28"
    coded = read(line(10, when("MORN"), text=sig), line(5, when("EVE"), text=sig))
    assert coded.average_mg_per_day == 15
    assert coded.schedule == LABEL
    assert not coded.contradictions
    assert coded.text == sig
    only_text = read(line(None, None, text=sig), line(None, None, text=sig))
    assert only_text.average_mg_per_day == 15
    wrong = read(line(10, when("MORN"), text=sig), line(10, when("EVE"), text=sig))
    assert wrong.contradictions == ("daily dose: the coded fields say 20 mg, the text 15 mg",)


def test_weekdays_that_do_not_meet_are_not_one_day() -> None:
    first = {"repeat": {"dayOfWeek": ["mon", "wed", "fri"]}}
    second = {"repeat": {"dayOfWeek": ["tue", "thu"]}}
    dose = read(line(14, first), line(7, second))
    assert dose.average_mg_per_day == pytest.approx(8)
    assert dose.highest_mg_per_day == 14


def test_figures_of_the_label() -> None:
    """15 mg every other day averages 7.5 mg, 25 mg on days 1 to 21 averages 25 mg."""
    assert read(line(None, None, text="15 mg every other day")).average_mg_per_day == 7.5
    assert read(line(25, text="25 mg daily on days 1-21 of 28")).average_mg_per_day == 25


# -- several orders --


def test_orders_are_added() -> None:
    total = combine_doses([read(line(20)), read(line(5))])
    assert (total.average_mg_per_day, total.highest_mg_per_day, total.safety_mg_per_day, total.orders) == (
        25,
        25,
        25,
        2,
    )


def test_a_partial_sum_is_no_sum() -> None:
    total = combine_doses([read(line(20)), read(line(None))])
    assert total.average_mg_per_day is None
    assert combine_doses([]).average_mg_per_day is None
