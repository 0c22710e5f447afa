"""Pregnancy: everything in the record that says the patient is pregnant (S-06, S-20, S-69)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.drugs import MatchBasis
from cds_hooks.chart.fhir import LOINC, SNOMED
from cds_hooks.chart.labs import LabProblem, LabResult, Outcome, newest_first
from cds_hooks.chart.orders import DraftOrder
from cds_hooks.chart.patient import Sex
from cds_hooks.chart.reproduction import ReproductivePotential, is_proven, reproductive_status
from cds_hooks.chart.when import When
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import (
    Basis,
    CreateTest,
    DeleteDraft,
    Fact,
    Finding,
    Suggestion,
    basis_of,
    fired,
    not_applicable,
    passed,
)
from cds_hooks.findings import Outcome as RuleOutcome
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.lab_facts import day_of, result_fact, shown

_TOPIC = "pregnancyContraindicated"
_DRUGS = ("lenalidomide", "thalidomide", "pomalidomide")
_DATE_PROBLEMS = (LabProblem.NO_DATE, LabProblem.FUTURE_DATE)
_SURE = frozenset({"", "confirmed"})
_SHORT = 20
"""Characters of a result that fit into the summary of a card."""


# --- shared with the tests --------------------------------------------------------------------------------------------


def drafted_analogues(chart: Chart) -> dict[str, tuple[DraftOrder, ...]]:
    """Return the judged drafts of lenalidomide, thalidomide and pomalidomide by drug."""
    return {drug: drafts for drug in _DRUGS if (drafts := chart.judged(drug))}


def draft_facts(drafts: Mapping[str, tuple[DraftOrder, ...]], knowledge: Knowledge) -> tuple[Fact, ...]:
    """Return one fact line per draft, which names the order."""
    by_name = knowledge.phrases.sentences["matchedByName"]
    return tuple(
        Fact("Order", order.name, "", order.reference, by_name if order.match.basis is MatchBasis.NAME else "")
        for orders in drafts.values()
        for order in orders
    )


def names_of(drugs: Mapping[str, object] | tuple[str, ...], knowledge: Knowledge) -> str:
    """Return the drugs in words: "lenalidomide and pomalidomide"."""
    return " and ".join(knowledge.drugs[drug].name for drug in drugs)


def pregnancy_tests(chart: Chart) -> tuple[LabResult, ...]:
    """Return all hCG results, qualitative and quantitative, newest first."""
    return newest_first([*chart.results("hcgQualitative"), *chart.results("hcgQuantitative")])


def is_after(later: When | None, earlier: When | None) -> bool:
    """Whether one point in time certainly lies after another: on the same day a date without a time does not."""
    if later is None or earlier is None:
        return False
    return later.start > earlier.start if earlier.has_time else later.start >= earlier.end


def short(result: LabResult) -> str:
    """Return a result as a summary can hold it: as sent, or its outcome when that is long."""
    words = shown(result)
    return words if len(words) <= _SHORT or result.qualitative is None else result.qualitative.value


# --- evidence ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One thing that says the patient is pregnant.

    Attributes:
        variant: wording it calls for.
        facts: as the card lists it, and what belongs to it.
        basis: limits that decided.
        values: placeholders of the wording besides those all evidence shares.
    """

    variant: str
    facts: tuple[Fact, ...]
    basis: tuple[Basis, ...]
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _End:
    """The recorded end of a pregnancy, or that there is none."""

    when: When
    words: str
    fact: Fact


def pregnancy_contraindicated(chart: Chart, knowledge: Knowledge) -> RuleOutcome:
    """Fire when the record says that the patient is pregnant.

    Problem list, pregnancy status and due date count whatever the recorded sex; a positive test only where
    reproductive potential is not excluded. What is older than 300 days, contradicted or without a date is a warning.
    """
    drafts = drafted_analogues(chart)
    if not drafts:
        return not_applicable("no thalidomide analogue is drafted")
    status = reproductive_status(chart, knowledge)
    ends = tuple(_ends(chart, knowledge))
    found = [
        *_from_problem_list(chart, knowledge, ends),
        *_from_status(chart, knowledge, ends),
        *_from_due_date(chart, knowledge, ends),
    ]
    if status.potential is not ReproductivePotential.NO:
        found += _from_tests(chart, knowledge, ends)
    facts = tuple(dict.fromkeys((*(fact for one in found for fact in one.facts), *(end.fact for end in ends))))
    if not found:
        return passed("nothing says that the patient is pregnant", *facts, *status.facts)
    variants = knowledge.topics[_TOPIC].variants
    chosen = min(found, key=lambda one: variants[one.variant].indicator != "critical")
    critical = variants[chosen.variant].indicator == "critical"
    test = () if critical or status.potential is ReproductivePotential.NO else (CreateTest("pregnancyTest"),)
    removals = tuple(DeleteDraft(order.resource) for orders in drafts.values() for order in orders)
    suggestions: tuple[Suggestion, ...] = (*test, *removals)
    male = chart.patient.sex is Sex.MALE
    shared = {
        "drug": names_of(drafts, knowledge),
        "exposure": _exposure(chart, knowledge),
        "sex": knowledge.phrases.sentences["pregnancyRecordMale"] if male else "",
    }
    return fired(
        Finding(
            topic=_TOPIC,
            variant=chosen.variant,
            values={**shared, **chosen.values},
            facts=(*draft_facts(drafts, knowledge), *facts, *status.facts),
            basis=chosen.basis,
            suggestions=suggestions[:3],
        )
    )


