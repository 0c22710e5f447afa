"""Free-text sigs: what is read, and what must not be."""

import pytest

from cds_hooks.chart.dosing import Combination, Dose, DoseOrigin, IssueCode, Schedule, ScheduleKind, read_dose
from cds_hooks.chart.dosing.sig.scan import RULES, scan

Kind = ScheduleKind
DAILY = Schedule(Kind.DAILY)
LABEL = Schedule(Kind.CYCLIC, 21, 28, explicit=True)
D1_21 = Schedule(Kind.CYCLIC, 21, None, explicit=True)
CONTINUOUS = Schedule(Kind.CONTINUOUS, explicit=True)
OTHER_DAY = Schedule(Kind.EVERY_OTHER_DAY, explicit=True)
SOME_DAYS = Schedule(Kind.DAYS_OF_WEEK, explicit=True)


def read(sig: str, strength: float | None = None) -> Dose:
    return read_dose(
        {"dosageInstruction": [{"text": sig}]}, strength_mg=strength, drug_names=("lenalidomide", "Revlimid")
    )


@pytest.mark.parametrize("row", RULES, ids=lambda row: row.name)
def test_every_pattern_reads_its_example(row) -> None:  # type: ignore[no-untyped-def]
    assert row.name in [placed.rule for placed in scan(row.example, frozenset()).items]


