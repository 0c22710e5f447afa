"""Running the rules: nothing silences anything else by accident, and nothing is silent that could not look."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise

import pytest
from msgspec.structs import replace

import cds_hooks.evaluate
from cds_hooks.cases.case import Case, load_base_charts, load_cases
from cds_hooks.cases.run import case_chart, run_case
from cds_hooks.chart.chart import Chart, Reader, make_reader
from cds_hooks.evaluate import Evaluation, evaluate, indicator_of
from cds_hooks.findings import Finding, Indicator, Outcome, fired, passed
from cds_hooks.knowledge.loader import Knowledge, load_knowledge, placeholders
from cds_hooks.protocol.cards import SUMMARY_LIMIT, detail
from cds_hooks.rules import LENALIDOMIDE, PARTNERS, RULES, Rule
from cds_hooks.rules.counselling import CONDITIONS
from cds_hooks.rules.incomplete import TOPIC as CHECK_INCOMPLETE

KNOWLEDGE = load_knowledge()
READER = make_reader(KNOWLEDGE)
REASON = "no answer arrived in the time available"

Judge = Callable[[Chart, Knowledge], Outcome]


def base_chart(name: str = "mmContinuing", *, gaps: Mapping[str, str] | None = None, reader: Reader = READER) -> Chart:
    """Return a patient of the base charts about whom there is nothing to say."""
    base = load_base_charts()[name]
    case = Case(base.about, "evaluate", base.place, (), name, "order-sign", base.chart, {}, (), False, {}, "")
    return replace(case_chart(case, reader), gaps=dict(gaps or {}))


def finding(topic: str, variant: str = "", *, absent: frozenset[str] = frozenset()) -> Finding:
    """Return a finding of a topic whose placeholders are all filled; its first wording unless one is named."""
    variants = KNOWLEDGE.topics[topic].variants
    chosen = variant or next(iter(variants))
    return Finding(topic, chosen, dict.fromkeys(placeholders(variants[chosen]), "x"), absent=absent)


def always(one: Finding, *needs: str) -> Judge:
    """Return a rule that fires after having asked for the needs."""

    def judge(chart: Chart, _knowledge: Knowledge) -> Outcome:
        chart.reads.update(needs)
        return fired(one)

    return judge


def silent(_chart: Chart, _knowledge: Knowledge) -> Outcome:
    return passed("all is well")


@pytest.fixture
def with_rules(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the rules by others, all of them for lenalidomide."""

    def set_rules(**rules: Judge) -> None:
        table = tuple(Rule(topic, LENALIDOMIDE, judge) for topic, judge in rules.items())
        monkeypatch.setattr(cds_hooks.evaluate, "RULES", table)

    return set_rules


def topics(evaluation: Evaluation) -> list[str]:
    return [one.topic for one in evaluation.findings]


# --- a rule that fails ------------------------------------------------------------------------------------------------


def test_a_rule_that_raises_does_not_silence_the_others_and_is_reported(with_rules: Callable[..., None]) -> None:
    def broken(_chart: Chart, _knowledge: Knowledge) -> Outcome:
        raise ZeroDivisionError

    with_rules(neutropenia=broken, thrombocytopenia=always(finding("thrombocytopenia")))
    evaluation = evaluate(base_chart(), KNOWLEDGE)
    assert topics(evaluation) == ["thrombocytopenia", CHECK_INCOMPLETE]
    assert [(trace.topic, trace.error) for trace in evaluation.trace if trace.error] == [
        ("neutropenia", "ZeroDivisionError")
    ]
    (unchecked,) = evaluation.unchecked
    assert (unchecked.topic, unchecked.reasons) == ("neutropenia", ("this check failed inside the service",))
    assert "Neutropenia (this check failed inside the service)" in detail(evaluation.findings[1], KNOWLEDGE, "test")
    assert indicator_of(evaluation.findings[1], KNOWLEDGE) is Indicator.WARNING


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(finding("thrombocytopenia"), id="of another topic"),
        pytest.param(replace(finding("neutropenia"), variant="nowhere"), id="without a wording"),
        pytest.param(replace(finding("neutropenia"), values={}), id="without its values"),
    ],
)
def test_a_finding_no_card_can_be_made_of_counts_as_a_failed_check(
    answer: Finding, with_rules: Callable[..., None]
) -> None:
    with_rules(neutropenia=always(answer), cbcOverdue=always(finding("cbcOverdue")))
    evaluation = evaluate(base_chart(), KNOWLEDGE)
    assert set(topics(evaluation)) == {"cbcOverdue", CHECK_INCOMPLETE}
    assert [bool(trace.error) for trace in evaluation.trace] == [True, False]


