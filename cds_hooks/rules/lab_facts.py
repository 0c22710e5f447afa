"""How laboratory results are judged and shown: what may alarm, what counts as measured, one fact per result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import Lab, LabResult, LabState, assess
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure

Judge = Callable[[LabResult], bool | None]
"""Whether a result certainly is (True), certainly is not (False), or may be (None) beyond a limit."""

_IN_PARENTHESES = re.compile(r"\(([^()]+)\)$")
_ANNOTATION = re.compile(r" \{\w+\}$")
"""A unit that is nothing but a UCUM annotation, as in `2.4 {INR}`."""


def shown(result: LabResult) -> str:
    """Return value and unit as the record gives them."""
    return _ANNOTATION.sub("", result.raw) if "{" in result.raw else result.raw


def short_name(analyte: str, knowledge: Knowledge) -> str:
    """Return the name of an analyte for the summary of a card: "ANC" for "absolute neutrophil count (ANC)"."""
    name = knowledge.analytes[analyte].name
    match = _IN_PARENTHESES.search(name)
    return match[1] if match else name


def day_of(result: LabResult) -> str:
    """Return the calendar day of a result, marked when it is preliminary; its fact line says the time."""
    day = str(result.when.day) if result.when else "no date"
    return f"{day}, preliminary" if result.preliminary else day


def days_old(result: LabResult, now: datetime) -> int:
    """Return the age of a result in calendar days; a result without date counts as very old."""
    return result.when.days_before(now) if result.when else 36_500


def satisfies(result: LabResult, figure: Figure) -> bool | None:
    """Whether a result (canonical unit) certainly does, or certainly does not, satisfy a figure.

    None when the comparator of the result leaves it open, or the result cannot be read.
    """
    match figure.operator:
        case "<":
            return result.is_below(figure.value)
        case "<=":
            return result.is_at_most(figure.value)
        case ">":
            return result.is_above(figure.value)
        case ">=":
            return result.is_at_least(figure.value)
        case _:
            raise ValueError(f"a result is not compared with the operator {figure.operator!r}")


# --- what may alarm ---------------------------------------------------------------------------------------------------


def newest_alarming(results: Iterable[LabResult], is_beyond: Judge) -> LabResult | None:
    """Return the result that raises the alarm: the newest one beyond the limit, unless a newer one clears it.

    Only a final result that is certainly not beyond the limit clears older ones. One that is preliminary, cannot be
    read, or leaves the question open by its comparator does not; a preliminary one may raise the alarm itself.

    Args:
        results: results of one analyte, newest first.
        is_beyond: the limit.
    """
    for result in results:
        if result.problem is not None:
            continue
        verdict = is_beyond(result)
        if verdict:
            return result
        if verdict is False and not result.preliminary:
            return None
    return None


def alarming(results: Sequence[LabResult]) -> tuple[LabResult, ...]:
    """Return the results that may raise an alarm, newest first.

    These are the newest readable final result and any readable preliminary one after it: a preliminary value may
    alarm but never clears, and an unreadable newer result does not hide an older one.
    """
    found: list[LabResult] = []
    for result in results:
        if result.problem is None:
            found.append(result)
            if not result.preliminary:
                break
    return tuple(found)


# --- what counts as measured ------------------------------------------------------------------------------------------


class Measured(Struct, frozen=True):
    """Whether an analyte counts as measured within so many days.

    Attributes:
        analyte: key of the analyte.
        result: the result that counts: final, readable, recent, and settling the question; None when there is none.
        last: the newest final result that can be read, however old.
        words: why nothing counts ("41 days old", "none found in this record"), "" when a result does.
        last_words: value and age of `last`: "1.1 ng/mL, 41 days old", "" without one and where a result counts.
        facts: the newest result, and the newest final readable one if that is another.
    """

    analyte: str
    result: LabResult | None
    last: LabResult | None
    words: str
    last_words: str
    facts: tuple[Fact, ...]

    @property
    def state(self) -> str:
        """Why nothing counts, with the last usable result."""
        if not self.last_words or self.last_words.endswith(self.words):
            return self.last_words or self.words
        return f"{self.words}; last usable {self.last_words}"


def measured(
    chart: Chart, knowledge: Knowledge, analyte: str, max_age_days: float, *, settles: Judge = lambda _: True
) -> Measured:
    """Return whether an analyte was measured within `max_age_days`.

    A preliminary result neither counts nor stands in the way of a recent final one. A final result that cannot be read
    stands in the way of older ones: what it says is not known, so the older value is not the present one.

    Args:
        chart: the chart.
        knowledge: words for states.
        analyte: key of the analyte.
        max_age_days: greatest age in calendar days, inclusive.
        settles: a question the result has to settle; None means that its comparator leaves it open.
    """
    results = chart.results(analyte)
    finals = [one for one in results if not one.preliminary]
    lab = newest_final = assess(results, now=chart.now, max_age_days=max_age_days)
    if len(finals) < len(results):
        newest_final = assess(finals, now=chart.now, max_age_days=max_age_days)
    current, last = newest_final.current, lab.latest_readable
    facts = [_newest_fact(lab, analyte, chart, knowledge)]
    if last is not None and last is not lab.latest:
        facts.append(result_fact(last, chart, knowledge))
    words = "" if current else _why_not(lab, chart, knowledge)
    if current is not None and settles(current) is None:
        words, current = knowledge.phrases.problems["comparator"], None
    last_words = f"{shown(last)}, {age_in_words(last, chart.now)}" if last and current is None else ""
    return Measured(analyte, current, last, words, last_words, tuple(facts))


def _why_not(lab: Lab, chart: Chart, knowledge: Knowledge) -> str:
    if lab.state is LabState.STALE and lab.latest is not None:
        return age_in_words(lab.latest, chart.now)
    return state_words(lab, knowledge)


# --- facts and words --------------------------------------------------------------------------------------------------


def result_fact(result: LabResult, chart: Chart, knowledge: Knowledge) -> Fact:
    """Return the fact line of one result: value and unit, date, reference, caveats."""
    notes = []
    if result.preliminary:
        notes.append(knowledge.phrases.states["preliminary"])
    if result.problem is not None:
        notes.append(knowledge.phrases.problems[result.problem.value])
    if result.note:
        notes.append(result.note)
    return Fact(
        label=chart.analyte_name(result.analyte),
        value=shown(result),
        when=str(result.when) if result.when else "no date",
        reference=result.reference,
        note="; ".join(notes),
    )


def results_up_to(decisive: LabResult, results: Iterable[LabResult], chart: Chart, knowledge: Knowledge) -> list[Fact]:
    """Return the fact lines of the decisive result and, before it, of every newer one that did not clear it."""
    facts = []
    for result in results:
        facts.append(result_fact(result, chart, knowledge))
        if result is decisive:
            break
    return facts


def lab_fact(chart: Chart, knowledge: Knowledge, analyte: str, max_age_days: float = 365_000) -> Fact:
    """Return the fact line of the newest result of an analyte, or the words for its absence."""
    return _newest_fact(chart.lab(analyte, max_age_days), analyte, chart, knowledge)


def _newest_fact(lab: Lab, analyte: str, chart: Chart, knowledge: Knowledge) -> Fact:
    if lab.latest is None:
        return Fact(chart.analyte_name(analyte), knowledge.phrases.states["absent"])
    fact = result_fact(lab.latest, chart, knowledge)
    if lab.state in (LabState.CURRENT, LabState.PRELIMINARY):
        return fact
    words = knowledge.phrases.states[lab.state.value]
    return Fact(fact.label, fact.value, fact.when, fact.reference, "; ".join(filter(None, (words, fact.note))))


def state_words(lab: Lab, knowledge: Knowledge) -> str:
    """Return the state of a result in words, with the problem when it cannot be interpreted."""
    words = knowledge.phrases.states[lab.state.value]
    if lab.state is LabState.UNINTERPRETABLE and lab.latest is not None and lab.latest.problem is not None:
        return f"{words}: {knowledge.phrases.problems[lab.latest.problem.value]}"
    return words


def age_in_words(result: LabResult, now: datetime) -> str:
    """Return the age of a result as "12 days old", "of today"."""
    days = days_old(result, now)
    return "of today" if days <= 0 else "1 day old" if days == 1 else f"{days} days old"


def preliminary_words(result: LabResult, knowledge: Knowledge) -> str:
    """Return the words that mark a preliminary result inside a sentence, "" for a final one."""
    return f" ({knowledge.phrases.states['preliminary']})" if result.preliminary else ""