def test_pattern_names_are_unique() -> None:
    names = [row.name for row in RULES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("sig", "average", "schedule"),
    [
        ("25 mg PO daily d1-21 q28d", 25, LABEL),
        ("25 mg daily on days 1-21 of 28", 25, LABEL),
        ("25 mg daily on days 1–21 of each 28\u2011day cycle", 25, LABEL),
        ("lenalidomide 25 mg PO once daily on Days 1-21 of repeated 28-day cycles", 25, LABEL),
        ("25 mg daily days 1 through 21 every 28 days", 25, LABEL),
        ("25 mg daily day 1 to day 21 of 28", 25, LABEL),
        ("25 mg D1-21 Q4W", 25, LABEL),
        ("25 mg daily (days 1-21/28)", 25, LABEL),
        ("25 mg days 1-21, 28 day cycle", 25, LABEL),
        ("25 mg qd 21/28", 25, LABEL),
        ("25 mg daily 21 out of 28 days", 25, LABEL),
        ("25 mg daily for 21 days of a 28 day cycle", 25, LABEL),
        ("25 mg daily for the first 21 days of a 28-day cycle", 25, LABEL),
        ("25 mg daily x21d q28d", 25, LABEL),
        ("25 mg once daily for 21 days, then 7 days off", 25, LABEL),
        ("25 mg daily for 21 days, followed by 7 days of rest", 25, LABEL),
        ("25 mg daily x 3 wk then off x 1 wk", 25, LABEL),
        ("25 mg daily, 3 weeks on/1 week off", 25, LABEL),
        ("revlimid 25 mg qd 21d on 7d off", 25, LABEL),
        ("25 mg daily. 21 on / 7 off", 25, LABEL),
        ("25 mg daily for 21 days then hold for 7 days", 25, LABEL),
        ("25 mg daily for 21 days, rest 7 days and repeat", 25, LABEL),
        ("25 mg daily for 21 days. Repeat every 28 days.", 25, LABEL),
        ("25 mg daily, days 1-21; rest days 22-28.", 25, LABEL),
        ("25 mg daily on days 1-21. Do not take on days 22-28.", 25, LABEL),
        ("25 mg daily. Days 1-21. Cycle length 28 days.", 25, LABEL),
        ("25 mg daily days 1-21 then 7 day rest. 28 day cycle.", 25, LABEL),
        ("25 mg daily for 3 of every 4 weeks", 25, LABEL),
        ("twenty-five mg daily, twenty-one days on, seven days off", 25, LABEL),
        ("25 mg on days 1-21", 25, D1_21),
        ("25 mg daily days 1-21 of each cycle", 25, D1_21),
        ("25 mg d1-4, 9-12, 17-20", 25, Schedule(Kind.CYCLIC, 12, None, explicit=True)),
        ("10 mg bid d1-14 q21d", 20, Schedule(Kind.CYCLIC, 14, 21, explicit=True)),
        ("10mg qd continuous", 10, CONTINUOUS),
        ("10 mg daily continuously until progression", 10, CONTINUOUS),
        ("10 mg daily without interruption", 10, CONTINUOUS),
        ("10 mg daily, no days off", 10, CONTINUOUS),
        ("10 mg daily every day of the cycle", 10, CONTINUOUS),
        ("10 mg daily d1-28", 10, CONTINUOUS),
        ("10 mg daily days 1-28 of 28-day cycle", 10, Schedule(Kind.CONTINUOUS, None, 28, explicit=True)),
        ("10 mg daily for 28 days", 10, CONTINUOUS),
        ("10 mg daily x 3 months", 10, CONTINUOUS),
        ("25 mg daily for 21 days", 25, Schedule(Kind.DAILY, 21)),
        ("25 mg daily continuously for 21 days", 25, Schedule(Kind.DAILY, 21)),
        ("25 mg continuous daily dosing days 1-21 of 28", 25, LABEL),
        ("10 mg daily for a week", 10, Schedule(Kind.DAILY, 7)),
        ("10 mg daily", 10, DAILY),
        ("10 mg daily; 28-day cycle", 10, DAILY),
        ("10 mg q.d.", 10, DAILY),
        ("10 mg p.o. q. d.", 10, DAILY),
        ("10 mg QDay", 10, DAILY),
        ("10 mg every 24 hours", 10, DAILY),
        ("10 mg q24h", 10, DAILY),
        ("10mg/day", 10, DAILY),
        ("10 mg per day", 10, DAILY),
        ("10 mg 1x/d", 10, DAILY),
        ("10 mg 1 (one) time each day", 10, DAILY),
        ("Daily: 10 mg", 10, DAILY),
        ("10 mg once a day at the same time each day", 10, DAILY),
        ("10 mg nightly at bedtime", 10, DAILY),
        ("10 mg in the morning with breakfast", 10, DAILY),
        ("10 mg Q AM", 10, DAILY),
        ("10 mg hs", 10, DAILY),
        ("10 mg at 8 am daily", 10, DAILY),
        ("10 mg at 8 am and 8 pm", 20, DAILY),
        ("10 mg with breakfast and dinner", 20, DAILY),
        ("10 mg twice daily", 20, DAILY),
        ("10 mg 2 (two) times a day", 20, DAILY),
        ("10 mg every 12 hours", 20, DAILY),
        ("10 mg bd", 20, DAILY),
        ("15 mg every other day", 7.5, OTHER_DAY),
        ("15 mg q.o.d.", 7.5, OTHER_DAY),
        ("15 mg QOD", 7.5, OTHER_DAY),
        ("15 mg on alternate days", 7.5, OTHER_DAY),
        ("15 mg every second day", 7.5, OTHER_DAY),
        ("15 mg Q 48 hrs", 7.5, OTHER_DAY),
        ("15 mg every 2 days", 7.5, OTHER_DAY),
        ("15 mg every other day on days 1-21 of 28", 7.5, Schedule(Kind.EVERY_OTHER_DAY, 21, 28, explicit=True)),
        ("15 mg days 1,3,5,7 of 28", 7.5, Schedule(Kind.EVERY_OTHER_DAY, 7, 28, explicit=True)),
        ("14 mg weekly", 2, Schedule(Kind.WEEKLY, explicit=True)),
        ("14 mg every Monday", 2, Schedule(Kind.WEEKLY, explicit=True)),
        ("14 mg days 1, 8, 15, 22", 2, Schedule(Kind.WEEKLY, 22, None, explicit=True)),
        ("14 mg every other week", 1, Schedule(Kind.OTHER, explicit=True)),
        ("7 mg daily Mon/Wed/Fri", 3, SOME_DAYS),
        ("7 mg on Monday, Wednesday and Friday", 3, SOME_DAYS),
        ("7 mg MWF", 3, SOME_DAYS),
        ("7 mg Mon-Fri", 5, SOME_DAYS),
        ("7 mg three times a week", 3, SOME_DAYS),
        ("7 mg 5 days a week", 5, SOME_DAYS),
        ("7 mg TIW after HD", 3, Schedule(Kind.DAYS_OF_WEEK, explicit=True, after_dialysis=True)),
        ("5 mg once daily, after dialysis on dialysis days", 5, Schedule(Kind.DAILY, after_dialysis=True)),
        ("2,5 mg daily", 2.5, DAILY),
        (".5 mg daily", 0.5, DAILY),
        ("0.025 g daily", 25, DAILY),
        ("25,000 mcg daily", 25, DAILY),
        ("\uff12\uff15\u00a0mg\u200b daily", 25, DAILY),
        ("25 mg, Oral, DAILY, First dose on Mon 1/1/30 at 0900, For 21 days", 25, Schedule(Kind.DAILY, 21)),
    ],
)
def test_mass_and_schedule(sig: str, average: float, schedule: Schedule) -> None:
    dose = read(sig)
    assert dose.average_mg_per_day == pytest.approx(average)
    assert dose.schedule == schedule
    assert dose.origin is DoseOrigin.TEXT
    assert not dose.unreadable
    assert not dose.contradictions


