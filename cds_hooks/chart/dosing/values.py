"""Reading JSON values whose types cannot be relied on: a wrong type reads as absent, never as an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_FLAGS = {"true": True, "false": False}


def as_object(value: object) -> Mapping[str, object]:
    """Return `value` if it is a JSON object, else an empty one."""
    if type(value) is dict:  # what JSON decodes to; asking for any Mapping costs five times as much
        return value
    return value if value is not None and isinstance(value, Mapping) else {}


def as_objects(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a list; a lone object counts as a list of one (DSTU2 and STU3 cardinalities)."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [item for item in value if isinstance(item, (dict, Mapping))]
    return [value] if isinstance(value, (dict, Mapping)) else []


def as_strings(value: object) -> list[str]:
    """Return the non-blank strings of a list; a lone string counts as a list of one."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [item.strip() for item in items if isinstance(item, str) and item.strip()]


def as_string(value: object) -> str:
    """Return a trimmed string, or an empty one."""
    return value.strip() if isinstance(value, str) else ""


def as_number(value: object) -> float | None:
    """Return a finite number, also from a plain decimal string; None for anything else, booleans included."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _PLAIN_NUMBER.fullmatch(text) else None
    if not isinstance(value, (int, float, Decimal)):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def as_flag(value: object) -> bool | None:
    """Return a boolean, also from "true" and "false"; None for anything else."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None


def close(left: float, right: float) -> bool:
    """Return whether two figures are the same apart from floating-point noise."""
    return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9)


def figure(value: float) -> str:
    """Return a number for a card: no trailing zeros, three decimals at most."""
    return f"{round(value, 3):.12g}"