def _exposure(chart: Chart, knowledge: Knowledge) -> str:
    """Say whether the patient may have taken the drug already."""
    sentences = knowledge.phrases.sentences
    records = [fact for fact in chart.active("thalidomideAnalogue") if not fact.is_draft]
    if records:
        latest = records[0]
        when = str(latest.when.day) if latest.when else "no date"
        return sentences["pregnancyExposed"].format(drug=latest.text, date=when)
    unknown = chart.gaps.keys() & set(MEDICATION_NEEDS)
    return sentences["pregnancyExposureUnknown" if unknown else "pregnancyNotExposed"]


def _days_since(when: When, now: datetime) -> int:
    """Return calendar days since the last day a date may mean; 0 for one that reaches into the future."""
    return max((now.astimezone(UTC).date() - when.last_day).days, 0)


# --- end of a pregnancy -----------------------------------------------------------------------------------------------


def _ends(chart: Chart, knowledge: Knowledge) -> Iterator[_End]:
    """Yield what shows that a pregnancy is over; only what is certain, dated and not in the future."""
    ended, denied = (knowledge.phrases.sentences[key] for key in ("pregnancyEnded", "pregnancyDenied"))
    dated = [
        (fact.onset or fact.recorded, fact.text, fact.reference)
        for fact in chart.conditions("endOfPregnancy", active=False)
        if fact.verification_status in _SURE and is_proven(fact, "endOfPregnancy", knowledge)
    ]
    dated += [
        (fact.abated, fact.text, fact.reference)
        for fact in chart.conditions("pregnancy", active=False)
        if not fact.active
    ]
    dated += [
        (fact.when, fact.text, fact.reference)
        for fact in chart.procedures("endOfPregnancy")
        if fact.status == "completed" and is_proven(fact, "endOfPregnancy", knowledge)
    ]
    for when, text, reference in dated:
        if when is not None and not when.is_future(chart.now):
            yield _End(when, ended.format(date=when.day), Fact("End of pregnancy", text, str(when), reference))
    for result in chart.results("pregnancyStatus"):
        if result.when is not None and result.is_final and _denies_pregnancy(result, chart):
            yield _End(result.when, denied.format(date=result.when.day), result_fact(result, chart, knowledge))


def _end_after(when: When | None, ends: tuple[_End, ...]) -> _End | None:
    return next((end for end in ends if is_after(end.when, when)), None)


# --- sources of evidence ----------------------------------------------------------------------------------------------


def _from_problem_list(chart: Chart, knowledge: Knowledge, ends: tuple[_End, ...]) -> Iterator[_Evidence]:
    """Yield the newest active pregnancy; one without a date counts as present, since its status says so."""
    active = chart.conditions("pregnancy")
    if not active:
        return
    latest = max(active, key=lambda fact: max(_starts(fact.onset, fact.recorded), default=chart.now))
    when = max((date for date in (latest.onset, latest.recorded) if date), key=lambda date: date.start, default=None)
    words = knowledge.phrases.sentences["pregnancyCondition"].format(date=when.day if when else "no date")
    status = ", ".join(filter(None, (latest.clinical_status, latest.verification_status)))
    fact = Fact("Pregnancy", latest.text, str(when) if when else "no date", latest.reference, status)
    end = _end_after(when, ends)
    contrary = end.words if end else ""
    if not contrary and "pregnancy" in latest.named and chart.patient.sex is Sex.MALE:  # "partner is pregnant"
        contrary = knowledge.phrases.sentences["pregnancyOfMale"]
    yield _judged(words, when, fact, chart, knowledge, contrary)


def _starts(*dates: When | None) -> list[datetime]:
    return [date.start for date in dates if date is not None]


def _judged(
    words: str, when: When | None, fact: Fact, chart: Chart, knowledge: Knowledge, contrary: str = ""
) -> _Evidence:
    """Judge an entry by its age, and by what contradicts it (in words, "" for nothing)."""
    figure = knowledge.figures["pregnancyRecordDays"]
    values = {"evidence": words}
    if contrary:
        return _Evidence("contradicted", (fact,), (basis_of(figure),), {**values, "contrary": contrary})
    if when is None or figure.holds(_days_since(when, chart.now)):
        return _Evidence("pregnant", (fact,), (basis_of(figure),), values)
    age = {"age": str(_days_since(when, chart.now)), "limit": f"{figure.value:g}"}
    return _Evidence("oldRecord", (fact,), (basis_of(figure),), {**values, **age})


