"""Liver: raised enzymes or bilirubin, and liver tests that are due (S-39 to S-41)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.therapy import therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import CreateTest, Fact, Finding, Outcome, basis_of, fired, not_evaluable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.lab_facts import (
    day_of,
    days_old,
    lab_fact,
    measured,
    newest_alarming,
    result_fact,
    results_up_to,
    satisfies,
    short_name,
    shown,
)
from cds_hooks.rules.treatment_facts import order_facts, treatment_facts

ENZYMES = ("alt", "ast")
"""Analytes of the liver enzymes."""
_BILIRUBIN = "bilirubinTotal"
_ALL = (*ENZYMES, _BILIRUBIN)
_DECIMALS = 9
"""Decimals to which a multiple is rounded, far beyond any laboratory."""


@dataclass(frozen=True, slots=True)
class _Rise:
    """A result above a multiple of its upper limit of normal."""

    result: LabResult
    figure: Figure
    severe: bool = False


def hepatotoxicity(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire on raised ALT, AST or bilirubin.

    Recent results (30 d) above 5 × ULN (ALT, AST) or 3 × ULN (bilirubin), or an enzyme above 3 × and bilirubin above
    2 ×: critical; above 3 × or 1.5 ×: warning. Results of 31-90 days: warning "old result".
    """
    recent_days, old_days = knowledge.figures["liverResultRecentDays"], knowledge.figures["liverResultOldDays"]

    def is_recent(result: LabResult) -> bool:
        return recent_days.holds(days_old(result, chart.now))

    def is_old(result: LabResult) -> bool:
        return not is_recent(result) and old_days.holds(days_old(result, chart.now))

    for of_this_age in (is_recent, is_old):
        if rise := _find_rise(chart, knowledge, of_this_age):
            recent = of_this_age is is_recent
            return fired(
                Finding(
                    topic="hepatotoxicity",
                    variant=("severe" if rise.severe else "raised") if recent else "oldResult",
                    values={
                        "finding": _rise_words(rise, knowledge),
                        "age": str(days_old(rise.result, chart.now)),
                    },
                    facts=(*_rise_facts(rise, chart, knowledge), *order_facts(chart, knowledge)),
                    basis=(basis_of(rise.figure), basis_of(recent_days)),
                    suggestions=(CreateTest("hepaticPanel"),),
                )
            )
    facts = tuple(lab_fact(chart, knowledge, analyte) for analyte in _ALL)
    if not any(result.is_final for analyte in _ALL for result in chart.results(analyte)):
        return not_evaluable("no readable ALT, AST or bilirubin", *facts)
    return passed("no rise above the limits", *facts)


def _find_rise(chart: Chart, knowledge: Knowledge, of_this_age: Callable[[LabResult], bool]) -> _Rise | None:
    """Return the most serious rise among the results of an age."""

    def beyond(analyte: str, figure: Figure) -> LabResult | None:
        """Return the newest result above the multiple, if no newer one of whatever age clears it."""
        result = newest_alarming(chart.results(analyte), lambda one: is_above_multiple(one, figure, knowledge))
        return result if result is not None and of_this_age(result) else None

    def first_beyond(analytes: tuple[str, ...], figure: str, *, severe: bool) -> _Rise | None:
        limit = knowledge.figures[figure]
        found = (beyond(analyte, limit) for analyte in analytes)
        return next((_Rise(result, limit, severe) for result in found if result is not None), None)

    severe = first_beyond(ENZYMES, "transaminaseCritical", severe=True) or first_beyond(
        (_BILIRUBIN,), "bilirubinCritical", severe=True
    )
    if severe is not None:
        return severe
    enzyme = first_beyond(ENZYMES, "transaminaseWarning", severe=False)
    if enzyme is not None:
        return first_beyond((_BILIRUBIN,), "bilirubinWithTransaminase", severe=True) or enzyme
    return first_beyond((_BILIRUBIN,), "bilirubinWarning", severe=False)