def test_a_rule_that_lacks_the_patient_has_not_failed_inside(with_rules: Callable[..., None]) -> None:
    def needs_age(chart: Chart, _knowledge: Knowledge) -> Outcome:
        return passed(str(chart.patient.birth))

    with_rules(renalDose=needs_age)
    chart = replace(base_chart(gaps={"patient": REASON}), _patient=None)
    (unchecked,) = evaluate(chart, KNOWLEDGE).unchecked
    assert unchecked.reasons == (f"patient: {REASON}",)


# --- data that could not be looked up ---------------------------------------------------------------------------------


def test_a_finding_that_rests_on_something_not_found_is_withheld(with_rules: Callable[..., None]) -> None:
    with_rules(cbcOverdue=always(finding("cbcOverdue", absent=frozenset({"bloodCounts"})), "bloodCounts"))
    assert topics(evaluate(base_chart(), KNOWLEDGE)) == ["cbcOverdue"]
    evaluation = evaluate(base_chart(gaps={"bloodCounts": REASON}), KNOWLEDGE)
    assert topics(evaluation) == [CHECK_INCOMPLETE]
    assert [(one.topic, one.reasons) for one in evaluation.unchecked] == [("cbcOverdue", (f"blood counts: {REASON}",))]


def test_a_finding_that_rests_on_what_was_found_is_shown_and_reported(with_rules: Callable[..., None]) -> None:
    with_rules(neutropenia=always(finding("neutropenia"), "bloodCounts"))
    evaluation = evaluate(base_chart(gaps={"bloodCounts": REASON}), KNOWLEDGE)
    assert topics(evaluation) == ["neutropenia", CHECK_INCOMPLETE]


def test_a_finding_is_not_withheld_for_a_gap_it_does_not_rest_on(with_rules: Callable[..., None]) -> None:
    needs = ("bloodCounts", "vitalSigns")
    with_rules(cbcOverdue=always(finding("cbcOverdue", absent=frozenset({"bloodCounts"})), *needs))
    evaluation = evaluate(base_chart(gaps={"vitalSigns": REASON}), KNOWLEDGE)
    assert topics(evaluation) == ["cbcOverdue", CHECK_INCOMPLETE]


def test_a_gap_nobody_asked_for_is_no_news(with_rules: Callable[..., None]) -> None:
    with_rules(cbcOverdue=silent)
    assert topics(evaluate(base_chart(gaps={"bloodCounts": REASON}), KNOWLEDGE)) == []


def test_needs_of_one_cause_are_named_together(with_rules: Callable[..., None]) -> None:
    with_rules(cbcOverdue=always(finding("cbcOverdue"), "bloodCounts", "conditions", "procedures"))
    gaps = {"bloodCounts": REASON, "conditions": "the FHIR server did not grant access", "procedures": REASON}
    (unchecked,) = evaluate(base_chart(gaps=gaps), KNOWLEDGE).unchecked
    assert unchecked.reasons == (
        "problem list: the FHIR server did not grant access",
        f"procedures, blood counts: {REASON}",
    )


# --- one story, one card ----------------------------------------------------------------------------------------------


