"""The amount of one administration from coded fields, in every FHIR version."""

from itertools import permutations
from typing import Any

import pytest

from cds_hooks.chart.dosing import DoseOrigin, IssueCode, read_dose

DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
EPIC = "http://epic.com/CodeSystem/dose-rate-type"
HL7 = "http://terminology.hl7.org/CodeSystem/dose-rate-type"


def quantity(value: object, unit: str = "mg", code: str | None = None, system: str = "") -> dict[str, object]:
    made: dict[str, object] = {"value": value}
    if unit:
        made["unit"] = unit
    if code is not None:
        made["code"] = code
    if system:
        made["system"] = system
    return made


def row(value: object, kind: str = "", unit: str = "mg", system: str = EPIC) -> dict[str, object]:
    made: dict[str, object] = {"doseQuantity": quantity(value, unit)}
    if kind:
        made["type"] = {"coding": [{"system": system, "code": kind}], "text": kind}
    return made


def order(*rows: dict[str, object], **fields: Any) -> dict[str, Any]:
    return {"dosageInstruction": [{"timing": DAILY, "doseAndRate": list(rows), **fields}]}


@pytest.mark.parametrize(
    "shape",
    [
        {"dosageInstruction": [{"timing": DAILY, "doseAndRate": [{"doseQuantity": quantity(25)}]}]},
        {"dosageInstruction": [{"timing": DAILY, "doseQuantity": quantity(25)}]},
        {"dosageInstruction": {"timing": DAILY, "doseQuantity": quantity(25)}},
        {"dosage": [{"timing": DAILY, "doseAndRate": [{"doseQuantity": quantity(25)}]}]},
        {"dosage": [{"timing": DAILY, "quantityQuantity": quantity(25)}]},
        {"dosage": {"timing": DAILY, "dose": quantity(25)}},
        {"dosageInstruction": [{"timing": DAILY, "doseAndRate": {"doseQuantity": quantity(25)}}]},
        {"dosageInstruction": [{"timing": DAILY, "doseQuantity": quantity("25")}]},
    ],
)
def test_every_version_has_its_place_for_the_dose(shape: dict[str, Any]) -> None:
    dose = read_dose(shape, strength_mg=None)
    assert (dose.single_mg, dose.average_mg_per_day, dose.origin) == (25, 25, DoseOrigin.STRUCTURED)
    assert dose.is_entered
    assert not dose.unreadable


@pytest.mark.parametrize(
    ("made", "mg"),
    [
        (quantity(25, "mg", "mg"), 25),
        (quantity(25, "MG"), 25),
        (quantity(25, "Mg", "Mg"), 25),
        (quantity(25, "milligram(s)"), 25),
        (quantity(25, "", "mg"), 25),
        (quantity(25, "milligrams", "C28253"), 25),
        (quantity(25, "milligram", "258684004", "http://snomed.info/sct"), 25),
        (quantity(0.025, "g", "g"), 25),
        (quantity(25000, "ug", "ug"), 25),
        (quantity(25000, "mcg"), 25),
        (quantity(25000, "µg"), 25),
        (quantity(25000, "μg"), 25),
        (quantity(25, "mg", "998877", "urn:oid:1.2.3"), 25),
    ],
)
def test_units_of_mass(made: dict[str, object], mg: float) -> None:
    dose = read_dose({"dosageInstruction": [{"timing": DAILY, "doseQuantity": made}]}, strength_mg=None)
    assert dose.single_mg == mg