def upper_limit(result: LabResult, knowledge: Knowledge) -> float:
    """Return the upper limit of normal: that of the result itself, else the default of the knowledge."""
    default = knowledge.analytes[result.analyte].reference
    limit = result.reference_high or (default.high if default else None)
    if limit is None:
        raise LookupError(f"no upper limit of normal for {result.analyte}")
    return limit


def is_above_multiple(result: LabResult, figure: Figure, knowledge: Knowledge) -> bool | None:
    """Whether a result certainly is, or certainly is not, above a multiple of its upper limit of normal.

    Compared as a multiple, rounded: 1.8 is not above 1.5 × 1.2, whatever binary fractions make of it.
    """
    if result.value is None:
        return None
    multiple = round(result.value / upper_limit(result, knowledge), _DECIMALS)
    return satisfies(replace(result, value=multiple), figure)


def _rise_words(rise: _Rise, knowledge: Knowledge) -> str:
    """Say the rise in a few words, the limit in the unit it was compared in."""
    result, limit = rise.result, upper_limit(rise.result, knowledge)
    name = short_name(result.analyte, knowledge)
    return (
        f"{name[0].upper()}{name[1:]} {shown(result)} of {day_of(result)} is above "
        f"{rise.figure.value:g} × ULN ({limit:g} {result.unit})"
    )


def _rise_facts(rise: _Rise, chart: Chart, knowledge: Knowledge) -> tuple[Fact, ...]:
    """Return the decisive result with its upper limit and what is newer, then the newest of the other tests."""
    result = rise.result
    facts = results_up_to(result, chart.results(result.analyte), chart, knowledge)
    facts[-1] = _with_limit(facts[-1], result, knowledge)
    for analyte in _ALL:
        if analyte != result.analyte:
            newest = next((one for one in chart.results(analyte) if one.is_final), None)
            fact = result_fact(newest, chart, knowledge) if newest else lab_fact(chart, knowledge, analyte)
            facts.append(_with_limit(fact, newest, knowledge) if newest else fact)
    return tuple(facts)


def _with_limit(fact: Fact, result: LabResult, knowledge: Knowledge) -> Fact:
    source = "" if result.reference_high else f" ({knowledge.phrases.sentences['limitDefault']})"
    words = f"ULN {upper_limit(result, knowledge):g} {result.unit}{source}"
    return replace(fact, note="; ".join(filter(None, (words, fact.note))))


def liver_tests_overdue(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when neither ALT nor AST was measured within 30 d (first order) or 90 d (continuing)."""
    course = therapy(chart, knowledge)
    first = course.course.first_order
    continuing = knowledge.figures["liverTestsContinuingDays"]
    figure = knowledge.figures["liverTestsFirstOrderDays"] if first else continuing
    warning = knowledge.figures["transaminaseWarning"]

    def settles(result: LabResult) -> bool | None:
        return is_above_multiple(result, warning, knowledge)

    tests = [measured(chart, knowledge, analyte, figure.value, settles=settles) for analyte in ENZYMES]
    facts = tuple(fact for test in tests for fact in test.facts)
    if any(test.result is not None for test in tests):
        return passed("measured recently", *facts)
    usable = [(days_old(test.last, chart.now), test) for test in tests if test.last is not None]
    age, newest = min(usable, key=lambda pair: pair[0], default=(None, None))
    only_first = first and age is not None and continuing.holds(age)
    return fired(
        Finding(
            topic="liverTestsOverdue",
            variant="overdue" if newest else "never",
            values={
                "limit": f"{figure.value:g}",
                "last": f"{short_name(newest.analyte, knowledge)} {newest.last_words}" if newest else "",
                "state": "; ".join(f"{short_name(test.analyte, knowledge)} {test.state}" for test in tests),
            },
            facts=(*facts, *treatment_facts(chart, course, knowledge)),
            basis=(basis_of(figure),),
            suggestions=(CreateTest("hepaticPanel"),),
            absent=frozenset({"chemistry", *(MEDICATION_NEEDS if only_first else ())}),
        )
    )
