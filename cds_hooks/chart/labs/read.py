"""Reading of Observations into results, by analyte, newest first.

One broken Observation never raises and never spoils the others: what cannot be read becomes a result with a problem, or
nothing where it is not even clear what was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text, reference_id
from cds_hooks.chart.labs.computed_anc import computed_counts
from cds_hooks.chart.labs.index import AnalyteIndex, OutcomeWords
from cds_hooks.chart.labs.panels import Panels, current_versions, has_members
from cds_hooks.chart.labs.reference_range import read_interval
from cds_hooks.chart.labs.result import LabProblem, LabResult, newest_first
from cds_hooks.chart.labs.values import Reading, ValueReader
from cds_hooks.chart.units import UnitTable
from cds_hooks.chart.when import When, parse_when, period_end, period_start
from cds_hooks.knowledge.terminology import Analyte, QualitativeFile

_FINAL = frozenset({"final", "amended", "corrected", "appended"})
_IGNORED = frozenset({"entered-in-error", "cancelled"})
"""Every other status, `unknown` and a missing one included, counts as preliminary: it may alarm and never clears."""
_EFFECTIVE = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "appliesDateTime", "appliesPeriod")
_CLOCK_SKEW = timedelta(hours=1)
_WESTERNMOST_DAY = timedelta(hours=14)
"""A date without a time is local: in UTC+14 tomorrow begins 14 hours before it does in UTC."""
_ANC = "anc"


def read_results(
    observations: Iterable[Resource],
    analytes: Mapping[str, Analyte],
    units: UnitTable,
    qualitative: QualitativeFile,
    *,
    now: datetime,
    hcg_negative_below: float,
    hcg_positive_from: float,
) -> dict[str, tuple[LabResult, ...]]:
    """Read Observations (R4, STU3, DSTU2 shapes) into results.

    Args:
        observations: resources in any order; anything but an Observation is passed over.
        analytes: the analytes of the knowledge.
        units: the unit table.
        qualitative: how outcomes are written.
        now: evaluation instant, for dates that lie in the future.
        hcg_negative_below: hCG below this is negative, IU/L.
        hcg_positive_from: hCG from this on is positive, IU/L.

    Returns:
        Analyte key → results without duplicates, newest first, computed ANC included. Analytes without any result are
        left out.
    """
    lookup = _lookup(analytes, units, qualitative, hcg_negative_below, hcg_positive_from)
    versions = current_versions(observations)
    found = _Batch(lookup, now, versions).results()
    if _ANC in analytes and analytes[_ANC].units == "cellCount":
        plausible = analytes[_ANC].plausible
        computed = computed_counts(found, analyte=_ANC, unit=units.canonical("cellCount"), plausible=plausible)
        if computed:
            found.setdefault(_ANC, []).extend(computed)
    return {analyte: newest_first(results) for analyte, results in found.items()}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What is built from the knowledge once and used for every call."""

    analytes: Mapping[str, Analyte]
    qualitative: QualitativeFile
    index: AnalyteIndex
    values: ValueReader

    def fits(self, analytes: object, qualitative: object, units: UnitTable, limits: tuple[float, float]) -> bool:
        values = self.values
        return (
            self.analytes is analytes
            and self.qualitative is qualitative
            and values.units is units
            and (values.negative_below, values.positive_from) == limits
        )


_recent: tuple[_Lookup, ...] = ()
"""The last few look-ups, recognised by identity: a process has one knowledge, tests have several."""


def _lookup(
    analytes: Mapping[str, Analyte],
    units: UnitTable,
    qualitative: QualitativeFile,
    negative_below: float,
    positive_from: float,
) -> _Lookup:
    global _recent  # noqa: PLW0603 - replaced as a whole, so threads at worst build the same look-up twice
    for lookup in _recent:
        if lookup.fits(analytes, qualitative, units, (negative_below, positive_from)):
            return lookup
    values = ValueReader(units, OutcomeWords(qualitative), negative_below, positive_from)
    lookup = _Lookup(analytes, qualitative, AnalyteIndex(analytes), values)
    _recent = (lookup, *_recent[:3])
    return lookup


class _Source(Struct, frozen=True):
    """What a value has in common with its neighbours in the same Observation."""

    reference: str
    final: bool
    when: When | None
    issued: When | None
    dated_by_issue: bool
    specimen: str