@pytest.mark.parametrize(
    "made",
    [
        quantity(2, "capsule", "{capsule}"),
        quantity(2, "", "{cap}"),
        quantity(2, "capsule"),
        quantity(2, "Caps"),
        quantity(2, "CAP", "CAP", "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"),
        quantity(2, "capsule(s)"),
        quantity(2, "tablet", "{tbl}"),
        quantity(2, "pill", "{pill}", "http://unitsofmeasure.org"),
        quantity(2, "Capsule", "C48480"),
        quantity(2, "Capsule", "385049006", "http://snomed.info/sct"),
        quantity(2, "", "732937005", "http://snomed.info/sct"),
        quantity(2, "", "1", "http://unitsofmeasure.org"),
        quantity(2, "capsule", "1", "http://unitsofmeasure.org"),
    ],
)
def test_units_that_count_capsules(made: dict[str, object]) -> None:
    instruction = {"dosageInstruction": [{"timing": DAILY, "doseQuantity": made}]}
    dose = read_dose(instruction, strength_mg=5)
    assert (dose.single_mg, dose.average_mg_per_day, dose.origin) == (10, 10, DoseOrigin.STRENGTH)
    unknown = read_dose(instruction, strength_mg=None)
    assert unknown.average_mg_per_day is None
    assert unknown.has(IssueCode.CAPSULES_WITHOUT_STRENGTH)
    assert unknown.instructions[0].capsules == 2


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (quantity(1, "film"), IssueCode.UNKNOWN_UNIT),
        (quantity(1, "patch", "{patch}"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, ""), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "mg/m2"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "mg/kg", "mg"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "mg", "mg/kg"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "mg", "g"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "mg", "1"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "film", "1"), IssueCode.UNKNOWN_UNIT),
        (quantity(25, "mg", "mL", "http://unitsofmeasure.org"), IssueCode.UNKNOWN_UNIT),
        (quantity(None, "mg"), IssueCode.NO_DOSE),
        (quantity("some", "mg"), IssueCode.NO_DOSE),
        (quantity(True, "mg"), IssueCode.NO_DOSE),
        (quantity(float("nan"), "mg"), IssueCode.NO_DOSE),
        (quantity(10**400, "mg"), IssueCode.NO_DOSE),
        (quantity(0, "mg"), IssueCode.AMBIGUOUS_DOSE),
        (quantity(-5, "mg"), IssueCode.AMBIGUOUS_DOSE),
        ({**quantity(25), "comparator": "<"}, IssueCode.AMBIGUOUS_DOSE),
    ],
)
def test_an_amount_that_cannot_be_read(made: dict[str, object], code: IssueCode) -> None:
    dose = read_dose({"dosageInstruction": [{"timing": DAILY, "doseQuantity": made}]}, strength_mg=25)
    assert dose.single_mg is None
    assert dose.average_mg_per_day is None
    assert [issue.code for issue in dose.unreadable] == [code]
    assert all(str(issue) for issue in dose.unreadable)


@pytest.mark.parametrize("system", [EPIC, HL7])
def test_ordered_governs_whatever_the_order_of_rows(system: str) -> None:
    rows = [
        row(10, "calculated", system=system),
        row(1, "admin-amount", "capsule", system),
        row(25, "ordered", system=system),
    ]
    doses = {repr(read_dose(order(*some), strength_mg=None)) for some in permutations(rows)}
    assert len(doses) == 1
    dose = read_dose(order(*rows), strength_mg=None)
    assert dose.single_mg == 25
    assert dose.contradictions == ("dose: ordered 25 mg, but calculated 10 mg",)
    assert dose.safety_mg_per_day == 25


def test_calculated_comes_before_an_untyped_row_and_rows_are_never_added() -> None:
    assert read_dose(order(row(10), row(25, "calculated")), strength_mg=None).single_mg == 25
    assert read_dose(order(row(25, "ordered"), row(25, "calculated")), strength_mg=None).average_mg_per_day == 25


def test_an_unreadable_ordered_row_gives_way_to_the_next() -> None:
    dose = read_dose(order(row(1, "ordered", "film"), row(25, "calculated")), strength_mg=None)
    assert dose.average_mg_per_day == 25
    assert dose.has(IssueCode.FIELD_NOT_READ)


def test_the_admin_amount_is_the_last_resort() -> None:
    rows = order(row(2, "admin-amount", "capsule"))
    assert read_dose(rows, strength_mg=5).average_mg_per_day == 10
    assert read_dose(rows, strength_mg=None).has(IssueCode.CAPSULES_WITHOUT_STRENGTH)


def test_the_admin_amount_is_cross_checked_against_the_strength() -> None:
    rows = order(row(25, "ordered"), row(2, "admin-amount", "capsule"))
    dose = read_dose(rows, strength_mg=25)
    assert dose.average_mg_per_day == 25
    assert dose.contradictions == ("dose: ordered 25 mg, but amount to administer 2 × 25 mg = 50 mg",)
    assert dose.safety_mg_per_day == 50
    agreeing = read_dose(order(row(25, "ordered"), row(1, "admin-amount", "capsule")), strength_mg=25)
    assert not agreeing.contradictions
    assert agreeing.instructions[0].capsules == 1


