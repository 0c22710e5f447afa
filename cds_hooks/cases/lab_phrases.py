"""Laboratory and other observations as a case writes them: `121 U/L, 3 days ago, upper limit 40`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from cds_hooks.cases.moment import Moment, PhraseError, find_moment
from cds_hooks.cases.pieces import NOWHERE, NUMBER, QUOTED, Pieces, Place, Subject, parse_subject

LAB_FORM = (
    "<value>, <when>[, <status>][, upper limit 40][, lower limit 0.4][, LOINC 1742-6][, specimen A]"
    "[, interpretation POS]; "
    'the value is "121 U/L", "<0.5 10*3/uL", a word (negative, pregnant), a code, text "see comment", or no value; '
    'of a date: "in 60 days, recorded 5 days ago"'
)
LAB_STATUSES = (
    "final", "registered", "preliminary", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
)  # fmt: skip
_MEASURED = re.compile(rf"(?P<comparator><=|>=|<|>|)(?P<number>-?{NUMBER})(?: (?P<unit>\S+(?: \S+)*))?")


@dataclass(frozen=True, slots=True)
class Measured:
    """A number, perhaps with a comparator, perhaps with a unit, all as written."""

    number: str
    unit: str = ""
    comparator: str = ""

    def __str__(self) -> str:
        return f"{self.comparator}{self.number}{' ' if self.unit else ''}{self.unit}"


@dataclass(frozen=True, slots=True)
class FreeText:
    """A result in words of the laboratory, not coded."""

    text: str

    def __str__(self) -> str:
        return f'text "{self.text}"'


@dataclass(frozen=True, slots=True)
class NoValue:
    """A result without any value."""

    def __str__(self) -> str:
        return "no value"


LabValue: TypeAlias = Measured | FreeText | NoValue | Subject | Moment
"""A Subject is a coded result: a word of the knowledge, or a code; a Moment is the value of a date."""


@dataclass(frozen=True, slots=True)
class LabPhrase:
    """One result of one analyte.

    Attributes:
        analyte: key of the knowledge.
        value: what was found.
        when: when the specimen was taken, or the statement recorded.
        status: FHIR status.
        upper_limit: upper limit of the result's own reference range, in the unit of the value, "" for none.
        lower_limit: lower limit likewise.
        loinc: the code to use; "" for the first of the analyte.
        specimen: name of the specimen, to tell which results come from the same tube.
        interpretation: code such as H, NEG or POS.
    """

    analyte: str
    value: LabValue
    when: Moment
    status: str = "final"
    upper_limit: str = ""
    lower_limit: str = ""
    loinc: str = ""
    specimen: str = ""
    interpretation: str = ""
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        named = (
            ("upper limit", self.upper_limit),
            ("lower limit", self.lower_limit),
            ("LOINC", self.loinc),
            ("specimen", self.specimen),
            ("interpretation", self.interpretation),
        )
        return ", ".join(
            (
                str(self.value),
                f"recorded {self.when}" if isinstance(self.value, Moment) else str(self.when),
                *((self.status,) if self.status != "final" else ()),
                *(f"{word} {value}" for word, value in named if value),
            )
        )


def parse_lab(analyte: str, phrase: str, place: Place = NOWHERE) -> LabPhrase:
    """Read a result of the form `LAB_FORM`."""
    pieces = Pieces(phrase, LAB_FORM)
    value = _parse_value(pieces)
    when = pieces.moment("recorded" if isinstance(value, Moment) else "")
    if when is None:
        missing = '"recorded <when>"' if isinstance(value, Moment) else "when (write a point in time, or: no date)"
        raise pieces.error(f"does not say {missing}")
    parsed = LabPhrase(
        analyte=analyte,
        value=value,
        when=when,
        status=pieces.word(*LAB_STATUSES) or "final",
        upper_limit=pieces.after("upper limit", NUMBER),
        lower_limit=pieces.after("lower limit", NUMBER),
        loinc=pieces.after("LOINC", r"\d+-\d"),
        specimen=pieces.after("specimen", r"\w+"),
        interpretation=pieces.after("interpretation", r"[A-Z+<>-]+"),
        place=place,
    )
    pieces.finish()
    return parsed


def _parse_value(pieces: Pieces) -> LabValue:
    words = pieces.first()
    # Tried before a number with a unit, which "5 days ago" would otherwise be.
    if (moment := find_moment(words)) is not None:
        return moment
    if match := _MEASURED.fullmatch(words):
        return Measured(match["number"], match["unit"] or "", match["comparator"])
    if match := re.fullmatch(f"text {QUOTED}", words):
        return FreeText(match["quoted"])
    if words == "no value":
        return NoValue()
    try:
        return parse_subject(words)
    except PhraseError:
        raise pieces.error(f"{words!r} is not a value") from None