class _Batch:
    """The Observations of one call."""

    def __init__(self, lookup: _Lookup, now: datetime, observations: Mapping[str, Resource]) -> None:
        self._lookup = lookup
        self._latest_time, self._latest_day = now + _CLOCK_SKEW, now + _WESTERNMOST_DAY
        self._observations = observations
        self._panels = Panels(observations)
        self._found: dict[str, list[LabResult]] = {}
        self._whens: dict[str, When | None] = {}
        self._specimens: dict[str, str] = {}

    def results(self) -> dict[str, list[LabResult]]:
        """Return every result by analyte, in the order in which the Observations came."""
        for key, observation in self._observations.items():
            reference = "Observation" if key.startswith("#") else key
            self._read(observation, key, reference, ())
            if "contained" in observation:
                for contained in map(as_mapping, as_list(observation["contained"])):
                    if contained.get("resourceType") == "Observation":
                        self._read(contained, key, reference, (observation,))
        return self._found

    def _read(self, observation: Resource, key: str, reference: str, containers: tuple[Resource, ...]) -> None:
        found = self._lookup.index.find(observation.get("code"))
        components = as_list(observation.get("component")) if "component" in observation else ()
        if found is None and not components:
            return
        status = as_text(observation.get("status"))
        for container in containers:  # a contained member shares the fate of its panel
            outer = as_text(container.get("status"))
            status = outer if outer in _IGNORED or not status else status
        if status in _IGNORED:
            return
        source = self._source(observation, key, reference, status in _FINAL, containers)
        if found is not None:
            result = self._result(observation, *found, source)
            if result is not None and not (result.problem is LabProblem.NO_VALUE and has_members(observation)):
                self._found.setdefault(result.analyte, []).append(result)
        for component in map(as_mapping, components):
            found = self._lookup.index.find(component.get("code"))
            if found is not None and (result := self._result(component, *found, source)) is not None:
                self._found.setdefault(result.analyte, []).append(result)

    def _source(
        self, observation: Resource, key: str, reference: str, final: bool, containers: tuple[Resource, ...]
    ) -> _Source:
        when, issued = self._effective(observation), self._when(observation.get("issued"))
        if when is None:
            for panels in (containers, *self._panels.above(key)):
                # of several panels the oldest date counts: a result must not look fresher than it may be
                when = min(filter(None, map(self._effective, panels)), default=None)
                issued = issued or min(filter(None, (self._when(one.get("issued")) for one in panels)), default=None)
                if when is not None:
                    break
        dated_by_issue = when is None and issued is not None
        return _Source(reference, final, when or issued, issued, dated_by_issue, self._specimen(observation))

    def _specimen(self, observation: Resource) -> str:
        link = as_mapping(observation["specimen"]).get("reference") if "specimen" in observation else None
        if not isinstance(link, str):
            return ""
        if link not in self._specimens:
            self._specimens[link] = reference_id(link, "Specimen")
        return self._specimens[link]

    def _effective(self, observation: Resource) -> When | None:
        for field in _EFFECTIVE:
            if field in observation and (when := self._when(observation[field])):
                return when
        return None

    def _when(self, value: Any) -> When | None:
        if not isinstance(value, str):
            return period_end(value) or period_start(value)
        if value not in self._whens:  # results of one panel share their times
            self._whens[value] = parse_when(value)
        return self._whens[value]

    def _result(self, element: Resource, analyte: str, contradicted: bool, source: _Source) -> LabResult | None:
        """Return the result of an Observation or component; None for a test that is under way and has no value."""
        definition = self._lookup.analytes[analyte]
        values = self._lookup.values
        reading = values.read(element, definition)
        if reading is None:
            reading = Reading("", problem=LabProblem.NO_VALUE)
        if reading.problem is LabProblem.NO_VALUE and not source.final:
            return None
        problem = LabProblem.CONFLICTING_CODE if contradicted else reading.problem or self._date_problem(source.when)
        low, high, unit = None, None, ""
        if reading.sent_in is not None and definition.units is not None:
            unit = values.units.canonical(definition.units)
            if definition.reference is not None and "referenceRange" in element:
                low, high = read_interval(element, reading.sent_in, definition.units, values.units)
        return LabResult(
            analyte=analyte,
            reference=source.reference,
            when=source.when,
            value=reading.value,
            unit=unit,
            comparator=reading.comparator,
            qualitative=reading.qualitative,
            coded=reading.coded,
            date=reading.date,
            raw=reading.raw,
            issued=source.issued,
            dated_by_issue=source.dated_by_issue,
            preliminary=not source.final,
            problem=problem,
            reference_low=low,
            reference_high=high,
            specimen=source.specimen,
            note="dated by its issue" if source.dated_by_issue else "",
        )

    def _date_problem(self, when: When | None) -> LabProblem | None:
        if when is None:
            return LabProblem.NO_DATE
        latest = self._latest_time if when.has_time else self._latest_day
        return LabProblem.FUTURE_DATE if when.start > latest else None
