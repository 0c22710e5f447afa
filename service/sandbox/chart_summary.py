"""The chart of an invented patient in a few lines, as an EHR shows it beside an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from service.sandbox.outcome import Resource
from service.sandbox.patients import SandboxPatient


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """The newest result of a test.

    Attributes:
        test: name of the test, without the bracketed property and unit class of LOINC names.
        value: value and unit as text.
        when: instant of the specimen, UTC.
        days: whole days since then.
        flag: whether it lies outside the reference range of the result; "" when inside, or when there is no range.
    """

    test: str
    value: str
    when: datetime
    days: int
    flag: Literal["", "low", "high"]


@dataclass(frozen=True, slots=True)
class ChartSummary:
    """What a banner shows of a chart.

    Attributes:
        age: years, None when the birth date is not known to the day.
        sex: administrative gender.
        problems: names of the problem list.
        medications: names of what is ordered, taken or given, each once.
        allergies: names on the allergy list.
        results: the newest result of each test, newest first.
    """

    age: int | None
    sex: str
    problems: tuple[str, ...]
    medications: tuple[str, ...]
    allergies: tuple[str, ...]
    results: tuple[ResultSummary, ...]


def chart_summary(patient: SandboxPatient, now: datetime) -> ChartSummary:
    """Return the summary of a chart as it is at `now`; entries it cannot read are left out."""
    by_type: dict[str, list[Resource]] = {}
    for resource in patient.resources:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    person = patient.resources[0]
    medications = {f"Medication/{one['id']}": _text(one.get("code")) for one in by_type.get("Medication", ())}
    return ChartSummary(
        age=_age(person.get("birthDate", ""), now),
        sex=str(person.get("gender", "unknown")),
        problems=_once(_text(one.get("code")) for one in by_type.get("Condition", ())),
        medications=_once(
            _medication(one, medications)
            for kind in ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
            for one in by_type.get(kind, ())
            if one.get("status") in ("active", "completed")
        ),
        allergies=_once(_text(one.get("code")) for one in by_type.get("AllergyIntolerance", ())),
        results=_results(by_type.get("Observation", []), now),
    )


def _once(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _text(concept: Any) -> str:
    """Return the name of a CodeableConcept: its text, the first display, or the first code."""
    if not isinstance(concept, Mapping):
        return ""
    codings = concept.get("coding") or [{}]
    return str(concept.get("text") or codings[0].get("display") or codings[0].get("code") or "")


def _medication(order: Resource, medications: Mapping[str, str]) -> str:
    reference = order.get("medicationReference", {})
    return (
        _text(order.get("medicationCodeableConcept"))
        or reference.get("display", "")
        or medications.get(reference.get("reference", ""), "")
    )


def _age(born: str, now: datetime) -> int | None:
    try:
        day = date.fromisoformat(born)
    except ValueError:
        return None
    return now.year - day.year - ((now.month, now.day) < (day.month, day.day))


def _results(observations: list[Resource], now: datetime) -> tuple[ResultSummary, ...]:
    newest: dict[str, ResultSummary] = {}
    for observation in observations:
        test, value = _text(observation.get("code")).partition(" [")[0], _value(observation)
        when = _instant(observation.get("effectiveDateTime") or observation.get("effectiveInstant") or "")
        if not test or not value or when is None:
            continue
        if test not in newest or newest[test].when < when:
            newest[test] = ResultSummary(test, value, when, max(0, (now - when).days), _flag(observation))
    return tuple(sorted(newest.values(), key=lambda result: result.when, reverse=True))


def _value(observation: Resource) -> str:
    if quantity := observation.get("valueQuantity"):
        number, unit = quantity.get("value"), quantity.get("unit") or quantity.get("code") or ""
        return "" if number is None else f"{quantity.get('comparator', '')}{number:g} {unit}".strip()
    return _text(observation.get("valueCodeableConcept")) or str(observation.get("valueString", ""))


def _flag(observation: Resource) -> Literal["", "low", "high"]:
    value = observation.get("valueQuantity", {}).get("value")
    for limits in observation.get("referenceRange", ())[:1]:
        low, high = limits.get("low", {}).get("value"), limits.get("high", {}).get("value")
        if value is not None and low is not None and value < low:
            return "low"
        if value is not None and high is not None and value > high:
            return "high"
    return ""


def _instant(text: str) -> datetime | None:
    """Return a FHIR dateTime as an instant; a bare date counts as midnight UTC, anything shorter as unknown."""
    try:
        if "T" not in text:
            return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
