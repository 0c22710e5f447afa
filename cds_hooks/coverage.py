"""What the service makes of each statement of the label: topics and their cases, figures, counselling lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_hooks.cases.case import Case
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Statement, StatementBasis


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One statement of the label and what answers for it.

    Attributes:
        key: `S-01` and so on.
        statement: its text and source.
        topics: topics that rest on it.
        cases: number of clinical cases that expect one of these topics.
        figures: figures that rest on it.
        reminders: lines of the counselling card that tell it.
    """

    key: str
    statement: Statement
    topics: tuple[str, ...]
    cases: int
    figures: tuple[str, ...]
    reminders: tuple[str, ...]

    @property
    def basis(self) -> StatementBasis | None:
        """Where a card tells it without checking it."""
        return self.statement.basis

    @property
    def is_covered(self) -> bool:
        """Whether a topic with cases, a reminder or the text of a card answers for it, or no order depends on it."""
        shown = self.cases or self.reminders or self.basis
        return bool(shown or self.statement.reference_only)


def coverage(knowledge: Knowledge, cases: Iterable[Case]) -> tuple[CoverageRow, ...]:
    """Return every statement, in its order, with what answers for it."""
    expected = [case.expect.keys() for case in cases]
    return tuple(_row(key, statement, knowledge, expected) for key, statement in sorted(knowledge.statements.items()))


def _row(key: str, statement: Statement, knowledge: Knowledge, expected: Iterable[Iterable[str]]) -> CoverageRow:
    topics = tuple(name for name, topic in knowledge.topics.items() if key in topic.statements)
    return CoverageRow(
        key=key,
        statement=statement,
        topics=topics,
        cases=sum(not frozenset(topics).isdisjoint(case) for case in expected),
        figures=tuple(name for name, figure in knowledge.figures.items() if key in figure.statements),
        reminders=tuple(name for name, line in knowledge.counselling.items() if key in line.statements),
    )


def tells(knowledge: Knowledge, basis: StatementBasis) -> bool:
    """Return whether the wording of the topic holds the words by which a statement is to be found in it."""
    topic = knowledge.topics[basis.topic]
    wording = [topic.limits]
    for variant in topic.variants.values():
        wording += [variant.summary, variant.detail, *variant.options]
    return any(basis.says in text for text in wording)
