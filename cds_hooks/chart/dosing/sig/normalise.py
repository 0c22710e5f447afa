"""One spelling for the many ways the same sig is typed."""

from __future__ import annotations

import re
import unicodedata

MAX_SIG_LENGTH = 2000
"""Longer texts are not sigs and are refused rather than searched."""

CONSUMED = "\ue000"
"""Stands for text a pattern has claimed; from the private use area, which the normalisation removes from input."""

_DIGIT_WORDS = {
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "twelve": "12",
    "fourteen": "14",
    "fifteen": "15",
    "twenty": "20",
}
WORD_NUMBERS = "|".join(sorted(_DIGIT_WORDS, key=len, reverse=True))

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"))  # noqa: RUF001 - look-alikes are the point
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "×": "x", "⁄": "/"})  # noqa: RUF001
_ABBREVIATION = re.compile(r"\b(?:[a-z]\.){1,3}[a-z]\b\.?|\bq\. d\b\.?")
_PLURAL = re.compile(r"\((s|es)\)")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:,\d{3})+)(?![\d,]|\.\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d{1,3}),(\d{1,2})(?= ?(?:mg|milligram|g\b|gram|mcg|microgram))")
_ECHO = re.compile(rf"\b(\d{{1,2}}) ?\(({WORD_NUMBERS})\)")
_ECHO_REVERSED = re.compile(rf"\b({WORD_NUMBERS}) ?\((\d{{1,2}})\)")
_COMPOUND = re.compile(r"\btwenty[- ](one|five|eight)\b")
_SPACES = re.compile(r"\s+")


def number(token: str) -> float:
    """Return the value of a number matched by the patterns, in digits or in words."""
    return float(_DIGIT_WORDS.get(token, token))


def display_text(text: str) -> str:
    """Return a sig for showing: single spaces, no control or invisible characters, spelling untouched."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    visible = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
    visible = "".join(char for char in visible if unicodedata.category(char) not in ("Cf", "Cs", "Co"))
    return _SPACES.sub(" ", visible).strip()


def normalise(text: str) -> str:
    """Return the sig in lower case with plain dashes, digits, decimal points and spaces.

    Fractions such as ½ and superscripts become words no pattern knows: NFKC would turn 1½ into 11 halves.
    """
    plain = display_text(text)
    if not plain.isascii():
        plain = "".join(" fraction " if unicodedata.category(char) == "No" else char for char in plain)
        plain = unicodedata.normalize("NFKC", plain).translate(_DASHES).translate(_QUOTES)
        plain = _SPACES.sub(" ", plain)
    plain = plain.lower()
    # Most sigs hold hardly any of this: looking for one character costs a fiftieth of searching for a pattern.
    if "twenty" in plain:
        plain = _COMPOUND.sub(lambda match: f"2{_DIGIT_WORDS[match[1]]}", plain)
    if "(" in plain:
        plain = _PLURAL.sub(r"\1", plain)
    if "." in plain:
        plain = _ABBREVIATION.sub(lambda match: match[0].replace(".", "").replace(" ", "") + " ", plain)
        plain = _SPACES.sub(" ", plain)
    if "," in plain:
        plain = _THOUSANDS.sub(lambda match: match[1] + match[2].replace(",", ""), plain)
        plain = _DECIMAL_COMMA.sub(r"\1.\2", plain)
    if "(" in plain:
        plain = _ECHO.sub(lambda match: match[1] if _DIGIT_WORDS[match[2]] == match[1] else match[0], plain)
        plain = _ECHO_REVERSED.sub(lambda match: match[2] if _DIGIT_WORDS[match[1]] == match[2] else match[0], plain)
    return plain.strip()
