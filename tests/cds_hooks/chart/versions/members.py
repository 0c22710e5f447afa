"""Taking a resource apart member by member, so that no member is lost on the way to another version of FHIR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

SHARED = ("resourceType", "id", "meta", "extension")
"""Members that every resource has in every version."""


class NotExpressibleError(Exception):
    """The version has no place for something the R4 resource says."""


class Members:
    """The members of a resource or element that are still to be carried over."""

    def __init__(self, element: Mapping[str, Any]) -> None:
        self._left = dict(element)

    def take(self, name: str) -> Any:
        """Return a member and cross it off; None when it is not there."""
        return self._left.pop(name, None)

    def keep(self, *names: str) -> Json:
        """Return the members of these names as they are, and cross them off."""
        return {name: self._left.pop(name) for name in names if name in self._left}

    def rename(self, **names: str) -> Json:
        """Return members under new names, and cross them off."""
        return {new: self._left.pop(old) for old, new in names.items() if old in self._left}

    def refuse(self, *names: str) -> None:
        """Complain when a member is there that the version cannot carry.

        Raises:
            NotExpressibleError: it is.
        """
        for name in names:
            if name in self._left:
                raise NotExpressibleError(name)

    def all_taken(self) -> None:
        """Complain about members nobody took.

        Raises:
            ValueError: the converter does not know a member.
        """
        if self._left:
            raise ValueError(f"the converter does not know {sorted(self._left)}")


def mapped(code: str, table: Mapping[str, str]) -> str:
    """Return a code of R4 in the words of the version.

    Raises:
        NotExpressibleError: it has none.
    """
    if code not in table:
        raise NotExpressibleError(code)
    return table[code]


def same(*codes: str) -> dict[str, str]:
    """Return a table of codes that mean the same in both versions."""
    return {code: code for code in codes}


def code_of(concept: Any) -> str | None:
    """Return the one code of a CodeableConcept; None when there is no concept."""
    return None if concept is None else str(concept["coding"][0]["code"])


def filled(**members: Any) -> Json:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


Converter: TypeAlias = Callable[[Members], Json]
