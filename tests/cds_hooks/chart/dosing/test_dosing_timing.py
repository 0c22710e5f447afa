"""Frequency and schedule from coded timing."""

from typing import Any

import pytest

from cds_hooks.chart.dosing import IssueCode, Schedule, ScheduleKind, read_dose

TEN = {"value": 10, "unit": "mg", "code": "mg"}
GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
Kind = ScheduleKind


def read(timing: object, **fields: Any) -> Any:
    return read_dose({"dosageInstruction": [{"timing": timing, "doseQuantity": TEN, **fields}]}, strength_mg=None)


def repeat(**fields: Any) -> dict[str, Any]:
    return {"repeat": fields}


def coded(code: str, system: str = GTS) -> dict[str, Any]:
    return {"code": {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("timing", "average", "highest", "kind"),
    [
        (repeat(frequency=1, period=1, periodUnit="d"), 10, 10, Kind.DAILY),
        (repeat(frequency=1, period=1, periodUnits="d"), 10, 10, Kind.DAILY),
        (repeat(frequency=1, period=1, unit="d"), 10, 10, Kind.DAILY),
        (repeat(frequency=1, period=24, periodUnit="h"), 10, 10, Kind.DAILY),
        (repeat(frequency=1, period=1440, periodUnit="min"), 10, 10, Kind.DAILY),
        (repeat(frequency=1, period=86400, periodUnit="s"), 10, 10, Kind.DAILY),
        (repeat(frequency=7, period=1, periodUnit="wk"), 10, 10, Kind.DAILY),
        (repeat(frequency=2, period=1, periodUnit="d"), 20, 20, Kind.DAILY),
        (repeat(frequency=1, period=12, periodUnit="h"), 20, 20, Kind.DAILY),
        (repeat(frequency=1, period=5, periodUnit="h"), 48, 50, Kind.DAILY),
        (repeat(period=1, periodUnit="d"), 10, 10, Kind.DAILY),
        (repeat(frequency="1", period="1", periodUnit="d"), 10, 10, Kind.DAILY),
        (repeat(frequency=1, period=2, periodUnit="d"), 5, 10, Kind.EVERY_OTHER_DAY),
        (repeat(frequency=1, period=48, periodUnit="h"), 5, 10, Kind.EVERY_OTHER_DAY),
        (repeat(frequency=1, period=36, periodUnit="h"), 20 / 3, 10, Kind.OTHER),
        (repeat(frequency=1, period=3, periodUnit="d"), 10 / 3, 10, Kind.OTHER),
        (repeat(frequency=1, period=1, periodUnit="wk"), 10 / 7, 10, Kind.WEEKLY),
        (repeat(frequency=1, period=7, periodUnit="d"), 10 / 7, 10, Kind.WEEKLY),
        (repeat(frequency=3, period=1, periodUnit="wk"), 30 / 7, 10, Kind.DAYS_OF_WEEK),
        (repeat(frequency=1, period=1, periodUnit="mo"), 10 / 30.4375, 10, Kind.OTHER),
        (repeat(dayOfWeek=["mon", "wed", "fri"]), 30 / 7, 10, Kind.DAYS_OF_WEEK),
        (repeat(dayOfWeek=["mon", "wed", "fri"], frequency=1, period=1, periodUnit="d"), 30 / 7, 10, Kind.DAYS_OF_WEEK),
        (
            repeat(dayOfWeek=["mon", "wed", "fri"], frequency=3, period=1, periodUnit="wk"),
            30 / 7,
            10,
            Kind.DAYS_OF_WEEK,
        ),
        (repeat(dayOfWeek=["mon"], frequency=1, period=1, periodUnit="wk"), 10 / 7, 10, Kind.WEEKLY),
        (repeat(dayOfWeek=["mon", "fri"], frequency=2, period=1, periodUnit="d"), 40 / 7, 20, Kind.DAYS_OF_WEEK),
        (repeat(dayOfWeek=["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), 10, 10, Kind.DAILY),
        (repeat(timeOfDay=["08:00:00"]), 10, 10, Kind.DAILY),
        (repeat(timeOfDay=["08:00:00", "20:00:00"]), 20, 20, Kind.DAILY),
        (repeat(timeOfDay=["08:00:00", "20:00:00"], frequency=2, period=1, periodUnit="d"), 20, 20, Kind.DAILY),
        (repeat(timeOfDay=["08:00:00"], frequency=1, period=2, periodUnit="d"), 5, 10, Kind.EVERY_OTHER_DAY),
        (repeat(when=["HS"]), 10, 10, Kind.DAILY),
        (repeat(when="HS"), 10, 10, Kind.DAILY),
        (repeat(when=["MORN", "EVE"]), 20, 20, Kind.DAILY),
        (repeat(when=["PC"], frequency=1, period=1, periodUnit="d"), 10, 10, Kind.DAILY),
        (coded("QD"), 10, 10, Kind.DAILY),
        (coded("BID"), 20, 20, Kind.DAILY),
        (coded("TID"), 30, 30, Kind.DAILY),
        (coded("QID"), 40, 40, Kind.DAILY),
        (coded("Q4H"), 60, 60, Kind.DAILY),
        (coded("QOD"), 5, 10, Kind.EVERY_OTHER_DAY),
        (coded("AM"), 10, 10, Kind.DAILY),
        (coded("PM"), 10, 10, Kind.DAILY),
        (coded("BED"), 10, 10, Kind.DAILY),
        (coded("WK"), 10 / 7, 10, Kind.WEEKLY),
        (coded("MO"), 10 / 30.4375, 10, Kind.OTHER),
        ({"code": {"coding": [{"code": "QD"}]}}, 10, 10, Kind.DAILY),
        ({"code": {"text": "Every other day"}}, 5, 10, Kind.EVERY_OTHER_DAY),
        ({"code": {"text": "Daily"}}, 10, 10, Kind.DAILY),
        ({"code": {"text": "Every 6 (six) hours"}}, 40, 40, Kind.DAILY),
        (
            {"code": {"coding": [{"system": "urn:oid:1.2", "code": "QOD1", "display": "Every other day"}]}},
            5,
            10,
            Kind.EVERY_OTHER_DAY,
        ),
        ({"event": ["2030-01-01", "2030-01-03", "2030-01-05"]}, 5, 10, Kind.EVERY_OTHER_DAY),
        ({"event": ["2030-01-01", "2030-01-08", "2030-01-15"]}, 10 / 7, 10, Kind.WEEKLY),
        (
            {"event": [f"2030-01-0{day}T{hour}:00:00Z" for day in (1, 2, 3) for hour in ("08", "20")]},
            20,
            20,
            Kind.DAILY,
        ),
        ({"event": ["2030-01-01"], **repeat(frequency=1, period=1, periodUnit="d")}, 10, 10, Kind.DAILY),
    ],
)
def test_frequency(timing: dict[str, Any], average: float, highest: float, kind: Kind) -> None:
    dose = read(timing)
    assert dose.average_mg_per_day == pytest.approx(average)
    assert dose.highest_mg_per_day == pytest.approx(highest)
    assert dose.schedule.kind is kind
    assert not dose.unreadable
    assert not dose.contradictions


@pytest.mark.parametrize(
    ("timing", "code"),
    [
        (None, IssueCode.NO_FREQUENCY),
        ({}, IssueCode.NO_FREQUENCY),
        ("daily", IssueCode.NO_FREQUENCY),
        (repeat(frequency=1), IssueCode.NO_FREQUENCY),
        (repeat(frequency=1, period=1), IssueCode.NO_FREQUENCY),
        (repeat(frequency=1, period=1, periodUnit="moon"), IssueCode.NO_FREQUENCY),
        (repeat(frequency=0, period=1, periodUnit="d"), IssueCode.NO_FREQUENCY),
        (repeat(frequency=1, period=0, periodUnit="d"), IssueCode.NO_FREQUENCY),
        (repeat(frequency="often", period=1, periodUnit="d"), IssueCode.NO_FREQUENCY),
        (repeat(when=["C"]), IssueCode.NO_FREQUENCY),
        (repeat(boundsPeriod={"start": "2030-01-01"}), IssueCode.NO_FREQUENCY),
        ({"event": ["2030-01-01"]}, IssueCode.NO_FREQUENCY),
        ({"event": ["soon", "later", "last"]}, IssueCode.AMBIGUOUS_TIMING),
        ({"event": ["2030-01-01", "2030-01-02", "2030-01-04", "2030-01-09"]}, IssueCode.AMBIGUOUS_TIMING),
        (repeat(frequency=1, period=1, periodUnit="d", timeOfDay=["08:00", "20:00"]), IssueCode.AMBIGUOUS_TIMING),
        (repeat(frequency=1, period=1, periodUnit="wk", dayOfWeek=["mon", "wed", "fri"]), IssueCode.AMBIGUOUS_TIMING),
        (repeat(dayOfWeek=["someday"]), IssueCode.AMBIGUOUS_TIMING),
        (repeat(frequency=14, period=28, periodUnit="d"), IssueCode.AMBIGUOUS_TIMING),
        ({"code": {"text": "See instructions"}}, IssueCode.NO_FREQUENCY),
        (coded("QD", "http://loinc.org"), IssueCode.NO_FREQUENCY),
        (coded("ONCE"), IssueCode.NO_FREQUENCY),
    ],
)
def test_a_frequency_that_cannot_be_read(timing: object, code: IssueCode) -> None:
    dose = read(timing)
    assert dose.average_mg_per_day is None
    assert [issue.code for issue in dose.unreadable] == [code]
    assert dose.single_mg == 10


def test_an_open_frequency_counts_with_its_highest() -> None:
    times = read(repeat(frequency=1, frequencyMax=2, period=1, periodUnit="d"))
    assert times.average_mg_per_day == 20
    spacing = read(repeat(frequency=1, period=4, periodMax=6, periodUnit="h"))
    assert spacing.average_mg_per_day == 60
    assert times.has(IssueCode.RANGE)
    assert spacing.has(IssueCode.RANGE)


def test_repeat_governs_over_a_code_that_differs() -> None:
    dose = read({**repeat(frequency=1, period=2, periodUnit="d"), **coded("QD")})
    assert dose.average_mg_per_day == 5
    assert dose.safety_mg_per_day == 10
    assert dose.contradictions == ("frequency: timing.repeat says every other day, timing.code 1 per day",)


@pytest.mark.parametrize(
    "fields",
    [
        {"asNeededBoolean": True},
        {"asNeeded": True},
        {"asNeededCodeableConcept": {"text": "pain"}},
        {"asNeededFor": [{"text": "pain"}]},
        {"text": "10 mg daily as needed"},
        {"timing": {"code": {"text": "Every 6 hours as needed"}}},
    ],
)
def test_as_needed_is_no_daily_dose(fields: dict[str, Any]) -> None:
    fields = {"timing": repeat(frequency=1, period=6, periodUnit="h"), **fields}
    dose = read(fields.pop("timing"), **fields)
    assert dose.as_needed
    assert dose.average_mg_per_day is None
    assert dose.single_mg == 10
    assert [issue.code for issue in dose.unreadable] == [IssueCode.AS_NEEDED]
    assert dose.safety_mg_per_day == 40


def test_the_coded_denial_of_as_needed_governs() -> None:
    timing = repeat(frequency=1, period=1, periodUnit="d")
    dose = read(timing, asNeededBoolean=False, text="10 mg daily, antiemetic as needed")
    assert dose.average_mg_per_day == 10
    assert dose.contradictions == ("as needed: the text says so, the coded field denies it",)


DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}


def days(value: float, unit: str = "d") -> dict[str, object]:
    return {"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}


CONTINUOUS = Schedule(Kind.CONTINUOUS, explicit=True)


@pytest.mark.parametrize(
    ("bounds", "schedule"),
    [
        ({}, Schedule(Kind.DAILY)),
        ({"boundsPeriod": {"start": "2030-01-01"}}, Schedule(Kind.DAILY)),
        ({"boundsDuration": days(28)}, CONTINUOUS),
        ({"boundsDuration": days(4, "wk")}, CONTINUOUS),
        ({"boundsQuantity": days(28)}, CONTINUOUS),
        ({"boundsDuration": days(22)}, CONTINUOUS),
        ({"boundsDuration": days(21)}, Schedule(Kind.DAILY, days_on=21)),
        ({"boundsDuration": days(3, "wk")}, Schedule(Kind.DAILY, days_on=21)),
        ({"boundsDuration": {"value": 28}}, Schedule(Kind.DAILY)),
        ({"boundsRange": {"low": days(14), "high": days(28)}}, Schedule(Kind.DAILY, days_on=28)),
        ({"boundsRange": {"low": days(24), "high": days(28)}}, CONTINUOUS),
        ({"boundsPeriod": {"start": "2030-01-01", "end": "2030-01-21"}}, Schedule(Kind.DAILY, days_on=21)),
        ({"boundsPeriod": {"start": "2030-01-01", "end": "2030-01-22"}}, Schedule(Kind.DAILY, days_on=22)),
        ({"boundsPeriod": {"start": "2030-01-01", "end": "2030-01-23"}}, CONTINUOUS),
        (
            {"boundsPeriod": {"start": "2030-01-01T08:00:00Z", "end": "2030-01-22T08:00:00Z"}},
            Schedule(Kind.DAILY, days_on=21),
        ),
        ({"boundsPeriod": {"start": "2030-01-01T08:00:00Z", "end": "2030-01-28T23:59:59+02:00"}}, CONTINUOUS),
        ({"boundsPeriod": {"start": "2030-01-01T08:00:00", "end": "2030-01-28"}}, CONTINUOUS),
        ({"boundsPeriod": {"start": "2030-01", "end": "2030-03"}}, Schedule(Kind.DAILY)),
        ({"boundsPeriod": {"start": "2030-02-01", "end": "2030-01-01"}}, Schedule(Kind.DAILY)),
        ({"count": 21}, Schedule(Kind.DAILY, days_on=21)),
        ({"count": 28}, CONTINUOUS),
        ({"count": 28, "frequency": 2}, Schedule(Kind.DAILY, days_on=14)),
        ({"count": "many"}, Schedule(Kind.DAILY)),
        ({"frequency": 21, "period": 28}, Schedule(Kind.CYCLIC, 21, 28, explicit=True)),
        ({"frequency": 21, "period": 4, "periodUnit": "wk"}, Schedule(Kind.CYCLIC, 21, 28, explicit=True)),
        ({"frequency": 14, "period": 21}, Schedule(Kind.CYCLIC, 14, 21, explicit=True)),
        ({"period": 2, "boundsDuration": days(28)}, Schedule(Kind.EVERY_OTHER_DAY, explicit=True)),
    ],
)
def test_schedule_from_bounds_and_counts(bounds: dict[str, Any], schedule: Schedule) -> None:
    assert read({"repeat": {**DAILY, **bounds}}).schedule == schedule


def test_rest_days_do_not_lower_the_average() -> None:
    assert read({"repeat": {**DAILY, "frequency": 21, "period": 28}}).average_mg_per_day == 10


def test_bounds_apply_to_a_code_as_well() -> None:
    assert read({**coded("QD"), "repeat": {"boundsDuration": days(28)}}).schedule == CONTINUOUS


def test_planned_dates_with_rest_between_them_are_a_cycle() -> None:
    months = [f"2030-01-{day:02}" for day in range(1, 22)] + [f"2030-01-{day}" for day in (29, 30, 31)]
    dose = read({"event": months})
    assert dose.schedule == Schedule(Kind.CYCLIC, 21, 28, explicit=True)
    assert dose.average_mg_per_day == 10


def test_more_than_three_weeks_of_planned_dates_are_continuous() -> None:
    assert read({"event": [f"2030-01-{day:02}" for day in range(1, 29)]}).schedule == CONTINUOUS


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule(Kind.CYCLIC, 21, 28, explicit=True), "daily, 21 of 28 days"),
        (Schedule(Kind.CYCLIC, 21, None, explicit=True), "daily, 21 days on"),
        (Schedule(Kind.DAILY, 21), "daily, for 21 days"),
        (Schedule(Kind.DAILY), "daily"),
        (CONTINUOUS, "daily without rest days"),
        (Schedule(Kind.EVERY_OTHER_DAY, 21, 28, explicit=True), "every other day, 21 of 28 days"),
    ],
)
def test_schedule_in_words(schedule: Schedule, words: str) -> None:
    assert schedule.describe() == words
