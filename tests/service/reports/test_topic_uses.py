"""What topics use is recorded from the clinical cases."""

from __future__ import annotations

from cds_hooks.cases.case import load_cases
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from service.reports.topic_uses import (
    CHANGE_DOSE,
    REMOVE_DRAFT,
    record_topic_uses,
    topic_uses,
    topics_of_figures,
)

KNOWLEDGE = load_knowledge()
EVERY = 5
"""Only every fifth case is run; what it shows must be on record."""


def test_what_is_recorded_exists() -> None:
    orderables = KNOWLEDGE.orderables.keys() | KNOWLEDGE.orderable_medications.keys() | {CHANGE_DOSE, REMOVE_DRAFT}
    assert topic_uses().keys() <= KNOWLEDGE.topics.keys(), "run make uses"
    assert topics_of_figures().keys() <= KNOWLEDGE.figures.keys(), "run make uses"
    assert {one for uses in topic_uses().values() for one in uses.suggestions} <= orderables, "run make uses"


def test_what_cases_use_is_recorded() -> None:
    for topic, uses in record_topic_uses(load_cases()[::EVERY], make_reader(KNOWLEDGE)).items():
        assert set(uses.figures) <= set(topic_uses()[topic].figures), f"{topic}: run make uses"
        assert set(uses.suggestions) <= set(topic_uses()[topic].suggestions), f"{topic}: run make uses"


def test_a_figure_knows_its_topics() -> None:
    assert "neutropenia" in topics_of_figures()["countOldDays"]
