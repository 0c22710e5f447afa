"""The small parts that the phrases of a case are made of: subjects, amounts, intervals, places in a file.

A phrase is a line such as `lenalidomide 25 mg, completed orders, 28 days ago`: pieces separated by commas, the first
of them the subject. Except for the subject the order of the pieces does not matter. Text in double quotes is one
piece, whatever it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cds_hooks.cases.moment import Moment, PhraseError, find_moment, parse_moment
from cds_hooks.knowledge.yaml_document import KnowledgeError

NUMBER = r"\d+(?:\.\d+)?"
QUOTED = r'"(?P<quoted>[^"]*)"'
CODE_SYSTEMS = ("RxNorm", "NDC", "ATC", "SNOMED", "LOINC", "ICD10CM")
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
"""A comma that is not inside double quotes."""
_CODE = re.compile(rf"(?P<system>{'|'.join(CODE_SYSTEMS)}) (?P<code>[A-Za-z0-9.-]+)")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[ _/-][A-Za-z0-9]+)*")
_AMOUNT = re.compile(rf"(?P<number>{NUMBER}) (?P<unit>\S+(?: \S+)*)")
_EVERY = re.compile(r"(?:(?P<count>[1-9]\d*) )?(?P<unit>hour|day|week|month)s?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the files."""

    file: str = "?"
    line: int = 0

    def error(self, problem: str) -> KnowledgeError:
        """Return the error that names this place."""
        return KnowledgeError(self.file, self.line or None, problem)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a phrase is about: a key of the knowledge, one code of a code system, or nothing but a name in quotes.

    `strength` is the content of one capsule or tablet in mg, as written, "" when not said (drugs only).
    """

    key: str = ""
    system: str = ""
    code: str = ""
    name: str = ""
    strength: str = ""

    def __str__(self) -> str:
        words = f'"{self.name}"' if self.name else f"{self.system} {self.code}" if self.code else self.key
        return f"{words} {self.strength} mg" if self.strength else words


def parse_subject(words: str, *, with_strength: bool = False) -> Subject:
    """Read a subject: `multipleMyeloma`, `ICD10CM C90.00`, or `"myeloma"`; for drugs also `lenalidomide 25 mg`."""
    strength = ""
    if with_strength and (match := re.fullmatch(rf"(?P<rest>.+) (?P<strength>{NUMBER}) mg", words)):
        words, strength = match["rest"], match["strength"]
    if match := re.fullmatch(QUOTED, words):
        return Subject(name=match["quoted"], strength=strength)
    if match := _CODE.fullmatch(words):
        return Subject(system=match["system"], code=match["code"], strength=strength)
    if _KEY.fullmatch(words):
        return Subject(key=words, strength=strength)
    raise PhraseError(f'{words!r} is neither a key, nor a code such as "ICD10CM C90.00", nor a name in double quotes')


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit, both as written."""

    number: str
    unit: str

    @property
    def value(self) -> int | float:
        """The number, whole if written so."""
        return json_number(self.number)

    def __str__(self) -> str:
        return f"{self.number} {self.unit}"


def json_number(digits: str) -> int | float:
    """Return written digits as the number that JSON would carry."""
    return float(digits) if "." in digits else int(digits)


def parse_amount(words: str) -> Amount:
    """Read `25 mg` or `2 capsules`."""
    match = _AMOUNT.fullmatch(words)
    if match is None:
        raise PhraseError(f'{words!r} is not an amount; write "25 mg" or "2 capsules"')
    return Amount(match["number"], match["unit"])


@dataclass(frozen=True, slots=True)
class Every:
    """How often: once per so many hours, days, weeks or months."""

    count: int
    unit: str

    def __str__(self) -> str:
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"


def parse_every(words: str) -> Every:
    """Read `day`, `2 days`, `12 hours`."""
    match = _EVERY.fullmatch(words)
    if match is None:
        raise PhraseError(f'{words!r} is not an interval; write "day", "2 days", "12 hours", "week"')
    return Every(int(match["count"] or 1), match["unit"])


class Pieces:
    """The pieces of one phrase, taken out one after the other until none is left."""

    def __init__(self, phrase: str, form: str) -> None:
        """Cut a phrase at its commas.

        Args:
            phrase: the phrase.
            form: what such a phrase looks like, for the error message.
        """
        if phrase.count('"') % 2:
            raise PhraseError(f"{phrase!r}: a double quote is left open")
        self._phrase, self._form = phrase, form
        self._rest = [piece.strip() for piece in _COMMA.split(phrase)]
        if not all(self._rest):
            raise self.error("a piece is empty")

    def error(self, problem: str) -> PhraseError:
        """Return an error that quotes the phrase and says how it should look."""
        return PhraseError(f"{self._phrase!r}: {problem}; the form is: {self._form}")

    def first(self) -> str:
        """Take the first piece."""
        return self._rest.pop(0)

    def take(self, pattern: str) -> re.Match[str] | None:
        """Take the first piece that wholly matches a regular expression."""
        for piece in self._rest:
            if match := re.fullmatch(pattern, piece):
                self._rest.remove(piece)
                return match
        return None

    def word(self, *words: str) -> str:
        """Take the first piece that is one of the words; "" when there is none."""
        match = self.take("|".join(map(re.escape, words)))
        return match[0] if match else ""

    def after(self, word: str, pattern: str) -> str:
        """Take `word …` where … matches; return what follows the word, "" when there is none."""
        match = self.take(rf"{re.escape(word)} (?P<value>{pattern})")
        return str(match["value"]) if match else ""

    def quoted(self, word: str) -> str:
        """Take `word "…"`; return the text between the quotes."""
        match = self.take(rf"{re.escape(word)} {QUOTED}")
        return str(match["quoted"]) if match else ""

    def moment(self, word: str = "") -> Moment | None:
        """Take a point in time, after `word` if one is given."""
        if word:
            words = self.after(word, ".+")
            return parse_moment(words) if words else None
        for piece in self._rest:
            if (moment := find_moment(piece)) is not None:
                self._rest.remove(piece)
                return moment
        return None

    def finish(self) -> None:
        """Refuse a phrase with a piece that nobody took."""
        if self._rest:
            raise self.error(f"{self._rest[0]!r} is not understood")
