"""Mutants: the knowledge with one number or one operator changed by the smallest step that makes sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import CountSchedule, Figure, LabelDose, Profile
from cds_hooks.knowledge.scores import Score, ScoreClass

CAPSULE_MG = 2.5
"""Content of the smallest capsule: the smallest step of a dose."""

BARELY = 1e-6
"""A shift that only a value exactly at the limit notices; it stands for a flipped operator where none is written."""

_OTHER_OPERATOR = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_STEPS = {
    "× ULN": 0.1, "× earlier value": 0.05, "{INR}": 0.1, "ng/mL": 0.1, "Cel": 0.1, "kg/m2": 0.1, "mg/day": CAPSULE_MG,
}  # fmt: skip
_CELL_COUNT, _SMALL_CELL_COUNT = "10*9/L", 10


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of the knowledge.

    Attributes:
        file: the file of the knowledge that holds the number.
        name: what is changed, the same in every run ("figures.ancStart value 1.01").
        part: attribute of `Knowledge` that holds it, and `key` its key there; only cases that read it can notice.
        change: makes the changed knowledge.
    """

    file: str
    name: str
    part: str
    key: str
    change: Callable[[Knowledge], Knowledge]


def mutants(knowledge: Knowledge) -> list[Mutant]:
    """Return every mutant of figures, regimens and scores."""
    return [*_of_figures(knowledge), *_of_bands(knowledge), *_of_profiles(knowledge), *_of_scores(knowledge)]


def step_of(figure: Figure) -> float:
    """Return the smallest step of a figure: that of its unit, else one in the last decimal place it is written with."""
    if figure.unit == _CELL_COUNT and figure.value < _SMALL_CELL_COUNT:
        return 0.01
    if figure.unit in _STEPS:
        return _STEPS[figure.unit]
    decimals = len(f"{figure.value:g}".partition(".")[2])
    return float(f"1e-{decimals}")


def _shifted(value: float, step: float) -> float:
    return round(value + step, 9)


def _figure_variants(figure: Figure, step: float) -> Iterator[tuple[str, Figure]]:
    for value in (_shifted(figure.value, -step), _shifted(figure.value, step)):
        yield f"value {value:g}", msgspec.structs.replace(figure, value=value)
    if other := _OTHER_OPERATOR.get(figure.operator):
        yield f"operator {other}", msgspec.structs.replace(figure, operator=other)


def _of_figures(knowledge: Knowledge) -> Iterator[Mutant]:
    for key, figure in knowledge.figures.items():
        file = knowledge.locations[f"figures.{key}"].partition(":")[0]
        for what, changed in _figure_variants(figure, step_of(figure)):
            yield Mutant(file, f"figures.{key} {what}", "figures", key, _with_entry("figures", key, changed))


def _with_entry(part: str, key: str, value: object) -> Callable[[Knowledge], Knowledge]:
    def change(knowledge: Knowledge) -> Knowledge:
        changes: dict[str, Any] = {part: {**getattr(knowledge, part), key: value}}
        return replace(knowledge, **changes)

    return change


# --- regimens ---------------------------------------------------------------------------------------------------------


def _of_bands(knowledge: Knowledge) -> Iterator[Mutant]:
    for key, band in knowledge.bands.items():
        if band.low is None:
            continue
        below = next(name for name, other in knowledge.bands.items() if other.high == band.low)
        for step in (-1.0, 1.0, BARELY):
            edge = band.low + step
            name = f"bands.{key}.low " + ("excluded" if step == BARELY else f"{edge:g}")
            yield Mutant("regimens.yaml", name, "bands", key, _with_edge(key, below, edge))


def _with_edge(upper: str, lower: str, edge: float) -> Callable[[Knowledge], Knowledge]:
    def change(knowledge: Knowledge) -> Knowledge:
        bands = dict(knowledge.bands)
        bands[upper] = msgspec.structs.replace(bands[upper], low=edge)
        bands[lower] = msgspec.structs.replace(bands[lower], high=edge)
        return replace(knowledge, bands=bands)

    return change


def _of_profiles(knowledge: Knowledge) -> Iterator[Mutant]:
    for key, profile in knowledge.profiles.items():
        for what, changed in _profile_variants(profile):
            change = _with_entry("profiles", key, changed)
            yield Mutant("regimens.yaml", f"profiles.{key}.{what}", "profiles", key, change)
    for what, changed in _profile_variants(knowledge.unknown_profile):
        yield Mutant("regimens.yaml", f"unknown_profile.{what}", "unknown_profile", "", _with_unknown_profile(changed))


