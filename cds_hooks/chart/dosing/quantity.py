"""A dose Quantity becomes milligrams or a number of capsules.

Codes: UCUM, NCI Thesaurus (NCPDP) and SNOMED CT units of presentation, and the plain words EHRs put into `unit`.
Tablets and pills count as capsules: the drugs judged here exist as capsules only, and some EHRs call every solid
oral form a tablet.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from msgspec import Struct

from .model import Issue, IssueCode
from .values import as_number, as_string, figure

_UCUM = "http://unitsofmeasure.org"
_PER_GRAM = 1000.0

# Divisor rather than factor for micrograms, so that 2500 ug is exactly 2.5 mg.
_MASS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("mg", "mgs", "milligram", "milligrams", "milligramme", "milligrammes", "c28253", "258684004"), (1.0, 1.0)
    ),
    **dict.fromkeys(("g", "gm", "gms", "gram", "grams", "gramme", "grammes", "c48155", "258682000"), (_PER_GRAM, 1.0)),
    **dict.fromkeys(
        ("ug", "mcg", "μg", "microgram", "micrograms", "microgramme", "microgrammes", "c48152", "258685003"),
        (1.0, _PER_GRAM),
    ),
}
# fmt: off
_COUNT = frozenset((
    "capsule", "capsules", "cap", "caps", "orcap", "hardcapsule", "oralcapsule", "capsule,hard", "tablet", "tablets",
    "tab", "tabs", "tbl", "ortab", "pill", "pills", "each", "ea", "c48480", "c48542", "385049006", "732937005",
))
# fmt: on
_UNITY = "1"
_DECORATION = re.compile(r"[\s{}\[\].]|\((?:s|es)\)")


class Measure(Struct, frozen=True):
    """An amount for one administration: either `mg` or `capsules` (a count) is given."""

    mg: float | None
    capsules: float | None


def mass_in_mg(value: float, unit: str) -> float | None:
    """Return `value` of a unit of mass in mg, None when the unit is not one."""
    scale = _MASS.get(_plain(unit))
    return None if scale is None else round(value * scale[0] / scale[1], 9)


def is_count_unit(unit: str) -> bool:
    """Return whether a unit counts capsules."""
    return _plain(unit) in _COUNT


def read_measure(quantity: Mapping[str, object], unit_from: Mapping[str, object] | None = None) -> Measure | Issue:
    """Read a Quantity or SimpleQuantity.

    `unit_from` lends its unit when `quantity` has none (the two ends of a Range). Returns an Issue when the value is
    missing, not positive or qualified by a comparator, or when the unit is missing, unknown or contradicts its code.
    """
    value = as_number(quantity.get("value"))
    if value is None:
        return Issue(IssueCode.NO_DOSE, "the dose has no value")
    if as_string(quantity.get("comparator")):
        return Issue(IssueCode.AMBIGUOUS_DOSE, "the dose carries a comparator instead of a value")
    if value <= 0:
        return Issue(IssueCode.AMBIGUOUS_DOSE, f"a dose of {figure(value)} is no dose")
    unit, code, system = _unit(quantity)
    if not unit and not code and unit_from is not None:
        unit, code, system = _unit(unit_from)
    token = _governing_unit(unit, code, system)
    if token is None:
        shown = " / ".join(part for part in dict.fromkeys((unit, code)) if part)
        reason = f"the unit “{shown[:40]}” is not a known unit of dose" if shown else "the dose has no unit"
        return Issue(IssueCode.UNKNOWN_UNIT, reason)
    mg = mass_in_mg(value, token)
    return Measure(mg=mg, capsules=None) if mg is not None else Measure(mg=None, capsules=value)


def _unit(quantity: Mapping[str, object]) -> tuple[str, str, str]:
    return as_string(quantity.get("unit")), as_string(quantity.get("code")), as_string(quantity.get("system"))


def _governing_unit(unit: str, code: str, system: str) -> str | None:
    """Return the token that decides, None when unit and code disagree or neither is known."""
    by_unit, by_code = _kind(unit), _kind(code)
    if "/" in unit or "/" in code:  # mg/kg, mg/m2, mg/mL: not an amount for one administration
        return None
    if code == _UNITY:
        return _capsule_word(unit)
    if by_code is not None:
        return code if by_unit in (None, by_code) else None
    if code and system == _UCUM:
        return None
    return unit if by_unit is not None else None


def _capsule_word(unit: str) -> str | None:
    # The UCUM unit "1" is dimensionless; beside the word "patch" or "mL" it does not count capsules.
    if not unit or unit == _UNITY or is_count_unit(unit):
        return "capsule"
    return None


def _kind(token: str) -> str | tuple[float, float] | None:
    plain = _plain(token)
    return "count" if plain in _COUNT else _MASS.get(plain)


def _plain(token: str) -> str:
    # Case is ignored although UCUM is case-sensitive: MG and Mg are seen for milligram, never for megagram.
    return _DECORATION.sub("", unicodedata.normalize("NFKC", token).lower())
