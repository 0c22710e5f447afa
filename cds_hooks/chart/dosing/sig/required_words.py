"""Which words a text must hold for a pattern to be able to match it.

A sig matches perhaps ten of the 75 rows of the table. Looking for a word costs a fiftieth of searching for a pattern,
so the rows whose words a sig does not hold are passed over. The words are read off the parsed pattern itself: nobody
has to keep a list of them in step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined]  # where the standard library parses patterns
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_Words = frozenset[str]
_NOTHING: _Words = frozenset()


def required_words(pattern: re.Pattern[str]) -> frozenset[str]:
    """Return words of which every text that the pattern matches holds at least one; none when there are no such words.

    Args:
        pattern: any compiled pattern; one that ignores case has none.
    """
    if pattern.flags & re.IGNORECASE:
        return _NOTHING
    return _of_sequence(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> _Words:
    """Return the most telling words among those the parts of a sequence require."""
    found: list[_Words] = []
    literal = ""
    for code, argument in items:
        if code is codes.LITERAL:
            literal += chr(argument)
            continue
        found.append(frozenset({literal}))
        literal = ""
        found.append(_of_part(code, argument))
    found.append(frozenset({literal}))
    return max((words for words in found if words and all(words)), key=_telling, default=_NOTHING)


def _of_part(code: Any, argument: Any) -> _Words:
    if code is codes.SUBPATTERN:
        _, added_flags, _, items = argument
        return _NOTHING if added_flags & re.IGNORECASE else _of_sequence(items)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and argument[0] > 0:
        return _of_sequence(argument[2])
    if code is codes.BRANCH:
        alternatives = [_of_sequence(one) for one in argument[1]]
        return _NOTHING.union(*alternatives) if all(alternatives) else _NOTHING
    return _NOTHING


def _telling(words: _Words) -> tuple[int, int]:
    """Long words are rare in texts, and few are looked up fast."""
    return min(map(len, words)), -len(words)
