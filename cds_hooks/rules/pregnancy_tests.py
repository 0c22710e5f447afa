"""Pregnancy tests before and during treatment with a thalidomide analogue (S-08)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabProblem, LabResult, Outcome
from cds_hooks.chart.reproduction import ReproductivePotential, ReproductiveStatus, reproductive_status
from cds_hooks.chart.therapy import Course, course, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import CreateTest, Fact, Finding, Indicator, basis_of, fired, not_applicable, passed
from cds_hooks.findings import Outcome as RuleOutcome
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.lab_facts import day_of, result_fact
from cds_hooks.rules.pregnancy import (
    draft_facts,
    drafted_analogues,
    is_after,
    names_of,
    pregnancy_tests,
    short,
)

_TOPIC = "pregnancyTestRequired"
_NEED = "pregnancy"
_SHOWN = 6
"""Tests listed on a card, besides those that count."""
_DAY = timedelta(days=1)
_UNREAD = frozenset(LabProblem) - {LabProblem.NO_VALUE, LabProblem.NO_DATE, LabProblem.FUTURE_DATE}
"""Problems of a test that was done and has a result, which nobody can read here."""


@dataclass(frozen=True, slots=True)
class _Tests:
    """The pregnancy tests on record.

    Attributes:
        all: every result, newest first.
        negative: final negative ones whose day is known, newest first.
        open: the newest readable one that is positive or indeterminate, unless a negative one came later.
        unread: a final one after the last negative that cannot be read: what it says is not known.
    """

    all: tuple[LabResult, ...]
    negative: tuple[LabResult, ...]
    open: LabResult | None
    unread: LabResult | None


@dataclass(frozen=True, slots=True)
class _Gap:
    """A test that is missing.

    Attributes:
        variant: wording it calls for.
        values: placeholders of the wording.
        figures: limits that decided.
        roles: what a test on record was taken for, by its reference.
    """

    variant: str
    values: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)


def pregnancy_test_required(chart: Chart, knowledge: Knowledge) -> RuleOutcome:
    """Fire when a patient who may be of reproductive potential lacks a pregnancy test the label asks for.

    First order: negative within 24 hours and, earlier, 10 to 14 days before. Continuing: weekly in weeks 1 to 4, then
    every 28 days, every 14 with irregular cycles. Where reproductive potential is only not excluded: a warning.
    """
    drafts = drafted_analogues(chart)
    if not drafts:
        return not_applicable("no thalidomide analogue is drafted")
    status = reproductive_status(chart, knowledge)
    if status.potential is ReproductivePotential.NO:
        return not_applicable(f"not of reproductive potential: {status.reason}", *status.facts)
    tests = _read_tests(chart)
    courses = {drug: _course(chart, knowledge, drug) for drug in drafts}
    gaps = {drug: gap for drug, one in courses.items() if (gap := _gap(tests, one, chart, knowledge))}
    if not gaps:
        return passed("tested as the label asks", *status.facts, *_test_facts(tests, chart, knowledge, {}))
    chosen = min(gaps.values(), key=lambda gap: not _is_critical(gap, knowledge))
    drugs = tuple(drug for drug, gap in gaps.items() if gap.variant == chosen.variant)
    uncertain = status.potential is ReproductivePotential.NOT_EXCLUDED
    figures = (*chosen.figures, *(status.figures if uncertain else ()))
    return fired(
        Finding(
            topic=_TOPIC,
            variant=chosen.variant,
            values={
                **_shared_values(status, tests, knowledge),
                **chosen.values,
                "drug": names_of(drugs, knowledge),
                **({"last": ""} if uncertain else {}),
            },
            facts=(
                *draft_facts(drafts, knowledge),
                *status.facts,
                *(_treatment_fact(drug, one, knowledge) for drug, one in courses.items()),
                *_test_facts(tests, chart, knowledge, chosen.roles),
                *_not_looked_up(chart),
            ),
            basis=tuple(basis_of(figure) for figure in figures),
            suggestions=(CreateTest("pregnancyTest"),),
            indicator=Indicator.WARNING if uncertain else None,
            absent=_absent(tests, chart, knowledge),
        )
    )


def _course(chart: Chart, knowledge: Knowledge, drug: str) -> Course:
    return therapy(chart, knowledge).course if drug == "lenalidomide" else course(chart, knowledge, drug)


# --- tests on record --------------------------------------------------------------------------------------------------


def _read_tests(chart: Chart) -> _Tests:
    tests = pregnancy_tests(chart)
    negative = tuple(
        test for test in tests if test.qualitative is Outcome.NEGATIVE and test.is_final and _has_day(test)
    )
    doubtful = (Outcome.POSITIVE, Outcome.INDETERMINATE)
    open_test = next((test for test in tests if test.problem is None and test.qualitative in doubtful), None)
    if open_test is not None and any(is_after(test.when, open_test.when) for test in negative):
        open_test = None
    unread = next((test for test in tests if not test.preliminary and test.problem in _UNREAD), None)
    if unread is not None and not (negative and is_after(unread.when, negative[0].when)):
        unread = None
    return _Tests(tests, negative, open_test, unread)


def _has_day(test: LabResult) -> bool:
    """Whether the day of a test is known, which a year or month alone does not tell."""
    return test.when is not None and (test.when.has_time or test.when.end - test.when.start <= _DAY)


def _days(test: LabResult, chart: Chart) -> int:
    days = test.days_before(chart.now)
    assert days is not None  # noqa: S101  only asked of tests whose day is known
    return max(days, 0)


# --- what is missing --------------------------------------------------------------------------------------------------


def _gap(tests: _Tests, one: Course, chart: Chart, knowledge: Knowledge) -> _Gap | None:
    open_test, age = tests.open, knowledge.figures["positivePregnancyTestDays"]
    if open_test is not None and age.holds(_days(open_test, chart)):
        values = {"result": short(open_test), "date": day_of(open_test), "outcome": str(open_test.qualitative)}
        return _Gap(
            "notNegative", values, (knowledge.figures["hcgNegativeBelow"], knowledge.figures["hcgPositiveFrom"])
        )
    if one.first_order:
        gap = _first_order_gap(tests, chart, knowledge)
    else:
        weekly = one.week is None or knowledge.figures["pregnancyTestWeeklyWeeks"].holds(one.week)
        gap = _continuing_gap(tests, chart, knowledge, weekly=weekly, week=one.week)
    if tests.unread is not None and not _is_critical(gap, knowledge):
        problem = knowledge.phrases.problems[tests.unread.problem.value] if tests.unread.problem else ""
        values = {"result": short(tests.unread), "date": day_of(tests.unread), "problem": problem}
        return _Gap("notReadable", {**values, "recent": str(tests.negative[0].when)})
    return gap


def _is_critical(gap: _Gap | None, knowledge: Knowledge) -> bool:
    return gap is not None and knowledge.topics[_TOPIC].variants[gap.variant].indicator == "critical"


def _first_order_gap(tests: _Tests, chart: Chart, knowledge: Knowledge) -> _Gap | None:
    """Return what is missing before a first order; the same test cannot serve as both."""
    figures = knowledge.figures
    window = (figures["pregnancyTestWindowFrom"], figures["pregnancyTestWindowTo"])
    tolerant = (figures["pregnancyTestTolerantFrom"], figures["pregnancyTestTolerantTo"])
    hours = figures["pregnancyTestRecentHours"]
    recent = next((test for test in tests.negative if _is_recent(test, chart, knowledge)), None)
    candidates = [
        test
        for test in tests.negative
        if test is not recent and all(figure.holds(_days(test, chart)) for figure in tolerant)
    ]
    fitting = [test for test in candidates if all(figure.holds(_days(test, chart)) for figure in window)]
    earlier = next(iter((*fitting, *candidates)), None)
    if recent is not None and fitting:
        return None
    roles = {}
    if recent is not None and recent.when is not None:
        by_date = knowledge.phrases.sentences["pregnancyTestDateOnly"].format(hours=f"{hours.value:g}")
        roles[recent.reference] = f"counts as the recent test{'' if recent.when.has_time else f' ({by_date})'}"
    if earlier is not None:
        roles[earlier.reference] = "counts as the earlier test"
    values = {
        "recent": str(recent.when) if recent else "",
        "earlier": str(earlier.when) if earlier else "",
        "age": str(_days(earlier, chart)) if earlier else "",
        "last": f" (last {_ago(tests.negative[0], chart)})" if tests.negative else "",
    }
    if recent is None and earlier is None:
        return _Gap("firstNone", values, (hours, *window), roles)
    if recent is None:
        return _Gap("firstRecentMissing", values, (hours,), roles)
    if earlier is None:
        return _Gap("firstEarlierMissing", values, (*window, *tolerant), roles)
    return _Gap("firstWindow", values, window, roles)


def _is_recent(test: LabResult, chart: Chart, knowledge: Knowledge) -> bool:
    """Whether the specimen was taken within 24 hours; without a time, today or yesterday."""
    assert test.when is not None  # noqa: S101  only asked of tests whose day is known
    if test.when.has_time:
        hours = (chart.now - test.when.start).total_seconds() / 3600
        return knowledge.figures["pregnancyTestRecentHours"].holds(hours)
    return knowledge.figures["pregnancyTestRecentDays"].holds(_days(test, chart))


def _ago(test: LabResult, chart: Chart) -> str:
    """Return how long ago a test was: hours within two days, else calendar days."""
    if test.when is not None and test.when.has_time and chart.now - test.when.start < 2 * _DAY:
        tenths = -(-(chart.now - test.when.start) // timedelta(minutes=6))
        return f"{max(tenths, 0) / 10:g} h ago"
    return f"{_days(test, chart)} d ago"


def _continuing_gap(
    tests: _Tests, chart: Chart, knowledge: Knowledge, *, weekly: bool, week: int | None
) -> _Gap | None:
    """Return what is missing during treatment; an unknown start is judged as weeks 1 to 4, the strictest rule."""
    figures = knowledge.figures
    if not tests.negative:
        return _Gap("never", {}, (figures["pregnancyTestWeeklyDays"], figures["pregnancyTestRegularDays"]))
    last = tests.negative[0]
    days = _days(last, chart)
    roles = {last.reference: "last negative test"}
    values = {
        "age": str(days),
        "recent": str(last.when),
        "phase": f"treatment is in week {week}" if week is not None else "the start of treatment is not known",
    }
    if weekly:
        interval = figures["pregnancyTestWeeklyDays"]
        if interval.holds(days):
            return None
        variant = "overdueStartUnknown" if week is None else "overdueWeekly"
        basis = (interval, figures["pregnancyTestWeeklyWeeks"])
        return _Gap(variant, {**values, "limit": f"{interval.value:g}"}, basis, roles)
    irregular = bool(chart.conditions("irregularCycles"))
    interval = figures["pregnancyTestIrregularDays" if irregular else "pregnancyTestRegularDays"]
    cycles = "irregular" if irregular else "regular"
    if not interval.holds(days):
        return _Gap("overdue", {**values, "limit": f"{interval.value:g}", "cycles": cycles}, (interval,), roles)
    authorization = figures["pregnancyTestAuthorizationDays"]
    if not authorization.holds(days):
        limit = {"limit": f"{authorization.value:g}"}
        return _Gap("authorization", {**values, **limit}, (authorization, interval), roles)
    return None


def _absent(tests: _Tests, chart: Chart, knowledge: Knowledge) -> frozenset[str]:
    """Return the data needs whose missing part might take the finding away.

    Tests that were not looked up might. Missing medication records make a patient look like a beginner, which is
    judged more strictly: they matter unless the test would be due late in treatment too. A hysterectomy not looked up
    does not hold the card back, which says so: the patient counts as of reproductive potential until the record shows
    otherwise.
    """
    late = _continuing_gap(tests, chart, knowledge, weekly=False, week=None)
    stands = tests.open is not None or tests.unread is not None or _is_critical(late, knowledge)
    return frozenset({_NEED}) if stands else frozenset({_NEED, *MEDICATION_NEEDS})


# --- words and facts --------------------------------------------------------------------------------------------------


def _shared_values(status: ReproductiveStatus, tests: _Tests, knowledge: Knowledge) -> dict[str, str]:
    figures, sentences = knowledge.figures, knowledge.phrases.sentences
    uncertain = status.potential is ReproductivePotential.NOT_EXCLUDED
    numbers = {
        "hours": "pregnancyTestRecentHours",
        "from_days": "pregnancyTestWindowFrom",
        "to_days": "pregnancyTestWindowTo",
        "tolerant_from": "pregnancyTestTolerantFrom",
        "tolerant_to": "pregnancyTestTolerantTo",
        "weeks": "pregnancyTestWeeklyWeeks",
        "regular": "pregnancyTestRegularDays",
        "irregular": "pregnancyTestIrregularDays",
        "menopause_months": "menopauseMonths",
    }
    words = [_not_counted(test, knowledge) for test in tests.all[:_SHOWN] if test not in tests.negative]
    return {
        "potential": sentences["potentialNotExcluded"].format(reason=status.reason) if uncertain else "",
        "unclear": sentences["pregnancyTestsNotCounted"].format(results="; ".join(words)) if words else "",
        **{name: f"{figures[key].value:g}" for name, key in numbers.items()},
    }


def _not_counted(test: LabResult, knowledge: Knowledge) -> str:
    """Name a test that does not count and say why: preliminary, unreadable, not negative, or of unknown day."""
    if test.problem is not None:
        why = knowledge.phrases.problems[test.problem.value]
    elif test.qualitative is Outcome.NEGATIVE:
        why = "" if test.preliminary else knowledge.phrases.sentences["pregnancyTestDateUnclear"]
    else:
        why = str(test.qualitative)
    words = short(test)
    return f"{words} ({', '.join(filter(None, (day_of(test), why if why != words else '')))})"


def _test_facts(tests: _Tests, chart: Chart, knowledge: Knowledge, roles: Mapping[str, str]) -> list[Fact]:
    if not tests.all:
        return [Fact("Pregnancy test", knowledge.phrases.states["absent"])]
    facts = []
    for number, test in enumerate(tests.all):
        role = roles.get(test.reference, "")
        if number >= _SHOWN and not role:
            continue
        fact = result_fact(test, chart, knowledge)
        outcome = str(test.qualitative) if test.qualitative and test.value is not None else ""
        facts.append(replace(fact, note="; ".join(filter(None, (fact.note, outcome, role)))))
    return facts


def _treatment_fact(drug: str, one: Course, knowledge: Knowledge) -> Fact:
    sentences = knowledge.phrases.sentences
    label = f"Treatment with {knowledge.drugs[drug].name}"
    if one.first_order:
        return Fact(label, sentences["treatmentFirstOrder"])
    if one.start is None:
        return Fact(label, sentences["treatmentStartUnknown"])
    return Fact(label, sentences["treatmentSince"].format(date=one.start.date(), week=one.week))


def _not_looked_up(chart: Chart) -> list[Fact]:
    """Return what could have excluded reproductive potential, or told the course, and could not be looked up."""
    needs = ("conditions", "procedures", *MEDICATION_NEEDS)
    reasons = dict.fromkeys(chart.gaps[need] for need in needs if need in chart.gaps)
    return [Fact("Not looked up", reason) for reason in reasons]
