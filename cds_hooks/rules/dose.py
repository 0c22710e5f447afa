"""Dose and schedule of the order itself: above the label, wrong days, not readable (S-01, S-02)."""

from __future__ import annotations

from collections.abc import Sequence

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.dosing import ScheduleKind
from cds_hooks.chart.orders import DraftOrder
from cds_hooks.chart.therapy import Therapy, therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Finding, Outcome, basis_of, fired, not_applicable, not_evaluable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.label_dose import indication_fact, labelled_words, later_words, profile_needs, table_basis
from cds_hooks.rules.ordered_dose import OrderedDose, ordered_dose
from cds_hooks.rules.renal_function import renal_function

_NO_DOSE_YET = "no dose entered yet"


def dose_exceeds_label(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the average or the highest daily dose is above the labelled dose; critical above 25 mg a day."""
    dose = ordered_dose(chart, knowledge)
    if not dose.orders:
        return not_applicable(_NO_DOSE_YET)
    amount = max((one for one in (dose.average, dose.highest) if one is not None), default=None)
    if amount is None:
        return not_evaluable("the ordered dose cannot be read", *dose.facts)
    course = therapy(chart, knowledge)
    maximum, critical = _maximum(course), knowledge.figures["dailyDoseCritical"]
    far = critical.holds(amount)
    if maximum.holds(amount) and not far:
        answer = passed if dose.complete else not_evaluable
        return answer(f"{dose.words(amount, 'mg on one day')}; label {maximum}", *dose.facts)
    figure = critical if far else maximum
    remarks = []
    if (later := course.profile.maximum_later) is not None:
        regimen = f"{later.value:g} {later.unit}"
        remarks.append(later_words(course.profile.maximum_later_after_cycles, regimen, course, knowledge))
    if not dose.complete:
        remarks.append(knowledge.phrases.sentences["dose_partial"])
    values = {
        "dose": str(dose) if dose.average == amount else dose.words(amount, "mg on one day"),
        "limit": f"{figure.value:g} {figure.unit}",
        "labelled": course.profile.doses["full"].regimen,
        "profile": course.profile.name,
        "remarks": " ".join(remarks),
    }
    facts = (*dose.facts, indication_fact(course))
    variant = "aboveMaximum" if far else "aboveIndication"
    absent = profile_needs(course, "full", amount, knowledge)
    return fired(Finding("doseExceedsLabel", variant, values, facts, (basis_of(figure),), absent=absent))


def _maximum(course: Therapy) -> Figure:
    """Return the labelled dose of the indication; maintenance has a higher one after some cycles."""
    profile, cycle = course.profile, course.course.cycle
    if profile.maximum_later is not None and cycle is not None and cycle > profile.maximum_later_after_cycles:
        return profile.maximum_later
    return profile.maximum


def schedule_mismatch(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the order is expressly continuous where the label has rest days, or every other day without cause."""
    dose = ordered_dose(chart, knowledge)
    if not dose.orders:
        return not_applicable(_NO_DOSE_YET)
    course = therapy(chart, knowledge)
    continuous, alternating = _of_kind(dose, ScheduleKind.CONTINUOUS), _of_kind(dose, ScheduleKind.EVERY_OTHER_DAY)
    if continuous and dose.average is not None and course.profile.days_on < course.profile.cycle_days:
        table = course.profile.doses[renal_function(chart, knowledge).column(knowledge) or "full"]
        if dose.average >= table.average_mg_per_day:
            return _mismatch("continuous", continuous, dose, chart, knowledge)
    if alternating and course.course.first_order:
        column = renal_function(chart, knowledge).column(knowledge)
        if column is None:
            return not_evaluable("renal function not known", *dose.facts)
        if column in knowledge.bands and knowledge.bands[column].low is not None:
            return _mismatch("everyOtherDay", alternating, dose, chart, knowledge, frozenset(MEDICATION_NEEDS))
    return passed("schedule as in the label, or not stated", *dose.facts)


def _of_kind(dose: OrderedDose, kind: ScheduleKind) -> list[DraftOrder]:
    return [order for order in dose.orders if order.dose.schedule.kind is kind]


def _mismatch(
    variant: str,
    orders: Sequence[DraftOrder],
    dose: OrderedDose,
    chart: Chart,
    knowledge: Knowledge,
    absent: frozenset[str] = frozenset(),
) -> Outcome:
    course, function = therapy(chart, knowledge), renal_function(chart, knowledge)
    column = function.column(knowledge) or "full"
    values = {
        "dose": str(dose),
        "sig": orders[0].dose.text or orders[0].dose.schedule.describe(),
        "profile": course.profile.name,
        "days_on": str(course.profile.days_on),
        "cycle_days": str(course.profile.cycle_days),
        "labelled": course.profile.doses[column].regimen,
        "clearance": function.words(),
        "limit": f"{knowledge.bands['severe'].high:g} mL/min",
    }
    facts = (*dose.facts, indication_fact(course), *function.facts)
    basis = table_basis(course, column, knowledge)
    return fired(Finding("scheduleMismatch", variant, values, facts, basis, absent=absent))


def dose_unreadable(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when dose or frequency of an order cannot be read, or its fields and directions disagree."""
    dose = ordered_dose(chart, knowledge)
    if not dose.orders:
        return not_applicable(_NO_DOSE_YET)
    unreadable = [order for order in dose.orders if not order.dose.is_readable]
    contradictory = [order for order in dose.orders if order.dose.contradictions]
    if not unreadable and not contradictory:
        return passed("dose and frequency read", *dose.facts)
    order = (unreadable or contradictory)[0]
    reasons = [str(issue) for issue in order.dose.unreadable] if unreadable else order.dose.contradictions
    course, function = therapy(chart, knowledge), renal_function(chart, knowledge)
    values = {
        "order": order.name or order.reference,
        "reason": "; ".join(dict.fromkeys(reasons)) or "no dose given",
        "sig": order.dose.text or "no directions",
        "profile": course.profile.name,
        "labelled": labelled_words(course, function, knowledge),
    }
    facts = (*dose.facts, indication_fact(course), *function.facts)
    return fired(Finding("doseUnreadable", "unreadable" if unreadable else "contradiction", values, facts))
