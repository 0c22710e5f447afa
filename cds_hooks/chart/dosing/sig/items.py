"""What a phrase of a sig can say, and the form of a row of the pattern table."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from .normalise import WORD_NUMBERS, number
from .required_words import Words, required_words

# A number that is not the tail of another number, of a fraction or of a word.
NUM = rf"(?<![\w.,/\-])(?:\d{{1,6}}(?:\.\d{{1,6}})?|\.\d{{1,6}}|(?:{WORD_NUMBERS})\b)(?![\d.]*\d)"
# The same where it may follow a letter (q24h, x21d).
BARE_NUM = rf"(?:\d{{1,4}}(?:\.\d{{1,4}})?|(?:{WORD_NUMBERS})\b)"
MASS_UNIT = (
    r"(?:mgs?|milligram(?:me)?s?|mcgs?|ug|μg|microgram(?:me)?s?|gms?|g|gram(?:me)?s?)\b"
    r"(?! ?(?:/|per) ?(?:m2|m\^2|sq|kg|ml|l\b|hr|hours?|h\b))"
)
CAPS = r"(?:capsules?|caps?|tablets?|tabs?|pills?)\b"
DAYS_OR_WEEKS = r"(?:days?|d|weeks?|wks?|w)\b"
# To the end of the sentence; the point of 2.5 does not end one.
TO_END = r"(?:[^.;]|\.(?=\d))*"


class Unread(Enum):
    """Phrases that are understood and deliberately carry no dose."""

    NOISE = "noise"


class Marker(Enum):
    """Phrases that join or qualify others."""

    THEN = "then"
    AND = "and"
    AS_NEEDED = "as needed"
    CYCLE_NUMBER = "cycle number"


class Ambiguous(Struct, frozen=True):
    """A phrase that says something about the dose which is not read."""

    reason: str


class MassOf(Enum):
    """What the mass beside a number of capsules refers to."""

    TOTAL = "total"
    EACH = "each"
    UNSTATED = "unstated"


class SigAmount(Struct, frozen=True):
    """An amount in a sig: capsules and/or mg, each as a range from low to high (equal when no range)."""

    count_low: float | None = None
    count_high: float | None = None
    mg_low: float | None = None
    mg_high: float | None = None
    mass_of: MassOf = MassOf.TOTAL


class SigStrength(Struct, frozen=True):
    """The strength of the product named in the sig, mg per capsule."""

    mg: float


class SigTotal(Struct, frozen=True):
    """The sum the sig states for a dose or a day, mg: checked, never used as the dose."""

    mg: float


class PerDay(Struct, frozen=True):
    """Administrations per day, low and high."""

    low: float
    high: float


class Interval(Struct, frozen=True):
    """Days between doses, shortest and longest."""

    shortest: float
    longest: float


class PerWeek(Struct, frozen=True):
    """Administrations per week."""

    times: float


class DaysPerWeek(Struct, frozen=True):
    """Treatment days per week, unnamed."""

    days: float


class Weekdays(Struct, frozen=True):
    """Named days of the week (FHIR codes)."""

    days: frozenset[str]


class TimeOfDay(Struct, frozen=True):
    """A time of day: a label such as morning, or a clock time."""

    label: str
    is_clock: bool = False


class Dialysis(Struct, frozen=True):
    """The dose follows dialysis."""


class CycleDays(Struct, frozen=True):
    """Listed days of a cycle: sorted day numbers, and the length of the cycle in days if stated."""

    days: tuple[int, ...]
    cycle: int | None = None


class OnOff(Struct, frozen=True):
    """`on` days of treatment, then `off` days of rest; one of them may be stated elsewhere."""

    on: int | None
    off: int | None


class CycleLength(Struct, frozen=True):
    """The length of a cycle, days."""

    days: int


class Length(Struct, frozen=True):
    """How long the treatment, or its phase, goes on: days."""

    days: float


class Continuous(Struct, frozen=True):
    """Without rest days, in words."""


RATE_ITEMS = (PerDay, Interval, PerWeek, DaysPerWeek, Weekdays, TimeOfDay, Dialysis)
COURSE_ITEMS = (CycleDays, OnOff, CycleLength, Length, Continuous)
RateItem = PerDay | Interval | PerWeek | DaysPerWeek | Weekdays | TimeOfDay | Dialysis
CourseItem = CycleDays | OnOff | CycleLength | Length | Continuous
Item = Unread | Marker | Ambiguous | SigAmount | SigStrength | SigTotal | RateItem | CourseItem


class Rule(Struct, frozen=True):
    """One row of the table: a name, the pattern, what to make of a match, and an example the tests run.

    `words`: any text the pattern matches holds a word of each of these sets.
    """

    name: str
    pattern: re.Pattern[str]
    build: Callable[[re.Match[str]], Item]
    example: str
    words: tuple[Words, ...]

    def finds(self, text: str) -> list[re.Match[str]]:
        """Return the matches in a text."""
        for words in self.words:
            for word in words:
                if word in text:
                    break
            else:
                return []
        return list(self.pattern.finditer(text))


def rule(name: str, pattern: str, build: Callable[[re.Match[str]], Item] | Item, example: str) -> Rule:
    """Return a compiled row; `build` may be the item itself when the match adds nothing to it."""
    compiled = re.compile(pattern)
    words = tuple(sorted(required_words(compiled), key=len))
    if callable(build):
        return Rule(name, compiled, build, example, words)
    fixed = build
    return Rule(name, compiled, lambda _match: fixed, example, words)


def in_days(count: str, unit: str | None) -> float:
    """Return a matched number of days or weeks in days."""
    weeks = unit is not None and unit.startswith("w")
    return number(count) * (7 if weeks else 1)
