"""Absolute neutrophil count (ANC) computed where the laboratory sends none.

ANC = segmented + band neutrophils, or WBC x (neutrophils + bands) %, from the same specimen or at most an hour apart.
Segmented forms with bands are preferred, since they cannot overlap. Automated analysers count bands among all
neutrophils; bands reported beside such a percentage are added as the order check is specified (capped at 100 %), which
can overstate the ANC a little, and the note names both parts. Bands that are not reported count as none, which can
only understate it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cds_hooks.chart.labs.result import Comparator, LabProblem, LabResult
from cds_hooks.knowledge.terminology import Plausible

Results = Mapping[str, Sequence[LabResult]]
_APART = timedelta(hours=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
_Computation = tuple[tuple[LabResult, ...], float, str]
"""Parts, value in 10*3/uL, and the note that names the parts."""


def computed_counts(results: Results, *, analyte: str, unit: str, plausible: Plausible | None) -> list[LabResult]:
    """Compute an ANC for each moment that has its parts and no ANC of its own.

    A direct ANC stands in the way even when it cannot be read, since nothing may hide it, but not when the laboratory
    only says that there is none.

    Args:
        results: results of all analytes.
        analyte: key of the ANC.
        unit: canonical unit of cell counts.
        plausible: limits of the ANC.
    """
    taken = [result for result in results.get(analyte, ()) if result.problem is not LabProblem.NO_VALUE]
    computed: list[LabResult] = []
    for parts, value, note in (*_from_counts(results), *_from_percentages(results)):
        comparator = _joint_comparator(parts)
        if comparator is None or any(together(part, other) for other in taken for part in parts):
            continue
        believable = plausible is None or plausible.low <= value <= plausible.high
        result = LabResult(
            analyte=analyte,
            reference=parts[0].reference,
            when=min(parts, key=_moment).when,
            value=value,
            unit=unit,
            comparator=comparator,
            raw=f"{comparator}{value:.10g} {unit}",
            dated_by_issue=any(part.dated_by_issue for part in parts),
            preliminary=any(part.preliminary for part in parts),
            problem=None if believable else LabProblem.IMPLAUSIBLE,
            specimen=parts[0].specimen,
            computed_from=tuple(dict.fromkeys(part.reference for part in parts)),
            note=note,
        )
        taken.append(result)
        computed.append(result)
    return computed


def together(one: LabResult, other: LabResult) -> bool:
    """Whether two results are of the same specimen or at most an hour apart.

    Where both carry a date without a time, the same day is enough: blood counts come once a day.
    """
    if one.specimen and one.specimen == other.specimen:
        return True
    if one.when is None or other.when is None:
        return False
    if one.when.has_time and other.when.has_time:
        return abs(one.when.start - other.when.start) <= _APART
    return one.when == other.when


def _from_counts(results: Results) -> Iterator[_Computation]:
    bands = _usable(results, "bandNeutrophilsAbsolute")
    for segmented in _usable(results, "segmentedNeutrophilsAbsolute"):
        band = _partner(segmented, bands)
        if band is None:
            yield (segmented,), segmented.value or 0.0, "segmented neutrophils; bands not reported"
        else:
            value = round((segmented.value or 0.0) + (band.value or 0.0), 9)
            yield (segmented, band), value, f"computed: segmented {segmented.raw} + bands {band.raw}"


def _from_percentages(results: Results) -> Iterator[_Computation]:
    neutrophils = _usable(results, "neutrophilsPercent")
    segmented = _usable(results, "segmentedNeutrophilsPercent")
    if not neutrophils and not segmented:
        return
    bands = _usable(results, "bandNeutrophilsPercent")
    for wbc in _usable(results, "wbc"):
        all_forms, part, band = _partner(wbc, neutrophils), _partner(wbc, segmented), _partner(wbc, bands)
        main, name = (part, "segmented") if part and (band or not all_forms) else (all_forms, "neutrophils")
        if main is None:
            continue
        percent = min(100.0, (main.value or 0.0) + (band.value or 0.0 if band else 0.0))
        words = f"{name} {main.raw}" + (f" + bands {band.raw}" if band else "")
        parts = (wbc, main, band) if band else (wbc, main)
        yield parts, round((wbc.value or 0.0) * percent / 100, 9), f"computed: WBC {wbc.raw} × ({words})"


def _usable(results: Results, analyte: str) -> list[LabResult]:
    """Return the readable dated results, newest first; of several at one moment the lowest first (the safer one)."""
    usable = [one for one in results.get(analyte, ()) if one.problem is None and one.value is not None and one.when]
    return sorted(usable, key=lambda one: (-_moment(one).timestamp(), one.value, one.reference))


def _partner(one: LabResult, candidates: Sequence[LabResult]) -> LabResult | None:
    """Return the candidate that belongs to `one`: same specimen, else nearest in time, else lowest."""
    return min(
        (candidate for candidate in candidates if together(one, candidate)),
        key=lambda candidate: (
            not (one.specimen and one.specimen == candidate.specimen),
            abs(_moment(one) - _moment(candidate)),
            candidate.value,
            candidate.reference,
        ),
        default=None,
    )


def _moment(result: LabResult) -> datetime:
    return result.when.start if result.when else _NEVER


def _joint_comparator(parts: Sequence[LabResult]) -> Comparator | None:
    """Return the comparator of a sum or product of non-negative parts; None when they point in both directions."""
    comparators = {part.comparator for part in parts} - {""}
    if not comparators:
        return ""
    if comparators <= {"<", "<="}:
        return "<="
    return ">=" if comparators <= {">", ">="} else None
