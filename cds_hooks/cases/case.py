"""Clinical cases: who the patient is, what is drafted, what the service must say.

The files of this folder are written for pharmacists; see `base_charts.yaml` for the patients the cases start from.
Loading is strict: an unknown key, a phrase that cannot be read, or a sentence used twice names file and line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from cds_hooks.cases.lab_phrases import LabPhrase, parse_lab
from cds_hooks.cases.lines import BaseChartLines, CaseLines, ChartLines, OrderLines, PatientLines
from cds_hooks.cases.moment import PhraseError
from cds_hooks.cases.phrases import (
    ConditionPhrase,
    MedicationPhrase,
    ProcedurePhrase,
    ReactionPhrase,
    StudyPhrase,
    parse_condition,
    parse_medication,
    parse_procedure,
    parse_reaction,
    parse_study,
)
from cds_hooks.cases.pieces import Place, Subject
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.yaml_document import YamlDocument, read_yaml

CASES_FOLDER = Path(__file__).parent
BASE_CHARTS = "base_charts.yaml"

T = TypeVar("T")
P = TypeVar("P", MedicationPhrase, ConditionPhrase, ProcedurePhrase, ReactionPhrase, StudyPhrase)
_Path = tuple[str | int, ...]
_PATH_STEP = re.compile(r"\[(\d+)\]|\.([^.\[\]`]+)")


_NOBODY = PatientLines()


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted order and where it stands."""

    lines: OrderLines
    place: Place


@dataclass(frozen=True, slots=True)
class CaseChart:
    """Everything a case says about the patient and the orders, base chart included.

    Attributes:
        labs: results by analyte.
        unavailable: data need → why it could not be looked up; nothing of it reaches the service.
        incomplete: data need → why only part of it was obtained; what the case lists is that part.
    """

    patient: PatientLines = _NOBODY
    orders: tuple[Draft, ...] = ()
    medications: tuple[MedicationPhrase, ...] = ()
    conditions: tuple[ConditionPhrase, ...] = ()
    procedures: tuple[ProcedurePhrase, ...] = ()
    reactions: tuple[ReactionPhrase, ...] = ()
    studies: tuple[StudyPhrase, ...] = ()
    labs: Mapping[str, tuple[LabPhrase, ...]] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    incomplete: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BaseChart:
    """A patient that cases start from."""

    name: str
    about: str
    chart: CaseChart
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """One clinical case.

    Attributes:
        sentence: what it is about; no two cases have the same.
        subject: name of its file without the ending.
        vectors: test vectors of the clinical specification it covers ("G44").
        based_on: name of the base chart, "" for none.
        hook: `order-sign` or `order-select`.
        expect: topics that must appear, with their indicator.
        silent: topics that must not appear.
        only: nothing but the expected topics may appear.
        says: words that the card of a topic must contain.
        says_not: words that it must not contain.
        source: the YAML as written.
    """

    sentence: str
    subject: str
    place: Place
    vectors: tuple[str, ...]
    based_on: str
    hook: str
    chart: CaseChart
    expect: Mapping[str, Indicator]
    silent: tuple[str, ...]
    only: bool
    says: Mapping[str, tuple[str, ...]]
    source: str
    says_not: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def patient_id(self) -> str:
        """Id of its Patient, the same in every run and different from that of every other case."""
        return f"{self.subject.replace('_', '-')}-{hashlib.sha256(self.sentence.encode()).hexdigest()[:8]}"


def load_cases(folder: Path = CASES_FOLDER) -> tuple[Case, ...]:
    """Read all case files of a folder, in the order of file names and within a file as written.

    Raises:
        KnowledgeError: something is wrong; the message names file and line.
    """
    bases = load_base_charts(folder)
    cases: list[Case] = []
    first_places: dict[str, Place] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == BASE_CHARTS:
            continue
        document = read_yaml(path, path.name)
        text = path.read_text(encoding="utf-8").splitlines()
        rows = _section(document, "cases", list)
        for index in range(len(rows)):
            case = _read_case(document, index, len(rows), bases, text)
            if (first := first_places.setdefault(case.sentence, case.place)) is not case.place:
                raise case.place.error(f"the same sentence stands at {first}")
            cases.append(case)
    return tuple(cases)


def load_base_charts(folder: Path = CASES_FOLDER) -> dict[str, BaseChart]:
    """Read `base_charts.yaml`; a base chart may itself be based on one that stands before it."""
    document = read_yaml(folder / BASE_CHARTS, BASE_CHARTS)
    bases: dict[str, BaseChart] = {}
    for name in _section(document, "charts", dict):
        path = ("charts", name)
        lines = _convert(document, path, BaseChartLines)
        place = _place(document, path)
        bases[name] = BaseChart(name, lines.about, _read_chart(document, path, lines, bases), place)
    return bases


def _section(document: YamlDocument, key: str, kind: type[T]) -> T:
    content = document.content
    section = content.get(key) if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(section, kind):
        raise document.error((), f"must hold a {kind.__name__} under {key!r}, and nothing else")
    return section


def _place(document: YamlDocument, path: _Path) -> Place:
    return Place(document.name, document.line_of(path))


