"""Leaving out what CDS Hooks forbids in answers: members that are null or empty. EHRs send them all the same."""

from __future__ import annotations

from typing import Any

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def without_empty(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a FHIR resource, or a part of one, without its null and empty members and elements.

    The null of a primitive array stays where an array beside it (`_given` of `given`) counts on its position.
    """
    return {
        name: content if isinstance(content, list) and f"_{name.removeprefix('_')}" in resource else kept
        for name, content in resource.items()
        if (kept := _without_empty(content)) not in _EMPTY
    }


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return without_empty(value)
    if isinstance(value, list):
        return [kept for one in value if (kept := _without_empty(one)) not in _EMPTY]
    return value