def _status_sets(result: LabResult, chart: Chart) -> frozenset[str]:
    """Return the code sets of a pregnancy status; those its words name when it is not coded."""
    if result.coded:
        rows = [{"system": system, "code": code} for code in sorted(result.coded) for system in (SNOMED, LOINC)]
        return chart.code_sets_of({"coding": rows})
    return chart.code_sets_of({"text": result.raw}) if result.problem is LabProblem.FREE_TEXT else frozenset()


def _says_pregnant(result: LabResult, chart: Chart) -> bool:
    if result.problem is not None and result.problem not in (LabProblem.FREE_TEXT, *_DATE_PROBLEMS):
        return False
    return result.qualitative is Outcome.POSITIVE or "pregnancy" in _status_sets(result, chart)


def _denies_pregnancy(result: LabResult, chart: Chart) -> bool:
    denied = result.qualitative is Outcome.NEGATIVE or "endOfPregnancy" in _status_sets(result, chart)
    return denied and not _says_pregnant(result, chart)


def _from_status(chart: Chart, knowledge: Knowledge, ends: tuple[_End, ...]) -> Iterator[_Evidence]:
    """Yield the latest status "pregnant" unless something later says that the pregnancy is over."""
    for result in chart.results("pregnancyStatus"):
        if not _says_pregnant(result, chart):
            continue
        words = knowledge.phrases.sentences["pregnancyStatus"].format(value=shown(result), date=day_of(result))
        fact = result_fact(result, chart, knowledge)
        if result.when is None or result.problem is LabProblem.FUTURE_DATE:
            yield _Evidence("undated", (fact,), (), {"evidence": words})
            continue
        if _end_after(result.when, ends) is None:
            yield _judged(words, result.when, fact, chart, knowledge)
        return


def _from_due_date(chart: Chart, knowledge: Knowledge, ends: tuple[_End, ...]) -> Iterator[_Evidence]:
    """Yield the latest due date if it lies ahead; a date of recording is not needed, since the due date is one."""
    figure = knowledge.figures["pregnancyDueDateDays"]
    for result in chart.results("estimatedDeliveryDate"):
        if result.date is None or result.problem not in (None, *_DATE_PROBLEMS):
            continue
        due, usable = result.date, result.when is not None and result.problem is None
        is_ahead = due.last_day >= chart.now.astimezone(UTC).date()
        if is_ahead and figure.holds(-due.days_before(chart.now)) and _end_after(result.when, ends) is None:
            sentence = knowledge.phrases.sentences["pregnancyDueDate"]
            words = sentence.format(due=due, date=day_of(result))
            fact = result_fact(result, chart, knowledge)
            evidence = _judged(words, result.when if usable else None, fact, chart, knowledge)
            yield _Evidence(evidence.variant, (fact,), (basis_of(figure), *evidence.basis), evidence.values)
        if usable:
            return


def _from_tests(chart: Chart, knowledge: Knowledge, ends: tuple[_End, ...]) -> Iterator[_Evidence]:
    """Yield the latest positive test unless the end of the pregnancy or two later negative tests are on record."""
    figures, sentences = knowledge.figures, knowledge.phrases.sentences
    age, needed = figures["positivePregnancyTestDays"], figures["negativeTestsAfterPositive"]
    tests = pregnancy_tests(chart)
    for result in tests:
        if result.qualitative is not Outcome.POSITIVE:
            continue
        fact = result_fact(result, chart, knowledge)
        if result.when is None or result.problem in _DATE_PROBLEMS:
            words = sentences["pregnancyTestPositive"].format(value=short(result))
            yield _Evidence("undated", (fact,), (), {"evidence": words})
            continue
        if result.problem is not None:
            continue
        if not age.holds(_days_since(result.when, chart.now)) or _end_after(result.when, ends):
            return
        negatives = {
            test.when.start: test
            for test in tests
            if test.is_final and test.qualitative is Outcome.NEGATIVE and test.when and is_after(test.when, result.when)
        }
        if not needed.holds(len(negatives)):
            number = f", {short(result)}" if result.value is not None else ""
            values = {"result": number, "date": day_of(result), "needed": f"{needed.value:g}"}
            basis = (basis_of(age), basis_of(needed))
            later = tuple(result_fact(test, chart, knowledge) for test in negatives.values())
            if negatives:
                latest = {"negative": day_of(next(iter(negatives.values())))}
                yield _Evidence("positiveThenNegative", (fact, *later), basis, {**values, **latest})
            else:
                yield _Evidence("positiveTest", (fact,), basis, values)
        return
