"""Runs the clinical cases over mutants: a mutant is killed when a case no longer says what it should."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from msgspec import structs

from cds_hooks.cases.case import Case
from cds_hooks.cases.run import case_chart
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Chart, Reader
from cds_hooks.evaluate import evaluate
from cds_hooks.findings import Outcome
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules import RULES, Rule
from tests.mutation.mutants import Mutant

V = TypeVar("V")
_PARTS_WITH_KEYS = ("figures", "bands", "profiles")
_WHOLE_PARTS = ("unknown_profile", "scores")

Read = set[tuple[str, str]]
"""What was asked for: part of the knowledge and key, the key being empty for a part that is read as a whole."""


class _Watched(dict[str, V]):
    """A mapping that notes which keys were asked for.

    Going over all entries counts as asking for each, but for the profiles: that is how the indication is found, and
    the profile is asked for by its key afterwards.
    """

    def __init__(self, part: str, content: Mapping[str, V], read: Read) -> None:
        super().__init__(content)
        self._part, self._read = part, read

    def __getitem__(self, key: str) -> V:
        self._read.add((self._part, key))
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add((self._part, key))
        return super().get(key, default)

    def values(self) -> Any:
        self._all()
        return super().values()

    def items(self) -> Any:
        self._all()
        return super().items()

    def _all(self) -> None:
        if self._part != "profiles":
            self._read.update((self._part, key) for key in self)


class _WatchedKnowledge(Knowledge):
    """Knowledge that notes what it is asked for."""

    def __getattribute__(self, name: str) -> Any:
        if name in _WHOLE_PARTS:
            object.__getattribute__(self, "read").add((name, ""))
        return object.__getattribute__(self, name)


def _watched(knowledge: Knowledge) -> tuple[Knowledge, Read]:
    read: Read = set()
    content = {field.name: getattr(knowledge, field.name) for field in fields(knowledge)}
    content |= {part: _Watched(part, content[part], read) for part in _PARTS_WITH_KEYS}
    watched = _WatchedKnowledge(**content)
    object.__setattr__(watched, "read", read)
    return watched, read


@dataclass(frozen=True, slots=True)
class Prey:
    """A case on the true knowledge: its chart, and for each rule the answer and what it asked the knowledge for.

    Attributes:
        in_chart: what the reading of resources asked for; a mutant of it needs the chart to be read again.
    """

    case: Case
    chart: Chart
    in_chart: frozenset[tuple[str, str]]
    answers: tuple[tuple[Rule, Outcome, frozenset[tuple[str, str]]], ...]

    def reads(self, mutant: Mutant) -> bool:
        """Return whether the mutated number plays a part in this case."""
        number = (mutant.part, mutant.key)
        return number in self.in_chart or any(number in read for _, _, read in self.answers)


@dataclass(slots=True)
class Hunt:
    """The cases in the order in which they are tried; what killed last is tried first."""

    reader: Reader
    prey: deque[Prey] = field(default_factory=deque)
    broken: list[Case] = field(default_factory=list)

    @classmethod
    def prepare(cls, cases: Iterable[Case], reader: Reader) -> Hunt:
        """Run every case once on the true knowledge; cases that fail there are set aside in `broken`."""
        hunt = cls(reader)
        knowledge, read = _watched(reader.knowledge)
        watching = replace(reader, knowledge=knowledge)
        for case in cases:
            read.clear()
            chart = case_chart(case, watching)
            in_chart = frozenset(read)
            if verdict(case, evaluate(_fresh(chart, watching), knowledge), knowledge):
                hunt.broken.append(case)
                continue
            answers = []
            for rule in RULES:
                if rule.scopes & chart.scopes:
                    read.clear()
                    answers.append((rule, rule.judge(_fresh(chart, watching), knowledge), frozenset(read)))
            hunt.prey.append(Prey(case, _fresh(chart, reader), in_chart, tuple(answers)))
        return hunt

    def killer(self, mutant: Mutant) -> Case | None:
        """Return a case that notices the mutant, None when it survives."""
        knowledge = mutant.change(self.reader.knowledge)
        subject = mutant.file.rpartition("/")[2].removesuffix(".yaml")
        able = [prey for prey in self.prey if prey.reads(mutant)]
        for prey in sorted(able, key=lambda prey: prey.case.subject != subject):
            if self._notices(prey, mutant, knowledge):
                self.prey.remove(prey)
                self.prey.appendleft(prey)
                return prey.case
        return None

    def _notices(self, prey: Prey, mutant: Mutant, knowledge: Knowledge) -> bool:
        number = (mutant.part, mutant.key)
        reader = replace(self.reader, knowledge=knowledge)
        if number in prey.in_chart:
            chart = case_chart(prey.case, reader)
        else:
            chart = _fresh(prey.chart, reader)
            if all(_judged(rule, chart, knowledge) == answer for rule, answer, read in prey.answers if number in read):
                return False
        return bool(verdict(prey.case, evaluate(_fresh(chart, reader), knowledge), knowledge))


def _judged(rule: Rule, chart: Chart, knowledge: Knowledge) -> Outcome | None:
    """Return the answer of a rule, None when it cannot work with the mutated number."""
    try:
        return rule.judge(chart, knowledge)
    except Exception:  # noqa: BLE001  which way a rule breaks on a wrong number is of no interest
        return None


def _fresh(chart: Chart, reader: Reader) -> Chart:
    """Return the chart without the facts that were derived from other knowledge."""
    return structs.replace(chart, _reader=reader, _derived={}, _judged={}, reads=set())
