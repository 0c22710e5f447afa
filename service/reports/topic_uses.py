"""Which figures the rule of each topic looks at, and what its cards suggest, recorded from the clinical cases.

Rules name figures in their code, some put together from a profile and a line, so that reading them is not enough. `make
uses` runs every case, notes what was looked at, and writes `topic_uses.yaml`; a test fails when it is out of date.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

import msgspec
import yaml
from msgspec import Struct

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.cases.run import case_chart
from cds_hooks.chart.chart import Reader, make_reader
from cds_hooks.findings import CreateMedication, CreateTest, DeleteDraft, Suggestion, UpdateDose
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules import RULES

CHANGE_DOSE = "change the dose"
REMOVE_DRAFT = "remove the draft"


class TopicUses(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one topic uses.

    Attributes:
        figures: keys of the figures its rule looks at.
        suggestions: keys of what it suggests to order, `change the dose`, or `remove the draft`.
    """

    figures: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()


@cache
def topic_uses() -> Mapping[str, TopicUses]:
    """Return topic → what it uses; topics that use nothing are left out."""
    text = resources.files("service.reports").joinpath("topic_uses.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, TopicUses])


def topics_of_figures() -> dict[str, tuple[str, ...]]:
    """Return key of a figure → the topics whose rules look at it."""
    found: dict[str, list[str]] = defaultdict(list)
    for topic, uses in topic_uses().items():
        for figure in uses.figures:
            found[figure].append(topic)
    return {figure: tuple(topics) for figure, topics in found.items()}


def record_topic_uses(cases: Iterable[Case], reader: Reader) -> dict[str, TopicUses]:
    """Run cases and return what each topic used."""
    figures: dict[str, set[str]] = defaultdict(set)
    suggestions: dict[str, set[str]] = defaultdict(set)
    watched = _Watched(reader.knowledge.figures)
    knowledge = replace(reader.knowledge, figures=watched)
    for case in cases:
        chart = case_chart(case, reader)
        for rule in RULES:
            if rule.scopes & chart.scopes:
                watched.seen.clear()
                finding = rule.judge(chart.watched(), knowledge).finding
                figures[rule.topic] |= watched.seen
                suggestions[rule.topic].update(_word(one) for one in (finding.suggestions if finding else ()))
    return {
        rule.topic: TopicUses(tuple(sorted(figures[rule.topic])), tuple(sorted(suggestions[rule.topic])))
        for rule in RULES
        if figures[rule.topic] or suggestions[rule.topic]
    }


@dataclass(slots=True)
class _Watched(Mapping[str, Figure]):
    """Figures that remember which of them were looked at."""

    figures: Mapping[str, Figure]
    seen: set[str] = field(default_factory=set)

    def __getitem__(self, key: str) -> Figure:
        figure = self.figures[key]
        self.seen.add(key)
        return figure

    def __iter__(self) -> Iterator[str]:
        return iter(self.figures)

    def __len__(self) -> int:
        return len(self.figures)


def _word(suggestion: Suggestion) -> str:
    match suggestion:
        case CreateTest(orderable) | CreateMedication(orderable):
            return orderable
        case UpdateDose():
            return CHANGE_DOSE
        case DeleteDraft():
            return REMOVE_DRAFT


def _main() -> None:
    uses = record_topic_uses(load_cases(), make_reader(load_knowledge()))
    sys.stdout.write("# Written by make uses from the clinical cases; see topic_uses.py.\n")
    yaml.safe_dump(msgspec.to_builtins(uses), sys.stdout, sort_keys=False, width=118, allow_unicode=True)


if __name__ == "__main__":
    _main()
