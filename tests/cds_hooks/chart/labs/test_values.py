"""Values in every shape in which they are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cds_hooks.chart.labs import LabProblem, LabResult, Outcome

Build = Callable[..., dict[str, Any]]
One = Callable[..., LabResult]

V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ANC, CREATININE, INR, QUALITATIVE, QUANTITATIVE = "751-8", "2160-0", "6301-6", "2118-8", "21198-7"


def concept(code: str | None = None, text: str | None = None, display: str | None = None) -> dict[str, Any]:
    system = V3 if code in ("POS", "NEG", "IND", "A", "N") else "http://example.org"
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [{key: value for key, value in coding.items() if value}]} | ({"text": text} if text else {})


def test_a_quantity(one: One, obs: Build) -> None:
    result = one(obs(ANC, 850, "/uL", specimen={"reference": "Specimen/s1"}, issued="2025-06-19T09:00:00Z"))
    assert (result.analyte, result.value, result.unit, result.raw) == ("anc", 0.85, "10*3/uL", "850 /uL")
    assert (result.problem, result.preliminary, result.comparator) == (None, False, "")
    assert (result.specimen, str(result.when), str(result.issued)) == (
        "s1",
        "2025-06-19 08:00 UTC",
        "2025-06-19 09:00 UTC",
    )
    assert result.reference.startswith("Observation/o")


@pytest.mark.parametrize(
    ("quantity", "problem"),
    [
        ({"value": 1.2, "unit": "furlongs"}, LabProblem.UNKNOWN_UNIT),
        ({"value": 1.2}, LabProblem.MISSING_UNIT),
        ({"value": 1.2, "unit": "/uL", "code": "10*3/uL"}, LabProblem.CONFLICTING_UNIT),
        ({"value": 900, "unit": "K/uL"}, LabProblem.IMPLAUSIBLE),
        ({"value": -1, "unit": "K/uL"}, LabProblem.IMPLAUSIBLE),
        ({"value": 1.2, "unit": "K/uL", "comparator": "ad"}, LabProblem.COMPARATOR),
        ({"value": 1.2, "unit": "K/uL", "comparator": "~"}, LabProblem.COMPARATOR),
        ({"unit": "K/uL"}, LabProblem.NO_VALUE),
        ({"value": None, "unit": "K/uL"}, LabProblem.NO_VALUE),
        ({"value": "low", "unit": "K/uL"}, LabProblem.FREE_TEXT),
        ({"value": True, "unit": "K/uL"}, LabProblem.FREE_TEXT),
    ],
)
def test_quantities_that_cannot_be_read(quantity: dict[str, Any], problem: LabProblem, one: One, obs: Build) -> None:
    result = one(obs(ANC, valueQuantity=quantity))
    assert result.problem is problem
    assert result.is_below(1e9) is None
    assert len(result.raw) <= 60


def test_an_implausible_value_stays_visible(one: One, obs: Build) -> None:
    result = one(obs(CREATININE, 88, "mg/dL"))
    assert (result.problem, result.value, result.raw) == (LabProblem.IMPLAUSIBLE, 88, "88 mg/dL")


@pytest.mark.parametrize(
    ("value", "comparator", "number"),
    [
        ({"value": 0.5, "comparator": "<", "unit": "K/uL"}, "<", 0.5),
        ({"value": 0.5, "comparator": "\u2264", "unit": "K/uL"}, "<=", 0.5),
        ({"value": "<0.5", "unit": "K/uL"}, "<", 0.5),
        ({"value": "0.5", "unit": "K/uL"}, "", 0.5),
        ({"value": 500, "comparator": ">=", "unit": "/uL"}, ">=", 0.5),
    ],
)
def test_comparators(value: dict[str, Any], comparator: str, number: float, one: One, obs: Build) -> None:
    result = one(obs(ANC, valueQuantity=value))
    assert (result.problem, result.comparator, result.value) == (None, comparator, number)


@pytest.mark.parametrize(
    ("text", "comparator", "value"),
    [
        ("1.2 K/uL", "", 1.2),
        ("1.2K/uL", "", 1.2),
        ("1.2 x10E3/uL", "", 1.2),
        ("1.2 x 10^3/uL", "", 1.2),
        ("<0.5 K/uL", "<", 0.5),
        ("< 0.5 K/uL", "<", 0.5),
        (">= 2 10*3/uL", ">=", 2.0),
        ("\u2265 2 K/uL", ">=", 2.0),
        (".5 K/uL", "", 0.5),
        ("850 cells/uL", "", 0.85),
        ("  1.2\u00a0 10\u00b3/\u00b5L ", "", 1.2),
    ],
)
def test_strings_of_number_and_unit(text: str, comparator: str, value: float, one: One, obs: Build) -> None:
    result = one(obs(ANC, valueString=text))
    assert (result.problem, result.comparator, result.value) == (None, comparator, value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("see comment", LabProblem.FREE_TEXT),
        ("1,200 /uL", LabProblem.FREE_TEXT),  # 1.2 in one country, 1200 in another
        ("0,5 K/uL", LabProblem.FREE_TEXT),
        ("about 1.2 K/uL", LabProblem.FREE_TEXT),
        ("-1 K/uL", LabProblem.FREE_TEXT),
        ("1.2.3 K/uL", LabProblem.FREE_TEXT),
        ("<", LabProblem.FREE_TEXT),
        ("1.2", LabProblem.MISSING_UNIT),
        ("1.0-1.5 K/uL", LabProblem.UNKNOWN_UNIT),
        ("1.2 K/uL (L)", LabProblem.UNKNOWN_UNIT),
        ("5 10 K/uL", LabProblem.UNKNOWN_UNIT),
    ],
)
def test_other_strings_are_not_guessed_at(text: str, problem: LabProblem, one: One, obs: Build) -> None:
    result = one(obs(ANC, valueString=text))
    assert (result.problem, result.value) == (problem, None)


def test_free_text_is_cut_and_cleaned(one: One, obs: Build) -> None:
    result = one(obs(ANC, valueString="\u202eclumped\x00 specimen, please redraw as soon as possible, thank you"))
    assert result.raw == "clumped specimen, please redraw as soon\u2026"
    assert len(result.raw) == 40
    assert len(one(obs(ANC, 1.5, "K/uL " + "x" * 500)).raw) == 60


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("valueBoolean", True),
        ("valueRange", {"low": {"value": 1}, "high": {"value": 2}}),
        ("valueRatio", {"numerator": {"value": 1}}),
        ("valueDateTime", "2025-06-19"),
        ("valueTime", "08:00:00"),
        ("valueQuantity", [1]),
        ("valueInteger", "x"),
        ("valueCodeableConcept", "low"),
    ],
)
def test_values_of_another_type_are_said_to_be_unexpected(field: str, value: Any, one: One, obs: Build) -> None:
    assert one(obs(ANC, **{field: value})).problem is LabProblem.UNEXPECTED_VALUE


def test_integer_and_unitless_values(one: One, obs: Build) -> None:
    assert one(obs(INR, valueInteger=2)).value == 2
    assert one(obs(INR, valueString=">9.9")).comparator == ">"
    assert one(obs(INR, 2.5)).value == 2.5
    assert one(obs(ANC, valueInteger=2)).problem is LabProblem.MISSING_UNIT


def test_a_number_in_a_codeable_concept(one: One, obs: Build) -> None:
    assert one(obs(ANC, valueCodeableConcept={"text": "<0.1 K/uL"})).is_below(0.5) is True
    assert one(obs(ANC, valueCodeableConcept=concept("X", "low"))).problem is LabProblem.FREE_TEXT


@pytest.mark.parametrize("reason", [concept("not-performed"), {"text": "clotted"}, {"coding": "?"}])
def test_a_reason_for_absence_is_no_value(reason: Any, one: One, obs: Build) -> None:
    assert one(obs(ANC, dataAbsentReason=reason)).problem is LabProblem.NO_VALUE
    assert one(obs(ANC, 1.5, "K/uL", dataAbsentReason=reason)).problem is LabProblem.NO_VALUE
    assert one(obs(QUALITATIVE, dataAbsentReason=reason, interpretation=concept("NEG"))).qualitative is None


# --- pregnancy tests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [QUALITATIVE, QUANTITATIVE])
@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"valueCodeableConcept": concept("260385009")}, Outcome.NEGATIVE),
        ({"valueCodeableConcept": concept("10828004")}, Outcome.POSITIVE),
        ({"valueCodeableConcept": concept("LA6577-6", display="Negative")}, Outcome.NEGATIVE),
        ({"valueCodeableConcept": concept("LA6576-8")}, Outcome.POSITIVE),
        ({"valueCodeableConcept": concept("82334004")}, Outcome.INDETERMINATE),
        ({"valueCodeableConcept": concept("LOCAL1", display="Negative")}, Outcome.NEGATIVE),
        ({"valueCodeableConcept": {"text": "Positive"}}, Outcome.POSITIVE),
        ({"valueString": "NEGATIVE"}, Outcome.NEGATIVE),
        ({"valueString": "Not detected."}, Outcome.NEGATIVE),
        ({"valueString": "<5 mIU/mL"}, Outcome.NEGATIVE),
        ({"valueString": "1200 IU/L"}, Outcome.POSITIVE),
        ({"valueBoolean": True}, Outcome.POSITIVE),
        ({"valueBoolean": False}, Outcome.NEGATIVE),
        ({"interpretation": [concept("NEG")]}, Outcome.NEGATIVE),
        ({"interpretation": concept("POS")}, Outcome.POSITIVE),
        ({"interpretation": [concept("IND")]}, Outcome.INDETERMINATE),
        ({"interpretation": [{"text": "negative"}]}, Outcome.NEGATIVE),
        ({"valueQuantity": {"value": 3, "unit": "mIU/mL"}}, Outcome.NEGATIVE),
        ({"valueQuantity": {"value": 3, "unit": "mIU/mL"}, "interpretation": [concept("N")]}, Outcome.NEGATIVE),
        ({"valueQuantity": {"value": 3, "unit": "mIU/mL"}, "interpretation": [concept("IND")]}, Outcome.INDETERMINATE),
        ({"valueQuantity": {"value": 900, "unit": "mIU/mL"}, "interpretation": [concept("IND")]}, Outcome.POSITIVE),
        ({"valueString": "faint line", "interpretation": [concept("POS")]}, Outcome.POSITIVE),
        ({"valueQuantity": {"value": 9, "unit": "ng/mL"}, "interpretation": [concept("IND")]}, Outcome.INDETERMINATE),
    ],
)
def test_outcomes(code: str, fields: dict[str, Any], outcome: Outcome, one: One, obs: Build) -> None:
    result = one(obs(code, **fields))
    assert (result.qualitative, result.problem) == (outcome, None)


@pytest.mark.parametrize("code", [QUALITATIVE, QUANTITATIVE])
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"valueCodeableConcept": concept("60001007", display="Not pregnant")}, LabProblem.FREE_TEXT),
        ({"valueCodeableConcept": concept("77386006", display="Pregnant")}, LabProblem.FREE_TEXT),
        ({"valueCodeableConcept": concept("10828004", "Negative")}, LabProblem.CONFLICTING_RESULT),
        (
            {"valueCodeableConcept": concept("260385009"), "interpretation": [concept("POS")]},
            LabProblem.CONFLICTING_RESULT,
        ),
        (
            {"valueQuantity": {"value": 900, "unit": "IU/L"}, "interpretation": concept("NEG")},
            LabProblem.CONFLICTING_RESULT,
        ),
        ({"interpretation": [concept("POS"), concept("NEG")]}, LabProblem.CONFLICTING_RESULT),
        ({"valueString": "see note", "interpretation": [concept("NEG")]}, LabProblem.FREE_TEXT),
        ({"valueQuantity": {"value": 2}, "interpretation": [concept("NEG")]}, LabProblem.MISSING_UNIT),
        ({"valueQuantity": {"value": 2, "unit": "ng/mL"}}, LabProblem.UNKNOWN_UNIT),
        ({"valueInteger": 2}, LabProblem.MISSING_UNIT),
        ({"valueString": "negative control valid"}, LabProblem.FREE_TEXT),
        ({"valueString": "12 weeks"}, LabProblem.UNKNOWN_UNIT),
        ({"interpretation": [concept("A")]}, LabProblem.NO_VALUE),
        ({"valueCodeableConcept": concept("ND", display="Not done")}, LabProblem.FREE_TEXT),
        ({}, LabProblem.NO_VALUE),
    ],
)
def test_never_read_as_negative(code: str, fields: dict[str, Any], problem: LabProblem, one: One, obs: Build) -> None:
    result = one(obs(code, **fields))
    assert (result.qualitative, result.problem) == (None, problem)


@pytest.mark.parametrize(
    ("comparator", "value", "outcome"),
    [
        (None, 0, Outcome.NEGATIVE),
        (None, 4.99, Outcome.NEGATIVE),
        (None, 5, Outcome.INDETERMINATE),
        (None, 24.9, Outcome.INDETERMINATE),
        (None, 25, Outcome.POSITIVE),
        ("<", 1, Outcome.NEGATIVE),
        ("<", 5, Outcome.NEGATIVE),
        ("<", 5.1, Outcome.INDETERMINATE),
        ("<", 25, Outcome.INDETERMINATE),
        ("<=", 4.9, Outcome.NEGATIVE),
        ("<=", 5, Outcome.INDETERMINATE),
        (">", 1000, Outcome.POSITIVE),
        (">", 25, Outcome.POSITIVE),
        (">=", 25, Outcome.POSITIVE),
        (">", 24.9, Outcome.INDETERMINATE),
        (">", 2, Outcome.INDETERMINATE),
    ],
)
def test_hcg_limits(comparator: str | None, value: float, outcome: Outcome, one: One, obs: Build) -> None:
    quantity = {"value": value, "unit": "mIU/mL"} | ({"comparator": comparator} if comparator else {})
    for code in (QUANTITATIVE, QUALITATIVE):
        result = one(obs(code, valueQuantity=quantity))
        assert result.qualitative is outcome
        assert (result.value, result.unit) == (value, "[iU]/L")


def test_interpretation_is_not_used_for_other_analytes(one: One, obs: Build) -> None:
    assert one(obs(ANC, 1.5, "K/uL", interpretation=[concept("POS")])).qualitative is None
    assert one(obs(ANC, interpretation=[concept("NEG")])).problem is LabProblem.NO_VALUE


# --- coded findings and dates -------------------------------------------------------------------------------------


def test_coded_findings_keep_their_codes(one: One, obs: Build) -> None:
    result = one(obs("82810-3", valueCodeableConcept=concept("77386006", "Pregnant")))
    assert (result.coded, result.raw, result.qualitative, result.problem) == ({"77386006"}, "Pregnant", None, None)
    assert one(obs("82810-3", valueCodeableConcept={"text": "pregnant"})).problem is LabProblem.FREE_TEXT
    assert one(obs("82810-3", valueString="pregnant")).problem is LabProblem.FREE_TEXT
    assert one(obs("63895-7", valueBoolean=True)).qualitative is Outcome.POSITIVE
    assert one(obs("82810-3", 1, "U")).problem is LabProblem.UNEXPECTED_VALUE


def test_dates(one: One, obs: Build) -> None:
    due = one(obs("11778-8", valueDateTime="2026-01-15"))
    assert (str(due.date), due.raw, due.problem) == ("2026-01-15", "2026-01-15", None)
    assert str(one(obs("8665-2", valueDate="2025-06-01")).date) == "2025-06-01"
    assert str(one(obs("8665-2", valueString="2025-06-01")).date) == "2025-06-01"
    assert str(one(obs("8665-2", valuePeriod={"start": "2025-06-01", "end": "2025-06-05"})).date) == "2025-06-01"
    assert one(obs("8665-2", valueString="early June")).problem is LabProblem.FREE_TEXT
    assert one(obs("8665-2", valueBoolean=True)).problem is LabProblem.UNEXPECTED_VALUE


def test_antibody_screen(one: One, obs: Build) -> None:
    assert one(obs("890-4", valueString="Negative")).qualitative is Outcome.NEGATIVE
    assert one(obs("890-4", 5, "IU/L")).problem is LabProblem.UNEXPECTED_VALUE
