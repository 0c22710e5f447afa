"""Units of measure: an alias table decides, never a UCUM parser.

`K/uL` parses as kelvin per microlitre and `G/L` as gauss per litre, while `x10E3/uL` does not parse at all; all three
are everyday spellings of a cell count. So each kind of quantity has its own list of units, and what is not on the list
is not converted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cds_hooks.chart.fhir import UCUM, as_text
from cds_hooks.knowledge.terminology import UnitGroup, UnitSpelling

_UCUM_SYSTEMS = frozenset({UCUM, f"{UCUM}/", "https://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_LOOKALIKES = str.maketrans(
    {"µ": "u", "μ": "u", "º": "°", "˚": "°", "×": "x", "\u2044": "/", "\u2215": "/", "·": ".", "∙": "."}
)
"""Characters that look alike on a keyboard or in a font: micro sign and Greek mu, three degree signs, slashes."""
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_LONGEST_UNIT = 60
_LONGEST_REMEMBERED, _MOST_REMEMBERED = 200, 2000
"""Bounds of the answers kept: a site uses few spellings, but the text comes from outside."""
_PRECISION = 9
"""Decimals kept after a conversion, so that binary noise cannot push a value across a threshold."""


class UnitProblem(StrEnum):
    """Why a unit cannot be used."""

    MISSING = "missingUnit"
    UNKNOWN = "unknownUnit"
    CONFLICTING = "conflictingUnit"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a group: canonical value = (value + offset) x factor / divisor."""

    ucum: str
    factor: float
    divisor: float
    offset: float

    def to_canonical(self, value: float) -> float:
        """Return `value`, given in this unit, in the canonical unit of the group."""
        if self.factor == self.divisor and not self.offset:
            return value
        return round((value + self.offset) * self.factor / self.divisor, _PRECISION)

    def means_the_same_as(self, other: Unit) -> bool:
        """Whether both convert alike (10*3/uL and 10*9/L do)."""
        return self.offset == other.offset and self.factor * other.divisor == other.factor * self.divisor


def spelling_key(text: str) -> str:
    """Return a unit spelling in the form in which spellings are compared.

    Superscripts become `^n` (10³ must not turn into 103), compatibility forms are folded (NFKC), the micro sign and
    the Greek mu become `u`, spaces go; case stays, since `m` and `M`, `g` and `G` differ.
    """
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^" + run[0].translate(_SUPERSCRIPTS), text[: 2 * _LONGEST_UNIT])
    text = as_text(text.translate(_LOOKALIKES)).translate(_LOOKALIKES).replace(" ", "")
    return text[:_LONGEST_UNIT]


