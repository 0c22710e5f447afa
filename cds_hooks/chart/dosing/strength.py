"""The strength of a capsule, mg."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .model import Issue
from .quantity import Measure, mass_in_mg, read_measure
from .sig.normalise import MAX_SIG_LENGTH, normalise
from .values import as_flag, as_number, as_object, as_objects, as_string, close

_STRENGTH = re.compile(
    r"(?<![\w.,/-])(?P<value>\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(?![\d.]*\d)[ -]?"
    r"(?P<unit>mgs?|milligram(?:me)?s?|mcgs?|ug|μg|microgram(?:me)?s?|gms?|g|gram(?:me)?s?)\b"
    r"(?P<per> ?(?:/|per) ?+(?!(?:1|capsules?|caps?|tablets?|tabs?|each)\b))?"
)


def strength_from_text(text: str) -> float | None:
    """Return the strength a product name states, mg per capsule ("REVLIMID 25 MG PO CAPS" is 25).

    None without a strength, with two different ones, or when any is per volume, weight or time.
    """
    found: list[float] = []
    for match in _STRENGTH.finditer(normalise(as_string(text))[:MAX_SIG_LENGTH]):
        mg = mass_in_mg(float(match["value"]), match["unit"])
        if match["per"] or mg is None or mg <= 0:
            return None
        found.append(mg)
    return _agreed(found)


def strength_from_medication(medication: Mapping[str, object]) -> float | None:
    """Return mg per capsule from Medication.ingredient (STU3 to R5) or Medication.product.ingredient (DSTU2).

    Inactive ingredients are skipped. A denominator must be a count of capsules; one that repeats the numerator, as
    one vendor sends, counts as one capsule. None without a strength in mass units, or with different ones.
    """
    resource = as_object(medication)
    product = as_object(resource.get("product"))
    found: list[float] = []
    for ingredient in (*as_objects(resource.get("ingredient")), *as_objects(product.get("ingredient"))):
        if as_flag(ingredient.get("isActive")) is False:
            continue
        for name in ("strength", "strengthRatio", "amount"):
            ratio = as_object(ingredient.get(name))
            if ratio:
                mg = _ratio_mg(ratio)
                if mg is None:
                    return None
                found.append(mg)
        quantity = as_object(ingredient.get("strengthQuantity"))
        if quantity:
            mg = _mass_mg(quantity)
            if mg is None:
                return None
            found.append(mg)
    return _agreed(found)


def _agreed(found: list[float]) -> float | None:
    return found[0] if found and all(close(found[0], other) for other in found) else None


def _mass_mg(quantity: Mapping[str, object]) -> float | None:
    measure = read_measure(quantity)
    return measure.mg if isinstance(measure, Measure) else None


def _ratio_mg(ratio: Mapping[str, object]) -> float | None:
    numerator, denominator = as_object(ratio.get("numerator")), as_object(ratio.get("denominator"))
    if not numerator:
        return _mass_mg(ratio)  # a Quantity where a Ratio is expected
    mg = _mass_mg(numerator)
    if mg is None or not denominator or as_number(denominator.get("value")) is None:
        return mg
    if not as_string(denominator.get("unit")) and not as_string(denominator.get("code")):
        count = as_number(denominator.get("value"))
        return mg / count if count is not None and count > 0 else None
    per = read_measure(denominator)
    if isinstance(per, Issue):
        return None
    if per.capsules is not None:
        return round(mg / per.capsules, 9)
    return mg if per.mg is not None and close(per.mg, mg) else None
