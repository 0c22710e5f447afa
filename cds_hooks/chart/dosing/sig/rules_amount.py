"""Phrases that give an amount, the strength of the product, or a total."""

from __future__ import annotations

import re

from ..quantity import mass_in_mg
from .items import CAPS, MASS_UNIT, NUM, Ambiguous, Item, MassOf, Rule, SigAmount, SigStrength, SigTotal, rule
from .normalise import number

_FORM = r"(?:(?:oral|hard|gelatin|strength|po|by mouth|size|dose) )*"
_EACH = r"(?:each|apiece|per (?:capsule|cap|tablet|tab)|/ ?(?:capsule|cap|tablet|tab)|capsules?|caps?|strength)"
_COUNT = rf"(?P<count>{NUM}|\ba\b)"
_TO = r" ?(?:-|to|or) ?"
_HIGH_NUM = r"(?:\d{1,4}(?:\.\d{1,4})?|(?:two|three|four|five|six|ten|twenty)\b)"
_OPEN, _CLOSE = r"[(\[=]", r"[)\]]?"
# What stands between "1 capsule" and its mass: of, a comma, a bracket, an equals sign, or nothing.
_LINK = rf"(?: of| ?,| ?{_OPEN} ?=?| =)? ?"
_TOTAL_WORDS = r"(?:total (?:daily )?(?:dose|amount)(?: of)?|total of|tdd|daily total(?: of)?)"
_AFTER_BARE_ONE = (
    r"(?:po\b|by mouth|orally|per os|daily|once|every|each (?:day|morning|evening|night)|q[a-z0-9]|at bedtime|in the)"
)


def _mass(name: str) -> str:
    return rf"(?P<{name}>{NUM}) ?-?(?P<{name}_unit>{MASS_UNIT})"


def _times_mass(name: str) -> str:
    """Return the pattern of a mass that may follow "2x" without a space."""
    return rf"(?P<{name}>(?<![\d.,/-])(?:\d{{1,6}}(?:\.\d{{1,6}})?|\.\d{{1,6}})) ?-?(?P<{name}_unit>{MASS_UNIT})"


def _mg(match: re.Match[str], name: str, unit_of: str = "") -> float:
    mg = mass_in_mg(number(match[name]), match[f"{unit_of or name}_unit"])
    return mg if mg is not None else 0.0  # the pattern admits units of mass only


def _count(match: re.Match[str]) -> float:
    return 1.0 if match["count"] == "a" else number(match["count"])


def _sensible(amount: SigAmount) -> Item:
    for low, high in ((amount.count_low, amount.count_high), (amount.mg_low, amount.mg_high)):
        if high is not None and (high <= 0 or low is None or low > high):
            return Ambiguous("the amount makes no sense")
    return amount


def _count_each(match: re.Match[str]) -> Item:
    count, mg = _count(match), _mg(match, "x_mass" if match["x_mass"] else "mass")
    return _sensible(SigAmount(count, count, mg, mg, MassOf.EACH))


def _mass_with_count(match: re.Match[str]) -> Item:
    count, total = number(match["count"]), _mg(match, "mass")
    if match["each"] is not None and round(count * _mg(match, "each") - total, 6) != 0:
        return Ambiguous("the capsules do not add up to the amount")
    return _sensible(SigAmount(count, count, total, total, MassOf.TOTAL))


def _count_with_mass(match: re.Match[str]) -> Item:
    count, mg = _count(match), _mg(match, "mass")
    mass_of = MassOf.UNSTATED
    if match["each"]:
        mass_of = MassOf.EACH
    elif match["total"] or match["total_2"]:
        mass_of = MassOf.TOTAL
    return _sensible(SigAmount(count, count, mg, mg, mass_of))


def _mass_range(match: re.Match[str]) -> Item:
    low = _mg(match, "low", "low" if match["low_unit"] else "high")
    return _sensible(SigAmount(mg_low=low, mg_high=_mg(match, "high")))


def _mass_only(match: re.Match[str]) -> Item:
    mg = _mg(match, "mass")
    return _sensible(SigAmount(mg_low=0.0 if match["up_to"] else mg, mg_high=mg))


def _count_range(match: re.Match[str]) -> Item:
    return _sensible(SigAmount(number(match["low"]), number(match["high"])))


def _count_only(match: re.Match[str]) -> Item:
    count = _count(match)
    return _sensible(SigAmount(0.0 if match["up_to"] else count, count))


RULES: tuple[Rule, ...] = (
    rule(
        "mass with capsules in brackets",
        rf"{_mass('mass')} ?{_OPEN} ?(?:as |= ?)?(?P<count>{NUM}) ?(?:x ?)?(?:{_mass('each')} ?)?{_FORM}"
        rf"(?:{CAPS}|(?<=mg)){_CLOSE}",
        _mass_with_count,
        "10 mg (two 5 mg capsules)",
    ),
    rule(
        "capsules of a strength",
        rf"{_COUNT} ?(?:x ?{_times_mass('x_mass')}|{_mass('mass')}) {_FORM}{CAPS}(?! ?\()",
        _count_each,
        "two 5 mg capsules",
    ),
    rule("strengths multiplied", rf"{_COUNT} ?x ?{_times_mass('x_mass')}", _count_each, "2 x 5 mg"),
    rule(
        "capsules with mass",
        rf"{_COUNT} ?{CAPS}{_LINK}(?P<total>(?:a )?total(?: of)? ?)?{_mass('mass')}"
        rf"(?: (?P<total_2>total)(?: dose)?| ?(?P<each>{_EACH})| dose)?{_CLOSE}",
        _count_with_mass,
        "1 capsule (25 mg total)",
    ),
    rule(
        "stated total",
        rf"\b(?:for |= ?|to equal |equals? |to make |giving )?(?:an? )?{_TOTAL_WORDS}[ :=]*{_mass('mass')}",
        lambda match: SigTotal(_mg(match, "mass")),
        "for a total daily dose of 25 mg",
    ),
    rule(
        "range of mass",
        rf"(?P<low>{NUM}) ?(?P<low_unit>{MASS_UNIT})?{_TO}(?P<high>{_HIGH_NUM}) ?(?P<high_unit>{MASS_UNIT})"
        rf"(?! {_FORM}{CAPS})",
        _mass_range,
        "5 to 10 mg",
    ),
    rule(
        "range of capsules",
        rf"(?P<low>{NUM})(?: ?{CAPS})?{_TO}(?P<high>{_HIGH_NUM}) ?{CAPS}",
        _count_range,
        "1-2 capsules",
    ),
    rule("strength", rf"{_mass('mass')} {_FORM}{CAPS}", lambda match: SigStrength(_mg(match, "mass")), "25 mg capsule"),
    rule("capsules", rf"(?P<up_to>\bup to )?{_COUNT} ?{_FORM}{CAPS}", _count_only, "1 capsule"),
    rule(
        "dose by body size",
        rf"{NUM} ?(?:mg|g|mcg) ?(?:/|per) ?(?:m2|m\^2|sq|kg|ml|l\b|hr|hours?|h\b)",
        Ambiguous("the amount depends on body size, volume or time"),
        "25 mg/m2",
    ),
    rule("mass", rf"(?P<up_to>\bup to )?{_mass('mass')}(?: (?:total|dose)\b)?", _mass_only, "25 mg"),
    rule(
        "one by mouth",
        rf"(?:(?<=take )|(?<=give )|^|(?<=: ))(?P<up_to>)(?P<count>1|one)\b(?= {_AFTER_BARE_ONE})",
        _count_only,
        "take 1 by mouth daily",
    ),
)