@pytest.mark.parametrize(
    ("sig", "strength", "average"),
    [
        ("Take 1 capsule by mouth daily on days 1-21 of 28", 25, 25),
        ("Take one capsule daily", 25, 25),
        ("take a capsule daily", 25, 25),
        ("1 cap po qd", 25, 25),
        ("1 tab daily", 25, 25),
        ("take one by mouth daily", 25, 25),
        ("1 po qd", 25, 25),
        ("one capsule at bedtime", 25, 25),
        ("1 cap QOD", 15, 7.5),
        ("TAKE 2 CAPSULE(S) DAILY", 5, 10),
        ("two capsules each morning", 5, 10),
        ("Take 1 capsule (25 mg total) by mouth once daily for 21 days, then 7 days off", 25, 25),
        ("Take 1 capsule (25 mg total) by mouth daily", None, 25),
        ("1 cap (25mg) daily", None, 25),
        ("1 capsule, 25 mg, daily", None, 25),
        ("1 capsule = 25 mg daily", None, 25),
        ("1 capsule by mouth daily (25 mg)", None, 25),
        ("Take 2 capsules (10 mg total) daily", None, 10),
        ("Take 2 capsules (10 mg) daily", 5, 10),
        ("Take 2 capsules (5 mg) daily", 5, 10),
        ("Take 2 capsules (5 mg each) daily", None, 10),
        ("Take 10 mg (2 capsules) daily", None, 10),
        ("Take 10 mg (two 5 mg capsules) daily", None, 10),
        ("take two 5 mg capsules daily", None, 10),
        ("2 x 5 mg daily", None, 10),
        ("2x5 mg capsules daily", None, 10),
        ("Take 1 25 mg capsule daily", None, 25),
        ("Take a 25-mg capsule daily", None, 25),
        ("Revlimid 25 mg: 1 capsule daily", None, 25),
        ("Revlimid 5 mg capsule. Take 2 capsules daily", None, 10),
        ("lenalidomide 5 mg capsules, 2 capsules daily", 5, 10),
        ("Revlimid 5 mg, take 2 capsules daily", 5, 10),
        ("Take one 20 mg capsule and one 5 mg capsule daily", None, 25),
        ("Take one 20 mg capsule with one 5 mg capsule daily for a total daily dose of 25 mg", 20, 25),
        ("20 mg + 5 mg daily", None, 25),
        ("25 mg daily (2 x 10 mg + 1 x 5 mg)", None, 25),
        ("Take 1 capsule 20 mg and 1 capsule 5 mg daily", None, 25),
        ("Take 1 tablet (5 mg total) by mouth daily. TAKE 1 TABLET(5 MG) BY MOUTH EVERY DAY", 5, 5),
        ("Dosage: 25 mg, Form: Capsule, Frequency: once per day, Route: Oral", 25, 25),
        ("Take 1 capsule (25 mg total) daily. Take 1 capsule (25 mg total) daily.", 25, 25),
    ],
)
def test_capsules(sig: str, strength: float | None, average: float) -> None:
    dose = read(sig, strength)
    assert dose.average_mg_per_day == pytest.approx(average)
    assert not dose.contradictions


def test_the_origin_tells_a_mass_from_a_count() -> None:
    assert read("1 capsule daily", 25).origin is DoseOrigin.STRENGTH_AND_TEXT
    assert read("1 capsule (25 mg) daily", 25).origin is DoseOrigin.TEXT


@pytest.mark.parametrize(
    "sig", ["25 mg", "25 mg täglich", "25 mg for 21 days", "25 mg one time only", "25 mg with meals"]
)
def test_a_sig_without_a_frequency(sig: str) -> None:
    dose = read(sig)
    assert dose.single_mg == 25
    assert [issue.code for issue in dose.unreadable] == [IssueCode.NO_FREQUENCY]
    assert dose.safety_mg_per_day is None


