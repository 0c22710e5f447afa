"""Thyroid: TSH that is due, TSH out of range without treatment (S-51)."""

from __future__ import annotations

from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.therapy import therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import CreateTest, Finding, Outcome, basis_of, fired, not_applicable, not_evaluable, passed
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.lab_facts import age_in_words, day_of, measured, newest_alarming, results_up_to, shown
from cds_hooks.rules.treatment_facts import order_facts, treatment_facts

_TSH = "tsh"
_UNLIMITED_DAYS = 365_000


def thyroid_tests_overdue(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when no TSH of the last 90 days exists: warning when there is none at a first order, else information."""
    figure = knowledge.figures["thyrotropinDays"]
    tsh = measured(chart, knowledge, _TSH, figure.value, settles=lambda one: _within(one, knowledge))
    if tsh.result is not None:
        return passed("measured recently", *tsh.facts)
    course = therapy(chart, knowledge)
    return fired(
        Finding(
            topic="thyroidTestsOverdue",
            variant="overdue" if tsh.last else "never" if course.course.first_order else "none",
            values={"limit": f"{figure.value:g}", "state": tsh.state, "last": tsh.last_words},
            facts=(*tsh.facts, *treatment_facts(chart, course, knowledge)),
            basis=(basis_of(figure),),
            suggestions=(CreateTest("thyrotropin"),),
            absent=frozenset({"monitoring"}),
        )
    )


def thyroid_disorder(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the latest TSH is outside its reference range (else 0.4-4.0 mIU/L) and nothing treats the thyroid."""
    results = chart.results(_TSH)
    below = newest_alarming(results, lambda one: one.is_below(_range(one, knowledge)[0]))
    above = newest_alarming(results, lambda one: one.is_above(_range(one, knowledge)[1]))
    found = next((one for one in results if one is below or one is above), None)
    if found is None:
        tsh = measured(chart, knowledge, _TSH, _UNLIMITED_DAYS, settles=lambda one: _within(one, knowledge))
        if tsh.result is None:
            return not_evaluable(f"TSH: {tsh.words}", *tsh.facts)
        return passed("TSH within its reference range", *tsh.facts)
    low, high = _range(found, knowledge)
    words = _range_words(found, knowledge)
    facts = results_up_to(found, results, chart, knowledge)
    facts[-1] = replace(facts[-1], note="; ".join(filter(None, (words, facts[-1].note))))
    if treatment := chart.active("thyroidTreatment"):
        return not_applicable(f"treated with {treatment[0].text}", *facts)
    return fired(
        Finding(
            topic="thyroidDisorder",
            variant="low" if found is below else "high",
            values={
                "value": shown(found),
                "date": day_of(found),
                "age": age_in_words(found, chart.now),
                "limit": f"{low if found is below else high:g}",
                "range": words,
            },
            facts=(*facts, *order_facts(chart, knowledge)),
            suggestions=(CreateTest("thyrotropin"),),
            absent=frozenset(MEDICATION_NEEDS),
        )
    )


def _range(result: LabResult, knowledge: Knowledge) -> tuple[float, float]:
    """Return the reference range of a result; a side it does not give is taken from the default."""
    default = knowledge.analytes[_TSH].reference
    if default is None or default.low is None or default.high is None:
        raise LookupError("no default reference range for TSH")
    low, high = result.reference_low, result.reference_high
    return default.low if low is None else low, default.high if high is None else high


def _range_words(result: LabResult, knowledge: Knowledge) -> str:
    low, high = _range(result, knowledge)
    own = result.reference_low is not None and result.reference_high is not None
    sentences = knowledge.phrases.sentences
    words = sentences["thyroidRange"].format(low=f"{low:g}", high=f"{high:g}")
    return words if own else f"{words} ({sentences['limitDefault']})"


def _within(result: LabResult, knowledge: Knowledge) -> bool | None:
    """Whether a result certainly is, or certainly is not, within its range."""
    low, high = _range(result, knowledge)
    below, above = result.is_below(low), result.is_above(high)
    if below or above:
        return False
    return None if below is None or above is None else True
