"""Which words a text must hold for a pattern to be able to match it.

A sig matches perhaps ten of the 75 rows of the table. Looking for a word costs a fiftieth of searching for a pattern,
so the rows whose words a sig does not hold are passed over. The words are read off the parsed pattern itself: nobody
has to keep a list of them in step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from re import _constants as codes  # type: ignore[attr-defined]  # where the standard library parses patterns
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Words = frozenset[str]
_NOTHING: frozenset[Words] = frozenset()
_MOST = 3
"""Sets kept of one pattern: alternatives multiply them, and the first few tell nearly as much as all."""


def required_words(pattern: re.Pattern[str]) -> frozenset[Words]:
    """Return sets of words: every text that the pattern matches holds a word of each set.

    "every (other|second) day" gives {"every "}, {"other", "second"} and {" day"}.

    Args:
        pattern: any compiled pattern; one that ignores case requires nothing.
    """
    if pattern.flags & re.IGNORECASE:
        return _NOTHING
    return _of_sequence(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> frozenset[Words]:
    """A sequence requires what any of its parts requires; letters in a row make one word."""
    found: set[Words] = set()
    literal = ""
    for code, argument in items:
        if code is codes.LITERAL:
            literal += chr(argument)
            continue
        found.add(frozenset({literal}))
        literal = ""
        found |= _of_part(code, argument)
    found.add(frozenset({literal}))
    return _most_telling(found)


def _of_part(code: Any, argument: Any) -> frozenset[Words]:
    if code is codes.SUBPATTERN:
        _, added_flags, _, items = argument
        return _NOTHING if added_flags & re.IGNORECASE else _of_sequence(items)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and argument[0] > 0:
        return _of_sequence(argument[2])
    if code is codes.BRANCH:
        return reduce(_of_either, map(_of_sequence, argument[1]))
    if code is codes.IN and all(kind is codes.LITERAL for kind, _ in argument):
        return frozenset({frozenset(chr(letter) for _, letter in argument)})
    return _NOTHING


def _of_either(left: frozenset[Words], right: frozenset[Words]) -> frozenset[Words]:
    """Of two alternatives, each word of either may be what stands for its set."""
    return _most_telling({one | other for one in left for other in right})


def _most_telling(found: Iterable[Words]) -> frozenset[Words]:
    """Leave out what nearly every text holds and what follows from another set; of many keep those with long words."""
    sets = {_shortest(words) for words in found if "" not in words and " " not in words}
    telling = [one for one in sets if not any(_follows(one, other) for other in sets if other != one)]
    return frozenset(sorted(telling, key=_telling)[:_MOST])


def _telling(words: Words) -> tuple[int, int, list[str]]:
    """Long words are rare in texts, and few are looked up fast."""
    return -min(map(len, words)), len(words), sorted(words)


def _shortest(words: Words) -> Words:
    """Leave out words that hold another one: "cap" is in every text with "capsule"."""
    return frozenset(word for word in words if not any(other in word for other in words if other != word))


def _follows(words: Words, others: Words) -> bool:
    """Return whether a text with one of the others always holds one of the words."""
    return all(any(word in other for word in words) for other in others)
