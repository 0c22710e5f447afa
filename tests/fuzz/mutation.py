"""Breaking a JSON document at one place, as hurried interfaces and attackers do."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

TOO_LARGE_FOR_A_DOUBLE = "number-too-large-for-a-double"
"""Stands for 1e400, which Python cannot hold; `encode` writes it as a number."""

STRINGS = (
    "", " ", "\u200b", "\u202eabc", "\ufeff", "\x00", "\ud800", "x" * 5_000, "0000", "0000-00-00", "0001-01-01",
    "9999-12-31T24:00:00Z", "9999-12-31", "2026-02-30", "2026-03-01T12:00:00+99:99", "2026-03-01T12:00:00-14:00", "NaN",
    "Infinity", "1e400", "١٢", "½", "-1", "1,5", "{}", "null", "../..", "#", "#loop", "Patient/somebody-else",
    "Medication/loop", "urn:uuid:", "https://elsewhere.example.org/Patient/1", "[iU]/L", "%", "{{context.patientId}}",
    "{0.__class__}", "%s%n", "<script>", "entered-in-error", "http://loinc.org",
)  # fmt: skip
NUMBERS = (0, -1, 1, -0.0, 5e-324, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, 2**64, 10**400, 1e21, 0.1, 1e-7)
CONTAINERS: tuple[Any, ...] = ([], {}, [[]], [None], [{}], {"": None}, {"value": {}}, [{"resourceType": "Observation"}])


def nested(depth: int) -> Any:
    """Return objects and arrays in each other, `depth` deep."""
    value: Any = "core"
    for level in range(depth):
        value = [value] if level % 2 else {"extension": value}
    return value


odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(STRINGS),
    st.sampled_from(NUMBERS),
    st.just(TOO_LARGE_FOR_A_DOUBLE),
    st.sampled_from(CONTAINERS),
    st.sampled_from((10, 90)).map(nested),
)
"""Values that are hardly ever what is expected."""


@dataclass(frozen=True)
class Change:
    """What was done to a document: the node at `path` was deleted (`value` is DELETED) or replaced."""

    path: Path
    value: Any

    def __repr__(self) -> str:
        return f"{'.'.join(map(str, self.path))} := {str(self.value)[:80]!r}"


class _Deleted:
    def __str__(self) -> str:
        return "deleted"

    def __deepcopy__(self, memo: Any) -> _Deleted:
        return self


DELETED = _Deleted()


def paths(document: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every node below the root."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, key))


def at(document: Any, path: Path) -> Any:
    """Return the node at a path."""
    for step in path:
        document = document[step]
    return document


def apply(change: Change, document: Any) -> None:
    """Change the document."""
    holder = at(document, change.path[:-1])
    if change.value is DELETED:
        del holder[change.path[-1]]
    else:
        holder[change.path[-1]] = copy.deepcopy(change.value)


def draw_change(data: st.DataObject, document: Any, below: Path = ()) -> Change:
    """Choose how to break a node below a path: each depth is as likely as the others, though most nodes lie deep."""
    places = list(paths(at(document, below), below))
    depth = data.draw(st.sampled_from(sorted({len(place) for place in places})))
    place = data.draw(st.sampled_from([place for place in places if len(place) == depth]))
    return Change(place, data.draw(st.just(DELETED) | odd_values))


def encode(document: Any) -> bytes:
    """Return the JSON text of a document; lone surrogates stay escapes."""
    return json.dumps(document).replace(f'"{TOO_LARGE_FOR_A_DOUBLE}"', "1e400").encode()
