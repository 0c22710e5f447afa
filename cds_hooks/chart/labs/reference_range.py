"""The interval of normal values that a laboratory sends with its result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cds_hooks.chart.fhir import as_list, as_mapping, as_number, as_text, codes, concept_text
from cds_hooks.chart.units import Unit, UnitTable

Interval = tuple[float | None, float | None]
"""Lower and upper limit of normal in the canonical unit of the analyte."""
_NORMAL = ("normal", "normal range")
_NONE: Interval = (None, None)

_NUMBER = r"\d+(?:\.\d+)?"
_TEXT_FORMS = re.compile(
    rf"(?:(?P<low>{_NUMBER}) ?(?:-|–|—|to) ?(?P<high>{_NUMBER})"
    rf"|(?:<|<=|≤|up to) ?(?P<below>{_NUMBER})|(?:>|>=|≥) ?(?P<above>{_NUMBER}))(?: ?(?P<unit>[^\d\s,;].*))?",
    re.IGNORECASE,
)


def read_interval(element: Mapping[str, Any], sent_in: Unit, group: str, units: UnitTable) -> Interval:
    """Return the normal interval of a result.

    Only ranges of type normal (or without a type) count. Limits without a unit, and texts such as "0.4 - 4.0", are in
    the unit of the value; limits in a unit that does not convert are left out. Where several ranges for different
    groups of patients stand side by side, nobody says which one fits: none is taken.

    Args:
        element: the Observation or component with its `referenceRange`.
        sent_in: unit in which the value itself was sent.
        group: unit group of the analyte.
        units: the unit table.
    """
    normal = [
        entry for entry in as_list(element.get("referenceRange")) if isinstance(entry, dict) and _is_normal(entry)
    ]
    if len(normal) == 1:
        return _interval(normal[0], sent_in, group, units)
    general = [entry for entry in normal if not entry.get("appliesTo") and not entry.get("age")]
    intervals = {_interval(entry, sent_in, group, units) for entry in general or normal} - {_NONE}
    return intervals.pop() if len(intervals) == 1 else _NONE


def _is_normal(entry: Mapping[str, Any]) -> bool:
    kind = entry.get("type") or entry.get("meaning")  # `meaning` in DSTU2
    if kind is None:
        return True
    kinds = [as_mapping(one) for one in as_list(kind)]
    return any("normal" in codes(one) or concept_text(one).casefold() in _NORMAL for one in kinds)


def _interval(entry: Mapping[str, Any], sent_in: Unit, group: str, units: UnitTable) -> Interval:
    low = _limit(entry.get("low"), sent_in, group, units)
    high = _limit(entry.get("high"), sent_in, group, units)
    if low is None and high is None and "low" not in entry and "high" not in entry:
        low, high = _from_text(as_text(entry.get("text")), sent_in, group, units)
    if high is not None and (high <= 0 or (low is not None and low > high)):
        return _NONE
    return (low, high)


def _limit(quantity: Any, sent_in: Unit, group: str, units: UnitTable) -> float | None:
    if not isinstance(quantity, dict):
        return None
    number = as_number(quantity.get("value"))
    if number is None:
        return None
    unit, code = quantity.get("unit"), quantity.get("code")
    own = units.resolve(unit, code, quantity.get("system"), group) if unit or code else sent_in
    return own.to_canonical(number) if isinstance(own, Unit) else None


def _from_text(text: str, sent_in: Unit, group: str, units: UnitTable) -> Interval:
    match = _TEXT_FORMS.fullmatch(text.strip("()[] "))
    if match is None:
        return _NONE
    unit = units.resolve(match["unit"], None, None, group) if match["unit"] else sent_in
    if not isinstance(unit, Unit):
        return _NONE
    low, high = match["low"] or match["above"], match["high"] or match["below"]
    return (unit.to_canonical(float(low)) if low else None, unit.to_canonical(float(high)) if high else None)
