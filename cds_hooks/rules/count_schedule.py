"""Blood counts that are due (S-11, S-13, S-31)."""

from __future__ import annotations

from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.therapy import Therapy, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Basis, CreateTest, Finding, Outcome, basis_of, fired, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.count_limits import CountLimits
from cds_hooks.rules.lab_facts import Measured, measured, short_name
from cds_hooks.rules.treatment_facts import treatment_facts

_COMPLETE = ("anc", "platelets")


@dataclass(frozen=True, slots=True)
class _Due:
    """How old a complete count may be, why, and by which row."""

    days: float
    phase: str
    basis: Basis


def cbc_overdue(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when ANC or platelets are older than the schedule of the regimen asks for, or were not counted at all.

    A first order wants both within 7 days. While the start of treatment is not known the most frequent interval counts.
    """
    course = therapy(chart, knowledge)
    due = _due(course, knowledge)
    counts = [
        measured(chart, knowledge, analyte, due.days, settles=CountLimits(analyte, course, chart, knowledge).settles)
        for analyte in _COMPLETE
    ]
    facts = tuple(fact for count in counts for fact in count.facts)
    missing = [count for count in counts if count.result is None]
    if not missing:
        return passed("counted within the schedule", *facts)
    return fired(
        Finding(
            topic="cbcOverdue",
            variant="overdue",
            values={
                "missing": _words(missing, knowledge),
                "limit": f"{due.days:g}",
                "profile": course.profile.name,
                "phase": due.phase,
            },
            facts=(*facts, *treatment_facts(chart, course, knowledge)),
            basis=(due.basis,),
            suggestions=(CreateTest("completeBloodCount"),),
            absent=_looked_for(missing, course, chart),
        )
    )


def _due(course: Therapy, knowledge: Knowledge) -> _Due:
    sentences, days = knowledge.phrases.sentences, course.course.days
    if course.course.first_order:
        figure = knowledge.figures["countFirstOrderDays"]
        return _Due(figure.value, sentences["countsFirstOrder"], basis_of(figure))
    day = days or 0
    row = next(
        row for row in course.profile.count_schedule if row.from_day <= day and (row.to_day is None or day < row.to_day)
    )
    phase = sentences["countsStartUnknown"] if days is None else sentences["countsDay"].format(day=days + 1)
    meaning = sentences["countsInterval"].format(profile=course.profile.name)
    return _Due(row.max_age_days, phase, Basis(meaning, f"<= {row.max_age_days} d", row.source, row.verified))


def _words(missing: list[Measured], knowledge: Knowledge) -> str:
    """Return what is missing, counts of the same state together: "ANC and platelet count: 12 days old"."""
    names: dict[str, list[str]] = {}
    for count in missing:
        names.setdefault(count.words, []).append(short_name(count.analyte, knowledge))
    return "; ".join(f"{' and '.join(analytes)}: {words}" for words, analytes in names.items())


def _looked_for(missing: list[Measured], course: Therapy, chart: Chart) -> frozenset[str]:
    """Return the data needs in which nothing was found that made the rule fire.

    A count that is too old only for a first order depends on no earlier order having been found.
    """
    longest = max(row.max_age_days for row in course.profile.count_schedule)
    ages = [count.last.days_before(chart.now) if count.last else None for count in missing]
    only_first = course.course.first_order and all(age is not None and age <= longest for age in ages)
    return frozenset({"bloodCounts", *(MEDICATION_NEEDS if only_first else ())})
