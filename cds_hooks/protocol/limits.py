"""How much one request may hold. Far above what EHRs send, far below what would keep a thread busy for seconds.

Measured on one core: 500 drafts of other drugs take 35 ms, 10,000 prefetched results about a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEEPEST = 100
"""Levels of objects and arrays. FHIR resources have about 20; what we answer with must stay below 254."""

MOST_DRAFTS = 500
"""Entries of `context.draftOrders`."""

MOST_RESOURCES = 10_000
"""Entries of all Bundles of the prefetch together."""

_AS_BRACES = bytes.maketrans(b"[]", b"{}")
_NO_MARKS = bytes(range(256)).translate(None, b'[]{}"')


def is_too_deep(value: Any, deepest: int = DEEPEST) -> bool:
    """Whether a decoded JSON value has more than so many levels of objects and arrays.

    It goes through the levels one by one, so that it needs no deep stack itself.
    """
    level = [value] if isinstance(value, dict | list | tuple) else []
    for _ in range(deepest):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    return bool(level)


def is_json_too_deep(data: bytes, deepest: int = DEEPEST) -> bool:
    """Whether JSON has more than so many levels of objects and arrays, told from its text.

    For a long text this takes half as long as `is_too_deep` takes for its value. Of a member given twice, both count.

    Args:
        data: valid JSON in UTF-8.
        deepest: number of levels.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")  # now every quote begins or ends a string
    marks = data.translate(_AS_BRACES, _NO_MARKS).replace(b'""', b"")
    if b'"' in marks:  # strings that hold brackets
        marks = b"".join(marks.split(b'"')[::2])
    for _ in range(deepest):
        if not marks:
            return False
        marks = marks.replace(b"{}", b"")  # the innermost level
    return bool(marks)


def has_too_many_resources(prefetch: Mapping[str, Any], most: int = MOST_RESOURCES) -> bool:
    """Whether the Bundles of a prefetch have more than so many entries together."""
    bundles = (value.get("entry") for value in prefetch.values() if isinstance(value, dict))
    return sum(len(entries) for entries in bundles if isinstance(entries, list)) > most