class UnitTable:
    """The unit groups of the knowledge, ready for look-up."""

    def __init__(self, groups: Mapping[str, UnitGroup]) -> None:
        """Build the table.

        Args:
            groups: group name → units (`knowledge/units.yaml`).

        Raises:
            ValueError: a spelling means two things within one group, or the canonical unit has no row.
        """
        self._answers: dict[tuple[object, object, object, str], Unit | UnitProblem] = {}
        self._units: dict[str, dict[str, Unit]] = {}
        self._canonical: dict[str, Unit] = {}
        self._unitless: dict[str, bool] = {}
        self._refused: dict[str, frozenset[str]] = {}
        for name, group in groups.items():
            table: dict[str, Unit] = {}
            for row in group.units:
                self._add(table, row, name)
            canonical = table.get(spelling_key(group.canonical))
            if canonical is None or not canonical.means_the_same_as(Unit(group.canonical, 1.0, 1.0, 0.0)):
                raise ValueError(f"unit group {name}: canonical unit {group.canonical!r} has no row with factor 1")
            refused = frozenset(spelling_key(text) for text in group.refused)
            if both := refused & table.keys():
                raise ValueError(f"unit group {name}: both accepted and refused: {sorted(both)}")
            self._units[name], self._canonical[name] = table, canonical
            self._unitless[name], self._refused[name] = group.unitless, refused
        self._known_anywhere = frozenset(key for table in self._units.values() for key in table)

    @staticmethod
    def _add(table: dict[str, Unit], row: UnitSpelling, group: str) -> None:
        unit = Unit(row.ucum, row.factor, row.divisor, row.offset)
        for text in (row.ucum, *row.aliases, *row.other_spellings):
            key = spelling_key(text)
            if not key or not table.setdefault(key, unit).means_the_same_as(unit):
                raise ValueError(f"unit group {group}: spelling {text!r} is empty or means two things")

    def canonical(self, group: str) -> str:
        """Return the UCUM code of the unit results of the group are converted to."""
        return self._canonical[group].ucum

    def resolve(self, unit_text: object, unit_code: object, unit_system: object, group: str) -> Unit | UnitProblem:
        """Find out which unit of a group a FHIR Quantity is in.

        Args:
            unit_text: `Quantity.unit`.
            unit_code: `Quantity.code`.
            unit_system: `Quantity.system`.
            group: name of the unit group that fits the analyte.

        Returns:
            The unit; or MISSING without any, UNKNOWN when neither is a unit of the group, CONFLICTING when the two
            name different units, be it of this group or (a wrong dimension) of another one. Prose beside a known
            unit ("thousand per microliter" beside `10*3/uL`) does not hurt. The code of another code system than
            UCUM counts only where the text does not say.
        """
        try:
            return self._answers[unit_text, unit_code, unit_system, group]
        except (KeyError, TypeError):  # not asked before, or not even text
            pass
        text, code, system = _text(unit_text), _text(unit_code), _text(unit_system)
        answer = self._resolve(text, code, system, group)
        asked = (unit_text, unit_code, unit_system)
        small = len(text) + len(code) + len(system) < _LONGEST_REMEMBERED and len(self._answers) < _MOST_REMEMBERED
        if small and all(word is None or isinstance(word, str) for word in asked):
            self._answers[(*asked, group)] = answer
        return answer

    def _resolve(self, unit_text: str, unit_code: str, unit_system: str, group: str) -> Unit | UnitProblem:
        text, code = spelling_key(unit_text), spelling_key(unit_code)
        if not text and not code:
            return self._canonical[group] if self._unitless[group] else UnitProblem.MISSING
        by_text, by_code = self._find(text, group), self._find(code, group)
        if by_text and by_code:
            same = by_text.means_the_same_as(by_code)
            return by_text if same or _is_foreign(unit_system) else UnitProblem.CONFLICTING
        if by_text:
            contradicted = not _is_foreign(unit_system) and self._is_other_unit(code, group)
            return UnitProblem.CONFLICTING if contradicted else by_text
        if by_code:
            return UnitProblem.CONFLICTING if self._is_other_unit(text, group) else by_code
        return UnitProblem.UNKNOWN

    def convert(
        self, value: float, unit_text: object, unit_code: object, unit_system: object, group: str
    ) -> float | None:
        """Return `value` in the canonical unit of `group`, or None when its unit cannot be used; see `resolve`."""
        unit = self.resolve(unit_text, unit_code, unit_system, group)
        return unit.to_canonical(value) if isinstance(unit, Unit) else None

    def _find(self, key: str, group: str) -> Unit | None:
        table = self._units[group]
        if not key or key in table:
            return table.get(key)
        if key in self._refused[group] or "{" not in key:
            return None
        return table.get(_ANNOTATION.sub("", key))  # annotations carry no meaning in UCUM: {cells}/uL is /uL

    def _is_other_unit(self, key: str, group: str) -> bool:
        return key in self._known_anywhere or key in self._refused[group]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_foreign(unit_system: str) -> bool:
    system = as_text(unit_system)
    return bool(system) and system.lower() not in _UCUM_SYSTEMS
