"""Shape and check of `scores.yaml`: clinical scores, their points, classes and observed rates."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated

from msgspec import Meta, Struct

from cds_hooks.knowledge.schema import Source
from cds_hooks.knowledge.terminology import Code, Text
from cds_hooks.knowledge.yaml_document import YamlDocument


class ScoreReading(Struct, frozen=True, forbid_unknown_fields=True):
    """A published table of a score. Where two tables differ, both totals are shown."""

    name: Text
    source: Source


class ScoreItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One item of a score: `points` when it is present, `points_by_reading` where a published table differs.

    `ancestry` marks a term that counts only for a recorded ancestry.
    """

    label: Text
    points: int
    source: Source
    verified: bool
    points_by_reading: dict[Text, int] = {}
    ancestry: bool = False

    def points_in(self, reading: str) -> int:
        """Return the points by one published table."""
        return self.points_by_reading.get(reading, self.points)


class ObservedRate(Struct, frozen=True, forbid_unknown_fields=True):
    """How often venous thromboembolism was observed in patients of a class, in percent."""

    percent: Annotated[float, Meta(ge=0, le=100)]
    months: Annotated[int, Meta(ge=1)]
    cohort: Text
    source: Source


class ScoreClass(Struct, frozen=True, forbid_unknown_fields=True):
    """A class of risk: totals from `low` to `high`, both included; a missing bound is open.

    `raised` says that an antiplatelet drug alone deserves a second look.
    """

    name: Text
    observed: tuple[ObservedRate, ...]
    low: int | None = None
    high: int | None = None
    raised: bool = False

    def contains(self, total: int) -> bool:
        """Return whether a total lies in the class."""
        return (self.low is None or total >= self.low) and (self.high is None or total <= self.high)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.low} or more" if self.high is None else f"{self.high} or less"
        return f"{self.low} to {self.high}"


class Score(Struct, frozen=True, forbid_unknown_fields=True):
    """A clinical score. `readings` are the tables it was published in, the first one being the main one."""

    name: Text
    version: Text
    population: Text
    source: Source
    readings: dict[Text, ScoreReading]
    items: dict[Text, ScoreItem]
    classes: tuple[ScoreClass, ...]

    def class_of(self, total: int) -> ScoreClass:
        """Return the class a total lies in."""
        return next(one for one in self.classes if one.contains(total))


class Ancestry(Struct, frozen=True, forbid_unknown_fields=True):
    """An ancestry as records code it, and the item of a score it stands for."""

    name: Text
    codes: tuple[Code, ...]


class ScoreFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/scores.yaml`."""

    scores: dict[Text, Score]
    ancestries: dict[Text, Ancestry]


def check_scores(document: YamlDocument, file: ScoreFile) -> None:
    """Refuse classes that overlap or leave a gap, and points of a table that is not listed.

    Raises:
        KnowledgeError: the message names file and line.
    """
    for name, score in file.scores.items():
        _check_classes(document, name, score.classes)
        for key, item in score.items.items():
            _check_item(document, name, key, item, score.readings, file.ancestries)


def _check_classes(document: YamlDocument, name: str, classes: tuple[ScoreClass, ...]) -> None:
    path = ("scores", name, "classes")
    if not classes or classes[0].low is not None or classes[-1].high is not None:
        raise document.error(path, "must cover every total, the lowest class first")
    for index, (lower, upper) in enumerate(pairwise(classes), start=1):
        if lower.high is None or upper.low != lower.high + 1:
            raise document.error((*path, index), f"does not begin where class {lower.name!r} ends")


def _check_item(
    document: YamlDocument,
    name: str,
    key: str,
    item: ScoreItem,
    readings: Mapping[str, ScoreReading],
    ancestries: Mapping[str, Ancestry],
) -> None:
    path = ("scores", name, "items", key)
    for reading in item.points_by_reading:
        if reading not in readings:
            raise document.error((*path, "points_by_reading", reading), f"{reading!r} is not a reading of {name}")
    if item.ancestry and key not in ancestries:
        raise document.error(path, f"ancestry {key!r} is not listed under ancestries")
