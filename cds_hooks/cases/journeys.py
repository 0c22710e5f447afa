"""Typical patients over six cycles: for each the orders signed at six moments of the treatment.

A patient is a base chart in `journeys/base_charts.yaml` and a file of six cases beside it, one for each moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cds_hooks.cases.case import CASES_FOLDER, BaseChart, Case, load_base_charts, load_cases

JOURNEYS_FOLDER = CASES_FOLDER / "journeys"
MOMENTS = ("First order", "Week 2", "Week 4", "Cycle 3", "Cycle 6", "Dose change")
"""When an order is signed. The dose change is the first order with another dose, whenever it comes."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One order of a patient.

    Attributes:
        moment: one of `MOMENTS`.
        story: what is special this time.
        case: the chart at that moment, and the cards a clinician would want to see.
    """

    moment: str
    story: str
    case: Case


@dataclass(frozen=True, slots=True)
class Journey:
    """A patient with the six orders, in the order of `MOMENTS`.

    Attributes:
        name: name of the base chart.
        about: who it is.
    """

    name: str
    about: str
    visits: tuple[Visit, ...]


def load_journeys(folder: Path = JOURNEYS_FOLDER) -> tuple[Journey, ...]:
    """Read the patients, in the order of their base charts.

    Raises:
        KnowledgeError: something is wrong; the message names file and line.
    """
    bases = load_base_charts(folder)
    journeys = [_journey(list(cases), bases) for _, cases in groupby(load_cases(folder), lambda case: case.subject)]
    place = {name: position for position, name in enumerate(bases)}
    return tuple(sorted(journeys, key=lambda journey: place[journey.name]))


def _journey(cases: Sequence[Case], bases: Mapping[str, BaseChart]) -> Journey:
    """Make a journey of the cases of one file."""
    visits = []
    for case, moment in zip(cases, MOMENTS, strict=False):
        told, _, story = case.sentence.partition(": ")
        if told != moment:
            raise case.place.error(f"this should be the order of {moment!r}; write {moment + ': ...'!r}")
        if case.based_on != cases[0].based_on or not case.based_on:
            raise case.place.error("all orders of a patient are based on the same base chart")
        visits.append(Visit(moment, story, case))
    if len(cases) != len(MOMENTS):
        raise cases[-1].place.error(f"there are {len(cases)} orders; a patient has {len(MOMENTS)}")
    name = cases[0].based_on
    return Journey(name, bases[name].about, tuple(visits))