def _with_unknown_profile(profile: Profile) -> Callable[[Knowledge], Knowledge]:
    return lambda knowledge: replace(knowledge, unknown_profile=profile)


def _profile_variants(profile: Profile) -> Iterator[tuple[str, Profile]]:
    for field in ("days_on", "cycle_days"):
        yield from _number_variants(profile, field)
    for field in ("maximum", "maximum_later"):
        if (maximum := getattr(profile, field)) is not None:
            for what, figure in _figure_variants(maximum, CAPSULE_MG):
                yield f"{field} {what}", msgspec.structs.replace(profile, **{field: figure})
    if profile.maximum_later is not None:
        yield from _number_variants(profile, "maximum_later_after_cycles")
    for column, dose in profile.doses.items():
        for what, changed in _dose_variants(dose):
            yield f"doses.{column}.{what}", msgspec.structs.replace(profile, doses={**profile.doses, column: changed})
    for what, rows in _schedule_variants(profile.count_schedule):
        yield f"count_schedule.{what}", msgspec.structs.replace(profile, count_schedule=rows)


def _number_variants(holder: Any, field: str, step: float = 1) -> Iterator[tuple[str, Any]]:
    for value in (getattr(holder, field) - step, getattr(holder, field) + step):
        if value > 0:
            yield f"{field} {value:g}", msgspec.structs.replace(holder, **{field: value})


def _dose_variants(dose: LabelDose) -> Iterator[tuple[str, LabelDose]]:
    yield from _number_variants(dose, "average_mg_per_day", CAPSULE_MG)
    yield f"every_days {3 - dose.every_days}", msgspec.structs.replace(dose, every_days=3 - dose.every_days)
    if dose.later is not None:
        for field, step in (("average_mg_per_day", CAPSULE_MG), ("after_cycles", 1)):
            for what, later in _number_variants(dose.later, field, step):
                yield f"later.{what}", msgspec.structs.replace(dose, later=later)


def _schedule_variants(rows: tuple[CountSchedule, ...]) -> Iterator[tuple[str, tuple[CountSchedule, ...]]]:
    for index, row in enumerate(rows):
        for what, changed in _number_variants(row, "max_age_days"):
            yield f"{index}.{what}", (*rows[:index], changed, *rows[index + 1 :])
        if row.to_day is not None:
            for day in (row.to_day - 1, row.to_day + 1):
                until = msgspec.structs.replace(row, to_day=day)
                then = msgspec.structs.replace(rows[index + 1], from_day=day)
                yield f"{index}.to_day {day}", (*rows[:index], until, then, *rows[index + 2 :])


# --- scores -----------------------------------------------------------------------------------------------------------


def _of_scores(knowledge: Knowledge) -> Iterator[Mutant]:
    for key, score in knowledge.scores.scores.items():
        for what, changed in _score_variants(score):
            yield Mutant("scores.yaml", f"scores.{key}.{what}", "scores", "", _with_score(key, changed))


def _with_score(key: str, score: Score) -> Callable[[Knowledge], Knowledge]:
    def change(knowledge: Knowledge) -> Knowledge:
        scores: Mapping[str, Score] = {**knowledge.scores.scores, key: score}
        return replace(knowledge, scores=msgspec.structs.replace(knowledge.scores, scores=scores))

    return change


def _score_variants(score: Score) -> Iterator[tuple[str, Score]]:
    for key, item in score.items.items():
        for points in (item.points - 1, item.points + 1):
            changed = msgspec.structs.replace(item, points=points)
            yield f"items.{key} points {points}", msgspec.structs.replace(score, items={**score.items, key: changed})
        for reading, written in item.points_by_reading.items():
            for points in (written - 1, written + 1):
                changed = msgspec.structs.replace(item, points_by_reading={**item.points_by_reading, reading: points})
                items = {**score.items, key: changed}
                yield f"items.{key} points {points} in {reading}", msgspec.structs.replace(score, items=items)
    for index, lower in enumerate(score.classes[:-1]):
        if lower.high is None:
            continue
        for high in (lower.high - 1, lower.high + 1):
            yield (
                f"classes.{lower.name}.high {high}",
                msgspec.structs.replace(score, classes=_with_bound(score.classes, index, high)),
            )


def _with_bound(classes: tuple[ScoreClass, ...], index: int, high: int) -> tuple[ScoreClass, ...]:
    lower = msgspec.structs.replace(classes[index], high=high)
    upper = msgspec.structs.replace(classes[index + 1], low=high + 1)
    return (*classes[:index], lower, upper, *classes[index + 2 :])