def suppressing(**by_topic: tuple[str, ...]) -> Knowledge:
    """Return the knowledge with other suppression."""
    changed = {
        topic: replace(
            one,
            suppresses=by_topic.get(topic, ()),
            variants={key: replace(variant, suppresses=()) for key, variant in one.variants.items()},
        )
        for topic, one in KNOWLEDGE.topics.items()
    }
    return dataclasses.replace(KNOWLEDGE, topics=changed)


def test_a_card_makes_another_unnecessary(with_rules: Callable[..., None]) -> None:
    with_rules(neutropenia=always(finding("neutropenia")), cbcOverdue=always(finding("cbcOverdue")))
    knowledge = suppressing(neutropenia=("cbcOverdue",))
    evaluation = evaluate(base_chart(), knowledge)
    assert topics(evaluation) == ["neutropenia"]
    assert [trace.suppressed_by for trace in evaluation.trace] == ["", "neutropenia"]


def test_a_wording_makes_another_card_unnecessary(with_rules: Callable[..., None]) -> None:
    for variant, expected in (("oldResult", ["neutropenia"]), ("hold", ["neutropenia", "cbcOverdue"])):
        with_rules(neutropenia=always(finding("neutropenia", variant)), cbcOverdue=always(finding("cbcOverdue")))
        assert topics(evaluate(base_chart(), KNOWLEDGE)) == expected


def test_a_rule_that_says_nothing_suppresses_nothing(with_rules: Callable[..., None]) -> None:
    with_rules(neutropenia=silent, cbcOverdue=always(finding("cbcOverdue")))
    assert topics(evaluate(base_chart(), suppressing(neutropenia=("cbcOverdue",)))) == ["cbcOverdue"]


def test_a_withheld_finding_suppresses_nothing(with_rules: Callable[..., None]) -> None:
    withheld = finding("neutropenia", absent=frozenset({"medicationRequests"}))
    with_rules(neutropenia=always(withheld, "medicationRequests"), cbcOverdue=always(finding("cbcOverdue")))
    evaluation = evaluate(base_chart(gaps={"medicationRequests": REASON}), suppressing(neutropenia=("cbcOverdue",)))
    assert set(topics(evaluation)) == {"cbcOverdue", CHECK_INCOMPLETE}


def test_a_suppressed_card_suppresses_nothing(with_rules: Callable[..., None]) -> None:
    chain = ("neutropenia", "cbcOverdue", "liverTestsOverdue")
    with_rules(**{topic: always(finding(topic)) for topic in chain})
    knowledge = suppressing(neutropenia=("cbcOverdue",), cbcOverdue=("liverTestsOverdue",))
    assert topics(evaluate(base_chart(), knowledge)) == ["neutropenia", "liverTestsOverdue"]


def test_two_cards_that_suppress_each_other_are_both_shown(with_rules: Callable[..., None]) -> None:
    with_rules(neutropenia=always(finding("neutropenia")), cbcOverdue=always(finding("cbcOverdue")))
    knowledge = suppressing(neutropenia=("cbcOverdue",), cbcOverdue=("neutropenia",))
    assert topics(evaluate(base_chart(), knowledge)) == ["neutropenia", "cbcOverdue"]


def test_what_is_unnecessary_is_not_reported_as_unchecked(with_rules: Callable[..., None]) -> None:
    with_rules(neutropenia=always(finding("neutropenia")), cbcOverdue=always(finding("cbcOverdue"), "bloodCounts"))
    evaluation = evaluate(base_chart(gaps={"bloodCounts": REASON}), suppressing(neutropenia=("cbcOverdue",)))
    assert topics(evaluation) == ["neutropenia"]
    assert evaluation.unchecked == ()


# --- order and scope --------------------------------------------------------------------------------------------------


