"""The lenalidomide treatment as cards list it: the drafted orders, the indication, the course so far."""

from __future__ import annotations

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.drugs import MatchBasis
from cds_hooks.chart.therapy import Therapy
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.label_dose import indication_fact


def treatment_facts(chart: Chart, course: Therapy, knowledge: Knowledge) -> tuple[Fact, ...]:
    """Return what chose the limits: one line per drafted order, the indication, the course of treatment."""
    return (*order_facts(chart, knowledge), indication_fact(course), _course_fact(course, knowledge))


def order_facts(chart: Chart, knowledge: Knowledge) -> tuple[Fact, ...]:
    """Return one line per lenalidomide order that is judged; it says when only the name identified the drug."""
    by_name = knowledge.phrases.sentences["matchedByName"]
    return tuple(
        Fact("Order", order.name, "", order.reference, by_name if order.match.basis is MatchBasis.NAME else "")
        for order in chart.judged("lenalidomide")
    )


def _course_fact(course: Therapy, knowledge: Knowledge) -> Fact:
    sentences, series = knowledge.phrases.sentences, course.course
    if series.start is None or series.days is None:
        words = sentences["treatmentFirstOrder" if series.first_order else "treatmentStartUnknown"]
    else:
        words = sentences["treatmentDay"].format(date=series.start.date(), day=series.days + 1, cycle=series.cycle)
    return Fact("Treatment", words)
