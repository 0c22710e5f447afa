"""The rule trace of an audit row says what every rule answered, in words of the knowledge alone."""

from __future__ import annotations

from cds_hooks.evaluate import RuleTrace
from cds_hooks.findings import Fact, Finding, Outcome, fired, not_applicable, not_evaluable, passed
from service.rule_trace import RuleResult, compact, expand

PATIENT = Fact("Neutrophils", "0.4 10*9/L of Mrs Smith", reference="Observation/secret")


def found(absent: frozenset[str] = frozenset()) -> Outcome:
    return fired(Finding("neutropenia", "belowHold", facts=(PATIENT,), absent=absent), "0.4 is below 1.0")


def test_every_answer_has_its_word() -> None:
    trace = [
        RuleTrace("a", passed("0.9 is above", PATIENT)),
        RuleTrace("b", not_applicable("no")),
        RuleTrace("c", not_evaluable("no")),
        RuleTrace("d", found()),
        RuleTrace("e", found(frozenset({"labs"})), unavailable=frozenset({"labs", "conditions"})),
        RuleTrace("f", found(), suppressed_by="d"),
        RuleTrace("g", not_evaluable("the rule failed"), error="KeyError"),
    ]
    small = compact(trace)
    assert small["a"] == "passed"
    assert expand(small) == (
        RuleResult(topic="a", result="passed"),
        RuleResult(topic="b", result="notApplicable"),
        RuleResult(topic="c", result="notEvaluable"),
        RuleResult(topic="d", result="shown", variant="belowHold"),
        RuleResult(topic="e", result="withheld", variant="belowHold", missing=("conditions", "labs"), absent=("labs",)),
        RuleResult(topic="f", result="unnecessary", variant="belowHold", by="d"),
        RuleResult(topic="g", result="error", error="KeyError"),
    )


def test_nothing_of_the_patient_comes_in() -> None:
    text = repr(compact([RuleTrace("a", passed("0.4 is fine", PATIENT)), RuleTrace("d", found())]))
    for secret in ("0.4", "Smith", "secret", "Neutrophils"):
        assert secret not in text


def test_rows_of_earlier_versions_have_no_trace() -> None:
    assert expand(None) == ()
