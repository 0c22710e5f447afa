"""The URL of a search: how it is made simpler for a server that refuses a part of it, and how it is sent by POST."""

from __future__ import annotations

import re
from collections.abc import Collection

from cds_hooks.data_needs import DataNeed

SORT = frozenset({"_sort", "_sort:desc"})

LONGEST_URL = 2000
"""Longer ones are sent by POST: common web servers stop at 2,048 characters of query (default of IIS), others later."""

FORM = "application/x-www-form-urlencoded"


def parameter_names(url: str) -> tuple[str, ...]:
    """Return the names of the parameters of a search, in order."""
    _, _, query = url.partition("?")
    return tuple(part.partition("=")[0] for part in query.split("&") if part)


def dispensable(url: str, need: DataNeed) -> frozenset[str]:
    """Return the parameters of a search without which it still finds everything it is meant to find.

    Order, page size, included Medications (they can be read one by one) and the date limit. Patient and codes are not
    among them: without those a search is another question.
    """
    return frozenset(parameter_names(url)) & (SORT | {"_include", "_count", need.date_parameter})


def named_in(words: str, names: Collection[str]) -> frozenset[str]:
    """Return those of the parameters that a server speaks of."""
    return frozenset(
        name for name in names if re.search(rf"(?<![\w-]){re.escape(name.partition(':')[0])}(?![\w-])", words)
    )


def without(url: str, names: Collection[str]) -> str:
    """Return the search without some of its parameters."""
    path, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in names]
    return f"{path}?{'&'.join(kept)}" if kept else path


def as_form(url: str) -> tuple[str, bytes]:
    """Return the URL and the content of the same search by POST, so that no patient id stands in a URL."""
    path, _, query = url.partition("?")
    return f"{path}/_search", query.encode("ascii")
