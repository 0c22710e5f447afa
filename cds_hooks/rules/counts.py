"""Low blood counts: neutropenia and thrombocytopenia (S-11 to S-15, S-29, S-30)."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.therapy import Therapy, therapy
from cds_hooks.findings import Basis, CreateTest, Finding, Outcome, basis_of, fired, not_evaluable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.count_limits import CountLimits, LowCount, cell_count
from cds_hooks.rules.lab_facts import day_of, days_old, measured, results_up_to, shown
from cds_hooks.rules.treatment_facts import treatment_facts

_CELL_COUNT = "10*9/L"


def neutropenia(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the ANC is below a limit of the regimen.

    Below the hold limit: critical up to 14 days of age, "old result" (warning) up to 90 days, silent beyond. Warning
    below the start limit at a first order, and below 1,000/µL with fever or infection. A single value that would hold
    only after 7 days or with fever is no reason for a card, but for grade 4 in MDS.
    """
    return _judge("neutropenia", "anc", chart, knowledge)


def thrombocytopenia(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when platelets are below the hold limit of the regimen, or below the start limit at a first order."""
    return _judge("thrombocytopenia", "platelets", chart, knowledge)


def _judge(topic: str, analyte: str, chart: Chart, knowledge: Knowledge) -> Outcome:
    course = therapy(chart, knowledge)
    limits = CountLimits(analyte, course, chart, knowledge)
    low = limits.find()
    if low is not None:
        return _fired(topic, low, limits, course, chart, knowledge)
    found = measured(chart, knowledge, analyte, knowledge.figures["countOldDays"].value, settles=limits.settles)
    if found.result is None:
        return not_evaluable(f"{chart.analyte_name(analyte)}: {found.words}", *found.facts)
    return passed("not below any limit", *found.facts)


def _fired(
    topic: str, low: LowCount, limits: CountLimits, course: Therapy, chart: Chart, knowledge: Knowledge
) -> Outcome:
    recent, age = knowledge.figures["countRecentDays"], days_old(low.result, chart.now)
    variant = low.variant if recent.holds(age) else "oldResult"
    basis = (*low.figures, *((limits.resume,) if variant == "hold" else ()), recent)
    values = {
        "value": shown(low.result),
        "date": day_of(low.result),
        "age": str(age),
        "limit": low.limit,
        "reason": low.reason,
        "profile": course.profile.name,
        "lasting": f"{knowledge.figures['ancLasting'].value:g}",
        "fever": f"{knowledge.figures['fever'].value:g}",
        "resume": resume_words(topic, limits.resume, course.profile_key, knowledge),
    }
    return fired(
        Finding(
            topic=topic,
            variant=variant,
            values=values,
            facts=(
                *results_up_to(low.result, chart.results(low.result.analyte), chart, knowledge),
                *low.facts,
                *treatment_facts(chart, course, knowledge),
            ),
            basis=tuple(map(count_basis, basis)),
            suggestions=(CreateTest("completeBloodCount"),),
            absent=low.absent,
        )
    )


def resume_words(topic: str, figure: Figure, profile_key: str, knowledge: Knowledge) -> str:
    """Return when and with which dose treatment resumes: "at … or more with …"."""
    sentences = knowledge.phrases.sentences
    sentence = sentences.get(f"resume_{topic}_{profile_key}") or sentences[f"resume_{profile_key}"]
    return sentence.format(limit=cell_count(figure.value))


def count_basis(figure: Figure) -> Basis:
    """Cite a figure; a cell count in both units of the field."""
    if figure.unit != _CELL_COUNT:
        return basis_of(figure)
    return Basis(figure.meaning, f"{figure.operator} {cell_count(figure.value)}", figure.source, figure.verified)
