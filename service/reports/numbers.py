"""Every number of the knowledge with its source, as a list to check against the label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import CountSchedule, Figure, LabelDose, Profile, Source
from cds_hooks.knowledge.scores import Score
from cds_hooks.knowledge.terminology import Analyte, UnitGroup


@dataclass(frozen=True, slots=True)
class Number:
    """One number, row of a table, or sentence that somebody is to hold against its source.

    Attributes:
        place: file of the knowledge folder, with the line where it is known.
        key: its name there.
        meaning: what it says.
        limit: operator, value and unit.
        source: title of the document; in words where the file names no document.
        section: section of the document.
        revision: revision of the document that was read.
        url: address of the document, "" for none.
        strength: label, guideline, expert, design; "" where the file does not say.
        verified: whether somebody has held it against the current source; None where the file keeps no such mark.
    """

    place: str
    key: str
    meaning: str
    limit: str
    source: str
    section: str
    revision: str
    url: str
    strength: str
    verified: bool | None


def numbers(knowledge: Knowledge) -> tuple[Number, ...]:
    """Return every number, file by file."""
    return tuple(_Numbers(knowledge).all())


def unverified_first(rows: tuple[Number, ...]) -> tuple[Number, ...]:
    """Return the rows with those that wait for a check before the others."""
    return tuple(sorted(rows, key=lambda row: row.verified is not False))


class _Numbers:
    """Walks the knowledge."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    def all(self) -> Iterator[Number]:
        knowledge = self._knowledge
        for key, figure in knowledge.figures.items():
            yield self._figure(knowledge.locations[f"figures.{key}"], key, figure)
        yield from self._bands()
        for key, profile in {**knowledge.profiles, "unknown": knowledge.unknown_profile}.items():
            yield from self._profile(key, profile)
        for key, score in knowledge.scores.scores.items():
            yield from self._score(key, score)
        for key, line in knowledge.counselling.items():
            yield self._row("counselling.yaml", key, line.text, "", line.source, verified=line.verified)
        for key, analyte in knowledge.analytes.items():
            group = knowledge.unit_groups.get(analyte.units or "")
            yield from _analyte(key, analyte, group.canonical if group else "")
        for key, group in knowledge.unit_groups.items():
            yield from _units(key, group)

    def _row(
        self,
        place: str,
        key: str,
        meaning: str,
        limit: str,
        source: Source,
        *,
        strength: str = "",
        verified: bool | None = None,
    ) -> Number:
        document = self._knowledge.documents[source.document]
        return Number(
            place=place,
            key=key,
            meaning=meaning,
            limit=limit,
            source=document.title,
            section=source.section,
            revision=document.revision,
            url=document.url or "",
            strength=strength,
            verified=verified,
        )

    def _figure(self, place: str, key: str, figure: Figure, remark: str = "") -> Number:
        return self._row(
            place,
            key,
            figure.meaning + remark,
            str(figure),
            figure.source,
            strength=figure.strength,
            verified=figure.verified,
        )

    def _bands(self) -> Iterator[Number]:
        for key, band in self._knowledge.bands.items():
            limits = [f">= {band.low:g}"] if band.low is not None else []
            limits += [f"< {band.high:g}"] if band.high is not None else []
            yield self._row(
                "regimens.yaml",
                f"bands.{key}",
                f"band of the renal dose table: {band.name}",
                f"{' and '.join(limits)} mL/min",
                band.source,
                verified=band.verified,
            )

    def _profile(self, key: str, profile: Profile) -> Iterator[Number]:
        file = "regimens.yaml"
        cycle = f" (days 1-{profile.days_on} of {profile.cycle_days})"
        yield self._figure(file, f"{key}.maximum", profile.maximum, cycle)
        if profile.maximum_later is not None:
            after = f" (after {profile.maximum_later_after_cycles} cycles)"
            yield self._figure(file, f"{key}.maximum_later", profile.maximum_later, after)
        for column, dose in profile.doses.items():
            yield from self._dose(file, f"{key}.doses.{column}", f"{profile.name}, {self._column(column)}", dose)
        for index, row in enumerate(profile.count_schedule):
            yield self._row(
                file,
                f"{key}.count_schedule.{index + 1}",
                f"{profile.name}: age of the last blood count, {_period(row)} of treatment",
                f"<= {row.max_age_days} d",
                row.source,
                verified=row.verified,
            )

    def _column(self, column: str) -> str:
        return self._knowledge.bands[column].name if column in self._knowledge.bands else f"on {column}"

    def _dose(self, file: str, key: str, meaning: str, dose: LabelDose) -> Iterator[Number]:
        limit = f"{dose.regimen} ({dose.average_mg_per_day:g} mg/day on treatment days)"
        yield self._row(file, key, meaning, limit, dose.source, verified=dose.verified)
        if (later := dose.later) is not None:
            limit = f"{later.regimen} ({later.average_mg_per_day:g} mg/day on treatment days)"
            meaning += f", after {later.after_cycles} cycles"
            yield self._row(file, f"{key}.later", meaning, limit, later.source, verified=later.verified)

    def _score(self, key: str, score: Score) -> Iterator[Number]:
        file = "scores.yaml"
        for name, item in score.items.items():
            points = f"{item.points:+d}" + "".join(
                f", {other:+d} in {score.readings[reading].name}" for reading, other in item.points_by_reading.items()
            )
            yield self._row(
                file, f"{key}.items.{name}", f"{score.name}: {item.label}", points, item.source, verified=item.verified
            )
        for one in score.classes:
            for rate in one.observed:
                yield self._row(
                    file,
                    f"{key}.classes.{one.name}",
                    f"{score.name}: {one.name} risk, venous thromboembolism within {rate.months} months, {rate.cohort}",
                    f"total {one}: {rate.percent:g} %",
                    rate.source,
                )


def _period(row: CountSchedule) -> str:
    return f"from day {row.from_day}" + (f" to before day {row.to_day}" if row.to_day is not None else "")


def _analyte(key: str, analyte: Analyte, unit: str) -> Iterator[Number]:
    file = "analytes.yaml"
    if (interval := analyte.reference) is not None:
        meaning = f"{analyte.name}: reference interval where the laboratory states none"
        limit = f"{_interval(interval.low, interval.high)} {unit}"
        yield _undocumented(file, f"{key}.reference", meaning, limit, interval.source, interval.verified)
    if (plausible := analyte.plausible) is not None:
        meaning = f"{analyte.name}: values outside are taken for errors"
        limit = f"{_interval(plausible.low, plausible.high)} {unit}"
        yield _undocumented(file, f"{key}.plausible", meaning, limit, plausible.source, None)


def _interval(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f">= {low:g}" if low is not None else f"<= {high:g}"


def _units(key: str, group: UnitGroup) -> Iterator[Number]:
    for unit in group.units:
        if unit.ucum == group.canonical:
            continue
        factor = f"× {unit.factor:g}" if unit.divisor == 1 else f"× {unit.factor:g} / {unit.divisor:g}"
        limit = f"({unit.ucum} {unit.offset:+g}) {factor}" if unit.offset else f"{unit.ucum} {factor}"
        meaning = f"conversion of {key} to {group.canonical}"
        yield _undocumented("units.yaml", f"{key}.{unit.ucum}", meaning, limit, unit.source, unit.verified)


def _undocumented(file: str, key: str, meaning: str, limit: str, source: str, verified: bool | None) -> Number:
    return Number(file, key, meaning, limit, source, "", "", "", "", verified)
