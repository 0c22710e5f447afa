"""The clinical cases, read once when somebody first wants to see them."""

from __future__ import annotations

from functools import cache

from cds_hooks.cases.case import Case, load_cases


@cache
def cases() -> tuple[Case, ...]:
    """Return the cases that are shipped."""
    return load_cases()


@cache
def cases_by_topic() -> dict[str, tuple[Case, ...]]:
    """Return topic → the cases that expect it."""
    found: dict[str, list[Case]] = {}
    for case in cases():
        for topic in case.expect:
            found.setdefault(topic, []).append(case)
    return {topic: tuple(expecting) for topic, expecting in found.items()}