def test_two_untyped_rows_that_differ_leave_no_dose() -> None:
    dose = read_dose(order(row(10), row(25)), strength_mg=None)
    assert dose.single_mg is None
    assert [issue.code for issue in dose.unreadable] == [IssueCode.AMBIGUOUS_DOSE]
    assert dose.safety_mg_per_day == 25
    assert read_dose(order(row(25), row(1, unit="capsule")), strength_mg=25).average_mg_per_day == 25


def test_the_sig_does_not_decide_between_contradictory_fields() -> None:
    dose = read_dose(order(row(10), row(25), text="25 mg daily"), strength_mg=None)
    assert dose.average_mg_per_day is None


@pytest.mark.parametrize(
    ("limits", "high"),
    [
        ({"low": quantity(5), "high": quantity(10)}, 10),
        ({"low": quantity(1, "capsule"), "high": quantity(2, "capsule")}, 10),
        ({"low": {"value": 5}, "high": quantity(10)}, 10),
        ({"low": quantity(5), "high": {"value": 10}}, 10),
        ({"low": quantity(10), "high": quantity(10)}, 10),
        ({"high": quantity(10)}, 10),
    ],
)
@pytest.mark.parametrize("nested", [True, False])
def test_a_range_counts_with_its_high_end(limits: dict[str, object], high: float, nested: bool) -> None:
    place: dict[str, object] = {"doseAndRate": [{"doseRange": limits}]} if nested else {"doseRange": limits}
    dose = read_dose({"dosageInstruction": [{"timing": DAILY, **place}]}, strength_mg=5)
    assert (dose.single_mg, dose.average_mg_per_day) == (high, high)
    is_open = limits.get("low") not in (None, limits["high"])
    assert dose.has(IssueCode.RANGE) is is_open
    assert not dose.unreadable


@pytest.mark.parametrize(
    "limits",
    [
        {"low": quantity(10)},
        {"low": quantity(10), "high": quantity(5)},
        {"low": quantity(1, "capsule"), "high": quantity(10)},
        {"low": quantity(1, "film"), "high": quantity(10)},
    ],
)
def test_a_range_that_makes_no_sense(limits: dict[str, object]) -> None:
    dose = read_dose({"dosageInstruction": [{"timing": DAILY, "doseRange": limits}]}, strength_mg=5)
    assert dose.has(IssueCode.AMBIGUOUS_DOSE)
    assert dose.average_mg_per_day is None


def test_a_limit_is_no_dose() -> None:
    limit = {"numerator": quantity(25), "denominator": quantity(1, "d", "d")}
    dose = read_dose({"dosageInstruction": [{"timing": DAILY, "maxDosePerPeriod": limit}]}, strength_mg=25)
    assert dose.single_mg is None
    assert not dose.is_entered


def test_capsules_cannot_be_divided() -> None:
    assert read_dose(order(row(1.5, unit="capsule")), strength_mg=10).has(IssueCode.PARTIAL_CAPSULES)
    assert read_dose(order(row(10)), strength_mg=25).has(IssueCode.PARTIAL_CAPSULES)
    assert not read_dose(order(row(50)), strength_mg=25).has(IssueCode.PARTIAL_CAPSULES)


@pytest.mark.parametrize(
    "unentered",
    [
        {},
        {"dosageInstruction": []},
        {"dosageInstruction": None},
        {"dosageInstruction": [{"route": {"text": "Oral"}}]},
        {"dosageInstruction": [{"timing": DAILY, "asNeededBoolean": False}]},
        {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"unit": "mg"}}]}]},
    ],
)
def test_a_dose_that_is_not_entered_yet(unentered: dict[str, Any]) -> None:
    dose = read_dose(unentered, strength_mg=25)
    assert not dose.is_entered
    assert not dose.is_readable
    assert dose.has(IssueCode.NO_DOSAGE) or dose.has(IssueCode.NO_DOSE)


def test_an_empty_order_has_no_dosage() -> None:
    assert [issue.code for issue in read_dose({}, strength_mg=None).unreadable] == [IssueCode.NO_DOSAGE]


def test_a_sig_counts_as_entered() -> None:
    dose = read_dose({"dosageInstruction": [{"text": "Take as directed"}]}, strength_mg=25)
    assert dose.is_entered
    assert {issue.code for issue in dose.unreadable} == {IssueCode.NO_DOSE, IssueCode.NO_FREQUENCY}