def test_the_most_urgent_comes_first_and_equals_in_the_order_of_the_rules(with_rules: Callable[..., None]) -> None:
    with_rules(
        counselling=always(finding("counselling")),
        warfarinMonitoring=always(finding("warfarinMonitoring", "missing")),
        digoxinMonitoring=always(finding("digoxinMonitoring", "missing")),
        neutropenia=always(finding("neutropenia", "hold")),
    )
    shown = topics(evaluate(base_chart(), KNOWLEDGE))
    assert shown == ["neutropenia", "digoxinMonitoring", "warfarinMonitoring", "counselling"]


def test_only_the_rules_of_the_drafted_drugs_run() -> None:
    of_digoxin = {trace.topic for trace in evaluate(base_chart("digoxinDraft"), KNOWLEDGE).trace}
    assert of_digoxin == {rule.topic for rule in RULES if rule.scopes & (PARTNERS - LENALIDOMIDE)}
    of_pomalidomide = {trace.topic for trace in evaluate(base_chart("pomalidomideFirstOrder"), KNOWLEDGE).trace}
    assert "neutropenia" not in of_pomalidomide
    assert "pregnancyTestRequired" in of_pomalidomide


def test_every_rule_answers_for_a_topic_of_its_own_and_every_topic_has_a_rule() -> None:
    judged = [rule.topic for rule in RULES]
    assert len(judged) == len(set(judged))
    assert {*judged, CHECK_INCOMPLETE} == KNOWLEDGE.topics.keys()


def test_counselling_uses_only_conditions_that_exist_and_all_of_them() -> None:
    assert {line.when for line in KNOWLEDGE.counselling.values()} == CONDITIONS.keys()


# --- over all cases ---------------------------------------------------------------------------------------------------


@cache
def evaluations() -> tuple[tuple[Case, Evaluation], ...]:
    """Evaluate every case once."""
    return tuple((case, run_case(case, READER, KNOWLEDGE)) for case in load_cases())


def found() -> Iterator[tuple[Case, Finding]]:
    for case, evaluation in evaluations():
        for one in evaluation.findings:
            yield case, one


UNSEEN: Mapping[tuple[str, str], str] = {}
"""Wordings no case can produce, each with the reason."""


def test_every_wording_of_every_topic_is_produced_by_a_case() -> None:
    produced = {(one.topic, one.variant) for _, one in found()}
    known = {(key, variant) for key, topic in KNOWLEDGE.topics.items() for variant in topic.variants}
    assert produced <= known
    assert known - produced == UNSEEN.keys()


def test_every_placeholder_of_every_wording_is_filled() -> None:
    for case, one in found():
        variant = KNOWLEDGE.topics[one.topic].variants[one.variant]
        missing = placeholders(variant) - one.values.keys()
        assert not missing, f"{case.place} {one.topic}.{one.variant}: {sorted(missing)}"
        text = variant.summary.format_map(one.values)
        assert not re.search(r"\(\s*\)|\s[.,;:]", text), f"{case.place} {one.topic}.{one.variant}: {text}"


def test_every_summary_is_short_without_being_cut() -> None:
    for case, one in found():
        text = KNOWLEDGE.topics[one.topic].variants[one.variant].summary.format_map(one.values)
        assert len(" ".join(text.split())) < SUMMARY_LIMIT, f"{case.place} {one.topic}: {text}"


def test_no_case_makes_a_rule_fail() -> None:
    failed = [
        f"{case.place} {trace.topic}: {trace.error}"
        for case, evaluation in evaluations()
        for trace in evaluation.trace
        if trace.error and "patient" not in case.chart.unavailable
    ]
    assert not failed


def test_at_most_one_card_of_a_topic_in_the_order_of_urgency() -> None:
    for case, evaluation in evaluations():
        shown = topics(evaluation)
        assert len(shown) == len(set(shown)), case.place
        ranks = [indicator_of(one, KNOWLEDGE).rank for one in evaluation.findings]
        assert all(first <= second for first, second in pairwise(ranks)), case.place
