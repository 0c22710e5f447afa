"""Every statement of the label is answered for, and what is said to be told is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.coverage import coverage, tells
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.knowledge.schema import Source, Statement, StatementBasis

KNOWLEDGE = load_knowledge()


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return load_cases()


def test_all_statements_of_the_specification_are_there() -> None:
    assert sorted(KNOWLEDGE.statements) == [f"S-{number:02}" for number in range(1, 75)]


def test_every_statement_is_answered_for(cases: tuple[Case, ...]) -> None:
    empty = {row.key: row.statement.text for row in coverage(KNOWLEDGE, cases) if not row.is_covered}
    assert not empty


def test_every_topic_has_cases(cases: tuple[Case, ...]) -> None:
    assert not KNOWLEDGE.topics.keys() - {topic for case in cases for topic in case.expect}


@pytest.mark.parametrize("key", [key for key, one in KNOWLEDGE.statements.items() if one.basis])
def test_a_statement_behind_a_card_is_told_there(key: str) -> None:
    basis = KNOWLEDGE.statements[key].basis
    assert basis is not None
    assert tells(KNOWLEDGE, basis)


def test_nobody_keeps_a_reason_that_is_not_needed(cases: tuple[Case, ...]) -> None:
    rows = coverage(KNOWLEDGE, cases)
    assert not [row.key for row in rows if row.statement.reference_only and (row.topics or row.reminders)]


# --- how rows are made ------------------------------------------------------------------------------------------------


def _with(statement: Statement) -> Knowledge:
    return replace(KNOWLEDGE, statements={"S-99": statement})


def test_a_statement_nothing_refers_to_is_not_covered(cases: tuple[Case, ...]) -> None:
    (row,) = coverage(_with(Statement("x", Source("design", "x"))), cases)
    assert (row.topics, row.cases, row.figures, row.reminders, row.basis) == ((), 0, (), (), None)
    assert not row.is_covered


@pytest.mark.parametrize(
    "statement",
    [
        Statement("x", Source("design", "x"), basis=StatementBasis("hepatotoxicity", "Hepatic failure")),
        Statement("x", Source("design", "x"), reference_only="frequencies"),
    ],
)
def test_text_and_reason_cover(statement: Statement, cases: tuple[Case, ...]) -> None:
    assert coverage(_with(statement), cases)[0].is_covered


def test_a_topic_without_cases_does_not_cover(cases: tuple[Case, ...]) -> None:
    rows = {row.key: row for row in coverage(KNOWLEDGE, ())}
    assert rows["S-66"].topics == ("digoxinMonitoring",)
    assert not rows["S-66"].is_covered


def test_cases_are_counted_once_each(cases: tuple[Case, ...]) -> None:
    rows = {row.key: row for row in coverage(KNOWLEDGE, cases)}
    wanted = {"hepatotoxicity"}
    assert rows["S-41"].topics == ("hepatotoxicity",)
    assert rows["S-41"].cases == sum(not wanted.isdisjoint(case.expect) for case in cases) > 0
    assert rows["S-40"].figures == ("liverResultRecentDays", "liverTestsFirstOrderDays", "liverTestsContinuingDays")


def test_words_that_are_not_on_the_card_are_noticed() -> None:
    assert tells(KNOWLEDGE, StatementBasis("hepatotoxicity", "Hepatic failure"))
    assert not tells(KNOWLEDGE, StatementBasis("hepatotoxicity", "pancreatitis"))
