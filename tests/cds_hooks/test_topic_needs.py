"""The table of what each topic rests on: complete, and with nothing that no rule looks at.

That every rule keeps within it is checked with every clinical case (`cases/test_cases.py`).
"""

from __future__ import annotations

import pytest

from cds_hooks.cases.case import load_cases
from cds_hooks.cases.run import run_case
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.rules import RULES
from cds_hooks.topic_needs import topic_needs

READER = make_reader(load_knowledge())


def test_every_topic_of_a_rule_is_there() -> None:
    assert topic_needs().keys() == {rule.topic for rule in RULES}


def test_every_need_is_one() -> None:
    assert not {need for needs in topic_needs().values() for need in needs} - READER.needs.keys()


def test_nothing_is_there_that_no_rule_looks_at() -> None:
    """The cases that expect a topic come first: they look at most of it."""
    missing = {(topic, need) for topic, needs in topic_needs().items() for need in needs}
    cases = load_cases()
    for expects_an_open_topic in (True, False):
        for case in cases:
            if not missing:
                return
            if expects_an_open_topic == bool({topic for topic, _ in missing} & case.expect.keys()):
                evaluation = run_case(case, READER, READER.knowledge)
                missing -= {(trace.topic, need) for trace in evaluation.trace for need in trace.reads}
    pytest.fail(f"no case looks at {sorted(missing)}")