def _convert(document: YamlDocument, path: _Path, shape: type[T]) -> T:
    """Turn the value at `path` into its shape; the error names the line of the key that is wrong."""
    value = document.content
    for step in path:
        value = value[step]
    try:
        return msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        steps: list[str | int] = [int(index) if index else key for index, key in _PATH_STEP.findall(where)]
        if match := re.search(r"unknown field `([^`]+)`", problem):
            steps.append(match[1])
        raise document.error((*path, *steps), problem) from error


def _read_case(
    document: YamlDocument, index: int, count: int, bases: Mapping[str, BaseChart], text: Sequence[str]
) -> Case:
    path: _Path = ("cases", index)
    lines = _convert(document, path, CaseLines)
    place = _place(document, path)
    chart = _read_chart(document, path, lines, bases)
    if not chart.orders:
        raise place.error("a case needs at least one order, its own or that of its base chart")
    end = document.line_of(("cases", index + 1)) - 1 if index + 1 < count else len(text)
    return Case(
        sentence=lines.case,
        subject=Path(document.name).stem,
        place=place,
        vectors=(lines.vector,) if isinstance(lines.vector, str) else lines.vector,
        based_on=lines.based_on,
        hook=lines.hook,
        chart=chart,
        expect=lines.expect,
        silent=lines.silent,
        only=lines.only,
        says=_words(lines.says),
        says_not=_words(lines.says_not),
        source=_source(text[place.line - 1 : end]),
    )


def _words(said: Mapping[str, str | tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {topic: (words,) if isinstance(words, str) else words for topic, words in said.items()}


def _source(lines: Sequence[str]) -> str:
    """Return the lines of a case without the heading of the next group of cases."""
    last = max(index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#"))
    return "\n".join(lines[: last + 1])


def _read_chart(document: YamlDocument, path: _Path, lines: ChartLines, bases: Mapping[str, BaseChart]) -> CaseChart:
    """Put what stands at `path` on top of its base chart."""
    if lines.based_on and lines.based_on not in bases:
        known = ", ".join(bases)
        raise document.error(
            (*path, "based_on"), f"there is no base chart {lines.based_on!r} before this; there are: {known}"
        )
    base = bases[lines.based_on].chart if lines.based_on else CaseChart()
    for index, name in enumerate(lines.without):
        base = _without(base, name, _place(document, (*path, "without", index)))

    def read(section: str, phrases: Iterable[str], parse: Callable[[str, Place], T]) -> tuple[T, ...]:
        return tuple(
            _located(_place(document, (*path, section, index)), parse, phrase) for index, phrase in enumerate(phrases)
        )

    labs = dict(base.labs)
    for analyte, results in lines.labs.items():
        rows = enumerate((results,) if isinstance(results, str) else results)
        places = ((_place(document, (*path, "labs", analyte, index)), phrase) for index, phrase in rows)
        labs[analyte] = tuple(_located(place, partial(parse_lab, analyte), phrase) for place, phrase in places)
    return CaseChart(
        patient=lines.patient.over(base.patient),
        orders=base.orders
        if lines.orders is None
        else tuple(
            Draft(order, _place(document, (*path, "orders", index))) for index, order in enumerate(lines.orders)
        ),
        medications=base.medications + read("medications", lines.medications, parse_medication),
        conditions=base.conditions + read("conditions", lines.conditions, parse_condition),
        procedures=base.procedures + read("procedures", lines.procedures, parse_procedure),
        reactions=base.reactions + read("reactions", lines.reactions, parse_reaction),
        studies=base.studies + read("studies", lines.studies, parse_study),
        labs=labs,
        unavailable={**base.unavailable, **lines.unavailable},
        incomplete={**base.incomplete, **lines.incomplete},
    )


def _located(place: Place, parse: Callable[[str, Place], T], phrase: str) -> T:
    """Parse one phrase; an error names its line."""
    try:
        return parse(phrase, place)
    except PhraseError as error:
        raise place.error(str(error)) from error


def _without(chart: CaseChart, name: str, place: Place) -> CaseChart:
    """Take out a whole section, the results of an analyte, or every line about a drug or code set."""

    def keep(section: str, phrases: tuple[P, ...]) -> tuple[P, ...]:
        return () if name == section else tuple(phrase for phrase in phrases if _about(phrase) != name)

    kept = replace(
        chart,
        medications=keep("medications", chart.medications),
        conditions=keep("conditions", chart.conditions),
        procedures=keep("procedures", chart.procedures),
        reactions=keep("reactions", chart.reactions),
        studies=keep("studies", chart.studies),
        labs={} if name == "labs" else {key: results for key, results in chart.labs.items() if key != name},
    )
    if kept == chart:
        raise place.error(f"there is no {name!r} in the base chart to go without")
    return kept


def _about(phrase: MedicationPhrase | ConditionPhrase | ProcedurePhrase | ReactionPhrase | StudyPhrase) -> str:
    """Return the key of the drug or code set a line is about."""
    match phrase:
        case (
            MedicationPhrase(drug=Subject(key=key))
            | ConditionPhrase(condition=Subject(key=key))
            | ProcedurePhrase(procedure=Subject(key=key))
            | ReactionPhrase(drug=Subject(key=key))
        ):
            return key
        case _:
            return ""
