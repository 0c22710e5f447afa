"""Drugs whose effect or level is to be watched beside lenalidomide: digoxin (S-66) and warfarin (S-68)."""

from __future__ import annotations

from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.therapy import course, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import CreateTest, Fact, Finding, Outcome, basis_of, fired, not_applicable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.lab_facts import day_of, days_old, measured, newest_alarming, results_up_to, satisfies, shown
from cds_hooks.rules.medication_facts import medication_fact

_LENALIDOMIDE = "lenalidomide"


@dataclass(frozen=True, slots=True)
class _Watch:
    """What is watched: `analyte` of `drug`, wanted within a number of days, above `high` too high."""

    topic: str
    drug: str
    analyte: str
    orderable: str
    days_first: Figure
    days_continuing: Figure
    high: Figure


def digoxin_monitoring(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when digoxin meets lenalidomide: level older than 30 d or above 2.0 ng/mL (warning), else info at first."""
    figures = knowledge.figures
    days = figures["digoxinLevelDays"]
    high = figures["digoxinLevelHigh"]
    watch = _Watch("digoxinMonitoring", "digoxin", "digoxinLevel", "digoxinLevel", days, days, high)
    return _judge(watch, chart, knowledge)


def warfarin_monitoring(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when warfarin meets lenalidomide: INR older than 7 d (first order) or 28 d, or above 3.5 (warning)."""
    figures = knowledge.figures
    first, continuing, high = figures["inrFirstOrderDays"], figures["inrContinuingDays"], figures["inrHigh"]
    return _judge(_Watch("warfarinMonitoring", "warfarin", "inr", "inr", first, continuing, high), chart, knowledge)


def _judge(watch: _Watch, chart: Chart, knowledge: Knowledge) -> Outcome:
    drafted = [drug for drug in (_LENALIDOMIDE, watch.drug) if chart.judged(drug)]
    if not drafted:
        return not_applicable(f"neither {_LENALIDOMIDE} nor {watch.drug} is drafted")
    partner, lenalidomide = chart.active(watch.drug), chart.active(_LENALIDOMIDE)
    if not partner or not lenalidomide:
        return not_applicable(f"no {_LENALIDOMIDE if partner else watch.drug} in use")
    drugs = (
        medication_fact(partner[0], knowledge.drugs[watch.drug].name.capitalize(), knowledge),
        medication_fact(lenalidomide[0], knowledge.drugs[_LENALIDOMIDE].name.capitalize(), knowledge),
    )
    first = any(_is_first_order(drug, chart, knowledge) for drug in drafted)
    return _judge_level(watch, first, drugs, chart, knowledge)


def _is_first_order(drug: str, chart: Chart, knowledge: Knowledge) -> bool:
    if drug == _LENALIDOMIDE:
        return therapy(chart, knowledge).course.first_order
    return course(chart, knowledge, drug).first_order


def _judge_level(watch: _Watch, first: bool, drugs: tuple[Fact, ...], chart: Chart, knowledge: Knowledge) -> Outcome:
    days = watch.days_first if first else watch.days_continuing
    suggestions = (CreateTest(watch.orderable),)

    def is_high(result: LabResult) -> bool | None:
        return satisfies(result, watch.high)

    results = chart.results(watch.analyte)
    high = newest_alarming(results, is_high)
    if high is not None and days.holds(days_old(high, chart.now)):
        values = {"value": shown(high), "date": day_of(high), "limit": f"{watch.high.value:g}"}
        facts = (*drugs, *results_up_to(high, results, chart, knowledge))
        return fired(Finding(watch.topic, "high", values, facts, (basis_of(watch.high),), suggestions))
    level = measured(chart, knowledge, watch.analyte, days.value, settles=is_high)
    facts = (*drugs, *level.facts)
    if level.result is None:
        last = days_old(level.last, chart.now) if level.last else None
        only_first = first and last is not None and watch.days_continuing.holds(last)
        needs = {knowledge.analytes[watch.analyte].need, *(MEDICATION_NEEDS if only_first else ())}
        values = {"state": level.state, "short": level.last_words or level.words, "limit": f"{days.value:g}"}
        finding = Finding(
            watch.topic, "missing", values, facts, (basis_of(days),), suggestions, absent=frozenset(needs)
        )
        return fired(finding)
    if not first:
        return passed("recent and not above the limit", *facts)
    values = {"value": shown(level.result), "date": day_of(level.result)}
    basis = (basis_of(days), basis_of(watch.high))
    return fired(Finding(watch.topic, "present", values, facts, basis, absent=frozenset(MEDICATION_NEEDS)))