def test_after_dialysis_alone_does_not_tell_how_often() -> None:
    dose = read("5 mg po after dialysis")
    assert dose.schedule == Schedule(Kind.AFTER_DIALYSIS, explicit=True, after_dialysis=True)
    assert dose.average_mg_per_day is None
    assert (dose.single_mg, dose.highest_mg_per_day, dose.safety_mg_per_day) == (5, 5, 5)
    assert [issue.code for issue in dose.unreadable] == [IssueCode.NO_FREQUENCY]


def test_as_needed_in_a_sig() -> None:
    dose = read("25 mg daily as needed")
    assert dose.as_needed
    assert (dose.single_mg, dose.average_mg_per_day) == (25, None)
    assert [issue.code for issue in dose.unreadable] == [IssueCode.AS_NEEDED]


@pytest.mark.parametrize(
    ("sig", "high"),
    [
        ("5-10 mg daily", 10),
        ("5 mg to 10 mg daily", 10),
        ("1-2 capsules daily", 10),
        ("one or two capsules daily", 10),
        ("up to 2 capsules daily", 10),
    ],
)
def test_a_range_in_a_sig_counts_with_its_high_end(sig: str, high: float) -> None:
    dose = read(sig, 5)
    assert dose.average_mg_per_day == high
    assert dose.has(IssueCode.RANGE)


@pytest.mark.parametrize(
    ("sig", "average", "highest"),
    [
        ("10 mg in the morning and 5 mg in the evening", 15, 15),
        ("10 mg AM, 5 mg PM", 15, 15),
        ("10 mg at 08:00 and 5 mg at 20:00", 15, 15),
        ("7 mg Mon Wed Fri and 14 mg Tue Thu Sat Sun", 11, 14),
    ],
)
def test_amounts_side_by_side_are_added(sig: str, average: float, highest: float) -> None:
    dose = read(sig)
    assert dose.combination is Combination.CONCURRENT
    assert dose.average_mg_per_day == pytest.approx(average)
    assert dose.highest_mg_per_day == pytest.approx(highest)


@pytest.mark.parametrize(
    "sig",
    [
        "25 mg daily for 21 days, then 10 mg daily",
        "10 mg daily for 7 days then take 25 mg daily",
        "25 mg daily for 7 days then every other day",
    ],
)
def test_phases_are_not_added(sig: str) -> None:
    dose = read(sig)
    assert dose.combination is Combination.SEQUENTIAL
    assert dose.average_mg_per_day == 25
    assert [instruction.phase for instruction in dose.instructions] == [0, 1]


def test_a_strength_in_the_sig_that_is_not_the_products() -> None:
    dose = read("lenalidomide 25 mg capsules, take 1 capsule daily", 5)
    assert dose.contradictions == ("strength: the text names 25 mg, the product is 5 mg",)
    assert (dose.average_mg_per_day, dose.safety_mg_per_day) == (5, 25)
    other = read("Take 1 capsule (10 mg total) daily", 25)
    assert other.contradictions == ("amount: the text says 10 mg, 1 × 25 mg of the product are 25 mg",)
    assert (other.average_mg_per_day, other.safety_mg_per_day) == (10, 25)


def test_names_of_the_ordered_drug_may_precede_the_dose() -> None:
    sig = {"dosageInstruction": [{"text": "Lenangio 25 mg daily"}]}
    assert read_dose(sig, strength_mg=None).has(IssueCode.AMBIGUOUS_TEXT)
    assert read_dose(sig, strength_mg=None, drug_names=["Lenangio"]).average_mg_per_day == 25
    for medication in (
        {"medicationCodeableConcept": {"text": "Lenangio 25 mg capsules"}},
        {"medicationCodeableConcept": {"coding": [{"display": "LENANGIO 25 MG CAP"}]}},
        {"medicationReference": {"display": "Lenangio"}},
        {"medication": {"concept": {"text": "Lenangio"}}},
        {"medication": {"reference": {"display": "Lenangio"}}},
    ):
        assert read_dose({**sig, **medication}, strength_mg=None).average_mg_per_day == 25


def test_the_text_shown_is_tidy_and_short() -> None:
    assert read(" Take\u00a0 1\tcapsule \u200bdaily\n").text == "Take 1 capsule daily"
    long = read("Take 1 capsule daily " * 30).text
    assert len(long) <= 200
    assert long.endswith("…")
    assert read("x" * 5000).has(IssueCode.AMBIGUOUS_TEXT)
