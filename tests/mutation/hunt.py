"""Runs the clinical cases over mutants: a mutant is killed when a case no longer says what it should."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from cds_hooks.cases.case import Case
from cds_hooks.cases.run import case_chart
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Chart, Reader
from cds_hooks.evaluate import evaluate
from cds_hooks.knowledge.loader import Knowledge
from tests.mutation.mutants import Mutant

V = TypeVar("V")
_PARTS = ("figures", "profiles", "bands")


class _Watched(dict[str, V]):
    """A mapping that notes which keys were asked for; who goes over all entries is taken to use each of them."""

    def __init__(self, content: Mapping[str, V]) -> None:
        super().__init__(content)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> V:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def values(self) -> Any:
        self.read.update(self)
        return super().values()

    def items(self) -> Any:
        self.read.update(self)
        return super().items()


@dataclass(slots=True)
class Prey:
    """A case, its chart, and what of the knowledge the reading of the chart and the rules asked for.

    Attributes:
        in_chart: what the reading of resources asked for; a mutant of it needs the chart to be read again.
    """

    case: Case
    chart: Chart
    read: Mapping[str, frozenset[str]]
    in_chart: frozenset[str]


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
        for case in cases:
            watched: dict[str, _Watched[Any]] = {part: _Watched(getattr(reader.knowledge, part)) for part in _PARTS}
            changes: dict[str, Any] = dict(watched)
            knowledge = replace(reader.knowledge, **changes)
            chart = case_chart(case, replace(reader, knowledge=knowledge))
            in_chart = frozenset(watched["figures"].read)
            failures = verdict(case, evaluate(_fresh(chart, reader), knowledge), knowledge)
            if failures:
                hunt.broken.append(case)
            else:
                read = {part: frozenset(mapping.read) for part, mapping in watched.items()}
                hunt.prey.append(Prey(case, _fresh(chart, reader), read, in_chart))
        return hunt

    def killer(self, mutant: Mutant) -> Case | None:
        """Return a case that notices the mutant, None when it survives."""
        knowledge = mutant.change(self.reader.knowledge)
        for prey in self._likely_first(mutant):
            if self._notices(prey, mutant, knowledge):
                self.prey.remove(prey)
                self.prey.appendleft(prey)
                return prey.case
        return None

    def _likely_first(self, mutant: Mutant) -> Iterator[Prey]:
        able = [prey for prey in self.prey if mutant.part not in prey.read or mutant.key in prey.read[mutant.part]]
        subject = mutant.file.rpartition("/")[2].removesuffix(".yaml")
        return iter(sorted(able, key=lambda prey: prey.case.subject != subject))

    def _notices(self, prey: Prey, mutant: Mutant, knowledge: Knowledge) -> bool:
        reader = replace(self.reader, knowledge=knowledge)
        if mutant.part == "figures" and mutant.key in prey.in_chart:
            chart = case_chart(prey.case, reader)
        else:
            chart = _fresh(prey.chart, reader)
        return bool(verdict(prey.case, evaluate(chart, knowledge), knowledge))


def _fresh(chart: Chart, reader: Reader) -> Chart:
    """Return the chart without the facts that were derived from other knowledge."""
    return replace(chart, _reader=reader, _derived={}, reads=set())
