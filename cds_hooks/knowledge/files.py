"""The YAML files of a knowledge folder as typed structures; every error names file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from cds_hooks.knowledge.yaml_document import KnowledgeError, YamlDocument

T = TypeVar("T")
_PATH_STEP = re.compile(r"\[(\d+)\]|\[(\.\.\.)\]|\.([^.\[\]`]+)")
_UNKNOWN_KEY = re.compile(r"unknown field `([^`]+)`")
_CLINICAL_FILES = ("regimens.yaml", "scores.yaml", "counselling.yaml")


def walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value of a YAML document with its path, the enclosing ones first."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from walk(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, (*path, index))


class KnowledgeFiles:
    """Turns files into typed structures and remembers where everything stands."""

    def __init__(self, documents: Iterable[YamlDocument]) -> None:
        self._documents = {document.name: document for document in documents}
        self._read: set[str] = set()
        self.locations: dict[str, str] = {}

    def count_unverified(self) -> int:
        """Return how many figures and table rows are not verified; codes and units are counted nowhere."""
        return sum(
            path[-1:] == ("verified",) and value is False
            for name, document in self._documents.items()
            if name.startswith("figures/") or name in _CLINICAL_FILES
            for path, value in walk(document.content)
        )

    def document(self, name: str) -> YamlDocument:
        """Return one file, which must exist."""
        if name not in self._documents:
            raise KnowledgeError(name, None, "is missing")
        return self._documents[name]

    def one(self, name: str, shape: type[T]) -> T:
        """Read one file into its shape."""
        document = self.document(name)
        self._read.add(name)
        try:
            return msgspec.convert(document.content, shape, strict=True)
        except msgspec.ValidationError as error:
            raise _locate(document, shape, error) from error

    def folder(self, prefix: str, shape: type[T]) -> list[tuple[YamlDocument, T]]:
        """Read all files of one folder."""
        return [(doc, self.one(name, shape)) for name, doc in self._documents.items() if name.startswith(prefix)]

    def merge(self, files: list[tuple[YamlDocument, Any]], attribute: str) -> dict[str, Any]:
        """Merge one mapping of several files; a key in two files is an error."""
        merged: dict[str, Any] = {}
        for document, content in files:
            for key, value in getattr(content, attribute).items():
                place = f"{document.name}:{document.line_of((attribute, key))}"
                if key in merged:
                    first = self.locations[f"{attribute}.{key}"]
                    raise document.error((attribute, key), f"{key!r} stands twice, first in {first}")
                merged[key] = value
                self.locations[f"{attribute}.{key}"] = place
        return merged

    def refuse_unread(self) -> None:
        """Refuse files no part of the program reads: they are most likely misnamed."""
        for name in sorted(self._documents.keys() - self._read):
            raise KnowledgeError(name, None, "is not a file the knowledge has a place for")


def _locate(document: YamlDocument, shape: type[T], error: msgspec.ValidationError) -> KnowledgeError:
    """Turn msgspec's `… - at `$.a[0].b`` into file and line.

    msgspec writes `[...]` for any key of a mapping; the key meant is found by validating each entry alone.
    """
    content: Any = document.content
    problem, _, where = str(error).partition(" - at `")
    steps: list[str | int] = []
    for index, any_key, name in _PATH_STEP.findall(where):
        if any_key:
            steps += _culprit(content, steps, shape, error)
            content = _replaced(content, steps[:-1], {steps[-1]: _at(content, steps)}) if steps else content
        else:
            steps.append(int(index) if index else name)
    if where.startswith("key`"):
        steps += _culprit(content, steps, shape, error)
    if unknown := _UNKNOWN_KEY.search(problem):
        steps.append(unknown[1])
    return document.error(steps, problem)


def _culprit(content: Any, steps: list[str | int], shape: type[T], error: msgspec.ValidationError) -> list[str]:
    """Return the key below `steps` whose entry, standing there alone, gives the same error."""
    node = _at(content, steps)
    alone = ((key, _replaced(content, steps, {key: node[key]})) for key in node)
    return next(([key] for key, changed in alone if _problem(changed, shape) == str(error)), [])


def _problem(content: Any, shape: type[T]) -> str:
    try:
        msgspec.convert(content, shape, strict=True)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _at(content: Any, steps: list[str | int]) -> Any:
    for step in steps:
        content = _child(content, step)
    return content


def _replaced(content: Any, steps: list[str | int], value: Any) -> Any:
    """Return a copy of the content with another value at `steps`."""
    if not steps:
        return value
    first, rest = steps[0], steps[1:]
    changed = _replaced(_child(content, first), rest, value)
    if isinstance(content, dict):
        return {**content, first: changed}
    return [changed if index == first else child for index, child in enumerate(content)]


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, Mapping):
        return node.get(step)
    return node[step] if isinstance(node, list) and isinstance(step, int) and step < len(node) else None
