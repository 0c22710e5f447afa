"""Reading of `Observation.value[x]` in all the shapes in which results are sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, structs

from cds_hooks.chart.fhir import as_mapping, as_number, as_text, codes, concept_text
from cds_hooks.chart.labs.index import OutcomeWords
from cds_hooks.chart.labs.result import Comparator, LabProblem, Outcome
from cds_hooks.chart.units import Unit, UnitProblem, UnitTable
from cds_hooks.chart.when import When, parse_when, period_start
from cds_hooks.knowledge.terminology import Analyte

_COMPARATORS: dict[str, Comparator] = {"": "", "<": "<", "<=": "<=", "≤": "<=", ">": ">", ">=": ">=", "≥": ">="}
_NUMBER_AND_UNIT = re.compile(r"(?P<comparator>[<>]=?|[≤≥]|) ?(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>(?:[^\d.,].*)?)")
"""`5.1`, `<0.5 K/uL`, `>= 25 mIU/mL`. A comma is refused: `1,200` is 1.2 in one country and 1200 in another."""
_RAW_LENGTH, _TEXT_LENGTH = 60, 40
_UNIT_PROBLEMS = {
    UnitProblem.MISSING: LabProblem.MISSING_UNIT,
    UnitProblem.UNKNOWN: LabProblem.UNKNOWN_UNIT,
    UnitProblem.CONFLICTING: LabProblem.CONFLICTING_UNIT,
}
_READ_BY_WORDS = ("qualitative", "hcg")


class Reading(Struct, frozen=True):
    """What a value says, and in which unit it was sent."""

    raw: str
    value: float | None = None
    comparator: Comparator = ""
    qualitative: Outcome | None = None
    coded: frozenset[str] = frozenset()
    date: When | None = None
    sent_in: Unit | None = None
    problem: LabProblem | None = None


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Reads values with the units, words and hCG limits of the knowledge.

    Attributes:
        units: unit groups.
        words: codes and texts of qualitative outcomes.
        negative_below: hCG below this is negative, IU/L.
        positive_from: hCG from this on is positive, IU/L; in between it is indeterminate.
    """

    units: UnitTable
    words: OutcomeWords
    negative_below: float
    positive_from: float

    def read(self, element: Mapping[str, Any], analyte: Analyte) -> Reading | None:
        """Read the value of an Observation or of one of its components.

        Returns:
            None when there is neither a value nor a reason for its absence nor (for a qualitative test) an
            interpretation.
        """
        absence = element.get("dataAbsentReason")
        reading = self._absent(absence) if absence else self._value(element, analyte)
        if analyte.kind in _READ_BY_WORDS:
            return self._with_interpretation(reading, element.get("interpretation"))
        return reading

    @staticmethod
    def _absent(reason: Any) -> Reading:
        return Reading(_printable(concept_text(as_mapping(reason)), _TEXT_LENGTH), problem=LabProblem.NO_VALUE)

    def _value(self, element: Mapping[str, Any], analyte: Analyte) -> Reading | None:
        quantity = element.get("valueQuantity")
        if isinstance(quantity, dict):
            return self._quantity(quantity, analyte)
        for field, value in element.items():
            if field.startswith("value") and value is not None and value not in ({}, [], ""):
                return self._other(field, value, analyte)
        return None

    def _other(self, field: str, value: Any, analyte: Analyte) -> Reading:
        if field == "valueCodeableConcept" and isinstance(value, Mapping):
            return self._concept(value, analyte)
        if field == "valueString" and isinstance(value, str):
            return self._text(as_text(value), analyte)
        if field == "valueInteger" and as_number(value) is not None:
            return self._quantity({"value": value}, analyte)
        if field == "valueBoolean" and isinstance(value, bool) and analyte.kind != "date":
            outcome = Outcome.POSITIVE if value else Outcome.NEGATIVE
            raw = "true" if value else "false"
            if analyte.kind == "quantity":
                return Reading(raw, problem=LabProblem.UNEXPECTED_VALUE)
            return Reading(raw, qualitative=outcome)
        if analyte.kind == "date" and field in ("valueDateTime", "valueDate", "valuePeriod"):
            return _date(value)
        raw = as_text(value) if isinstance(value, str) else field.removeprefix("value")
        return Reading(_printable(raw, _TEXT_LENGTH), problem=LabProblem.UNEXPECTED_VALUE)

    # --- quantities -----------------------------------------------------------------------------------------------

    def _quantity(self, quantity: Mapping[str, Any], analyte: Analyte) -> Reading:
        unit, code = quantity.get("unit"), quantity.get("code")
        comparator = as_text(quantity["comparator"]) if "comparator" in quantity else ""
        number = as_number(quantity.get("value"))
        if number is None and isinstance(quantity.get("value"), str):
            split = _NUMBER_AND_UNIT.fullmatch(as_text(quantity["value"]))  # "<0.5" put into value
            if split and not split["unit"] and not comparator:
                comparator, number = split["comparator"], as_number(split["number"])
        unit_words = as_text(unit) or as_text(code)
        if number is None:
            empty = quantity.get("value") is None
            raw = unit_words if empty else f"{as_text(quantity['value'])} {unit_words}"
            problem = LabProblem.NO_VALUE if empty else LabProblem.FREE_TEXT
            return Reading(_printable(raw, _TEXT_LENGTH), problem=problem)
        raw = _printable(f"{comparator}{number:.10g} {unit_words}", _RAW_LENGTH)
        known_comparator = _COMPARATORS.get(comparator)
        if known_comparator is None:
            return Reading(raw, problem=LabProblem.COMPARATOR)
        if analyte.units is None:
            return Reading(raw, problem=LabProblem.UNEXPECTED_VALUE)
        sent_in = self.units.resolve(unit, code, quantity.get("system"), analyte.units)
        if isinstance(sent_in, UnitProblem):
            return Reading(raw, problem=_UNIT_PROBLEMS[sent_in])
        return self._measured(raw, sent_in.to_canonical(number), known_comparator, sent_in, analyte)

    def _measured(self, raw: str, value: float, comparator: Comparator, sent_in: Unit, analyte: Analyte) -> Reading:
        limits = analyte.plausible
        problem = LabProblem.IMPLAUSIBLE if limits and not limits.low <= value <= limits.high else None
        outcome = self._outcome(value, comparator) if analyte.kind in _READ_BY_WORDS and problem is None else None
        return Reading(raw, value, comparator, qualitative=outcome, sent_in=sent_in, problem=problem)

    def _outcome(self, value: float, comparator: Comparator) -> Outcome:
        """Read an hCG quantity (IU/L): "<5" is negative and ">1000" positive, but "<25" is indeterminate."""
        at_most = {
            "": value < self.negative_below,
            "<": value <= self.negative_below,
            "<=": value < self.negative_below,
        }
        if at_most.get(comparator):
            return Outcome.NEGATIVE
        if comparator in ("", ">", ">=") and value >= self.positive_from:
            return Outcome.POSITIVE
        return Outcome.INDETERMINATE

    # --- words ----------------------------------------------------------------------------------------------------

    def _text(self, text: str, analyte: Analyte) -> Reading:
        if analyte.kind == "date":
            return _date(text)
        if analyte.kind in _READ_BY_WORDS and (outcome := self.words.of_text(text)):
            return Reading(_printable(text, _TEXT_LENGTH), qualitative=outcome)
        split = _NUMBER_AND_UNIT.fullmatch(text)
        if split and analyte.units is not None:
            quantity = {"value": split["number"], "unit": split["unit"].strip(), "comparator": split["comparator"]}
            return self._quantity(quantity, analyte)
        return Reading(_printable(text, _TEXT_LENGTH), problem=LabProblem.FREE_TEXT)

    def _concept(self, concept: Mapping[str, Any], analyte: Analyte) -> Reading:
        raw = _printable(concept_text(concept), _TEXT_LENGTH)
        if analyte.kind == "coded":
            coded = codes(concept)
            return Reading(raw, coded=coded, problem=None if coded else LabProblem.FREE_TEXT)
        if analyte.kind in _READ_BY_WORDS:
            outcomes = self.words.of_concepts(concept)
            if len(outcomes) > 1:
                return Reading(raw, problem=LabProblem.CONFLICTING_RESULT)
            if outcomes:
                return Reading(raw, qualitative=next(iter(outcomes)))
        return self._text(concept_text(concept), analyte)

    def _with_interpretation(self, reading: Reading | None, interpretation: Any) -> Reading | None:
        """Let `Observation.interpretation` fill in a missing outcome, or contradict one.

        It never turns something unreadable into a negative: only a positive or indeterminate interpretation counts
        beside a value that cannot be read.
        """
        outcomes = self.words.of_concepts(interpretation) if interpretation else frozenset()
        if not outcomes:
            return reading
        if len(outcomes) > 1:
            raw = reading.raw if reading else ""
            return Reading(raw, problem=LabProblem.CONFLICTING_RESULT)
        (outcome,) = outcomes
        if reading is None:
            return Reading(outcome.value, qualitative=outcome)
        if reading.problem is not None:
            unclear = outcome is Outcome.NEGATIVE or reading.problem is LabProblem.CONFLICTING_RESULT
            return reading if unclear else Reading(reading.raw, qualitative=outcome)
        if {reading.qualitative, outcome} == {Outcome.POSITIVE, Outcome.NEGATIVE}:
            return structs.replace(reading, qualitative=None, problem=LabProblem.CONFLICTING_RESULT)
        if reading.qualitative is Outcome.NEGATIVE:
            return structs.replace(reading, qualitative=outcome)
        return reading


def _date(value: Any) -> Reading:
    text = as_text(value)
    date = period_start(value) if isinstance(value, Mapping) else parse_when(text)
    raw = str(date) if date and not text else text
    return Reading(_printable(raw, _TEXT_LENGTH), date=date, problem=None if date else LabProblem.FREE_TEXT)


def _printable(text: str, length: int) -> str:
    """Return text fit for a card: no control or direction characters, cut at `length` characters."""
    text = text.strip()
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= length else text[: length - 1] + "…"
