"""One resource of each type as each version of FHIR writes it, by hand: what the chart makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_hooks.chart.chart import Reader, build_chart
from cds_hooks.chart.dosing import read_dose, read_supply
from cds_hooks.chart.medications import ORDER_TYPES
from cds_hooks.chart.orders import read_drafts
from tests.cds_hooks.chart.versions.convert import VERSIONS
from tests.cds_hooks.chart.versions.validity import VALIDATED, problem_of

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FIXTURES = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((Path(__file__).parent / "fixtures").iterdir())
}
WITHOUT = {("adverse_event", "DSTU2"), ("research_subject", "DSTU2")}
"""Resources a version does not have."""
PLACES = [(name, version) for name in FIXTURES for version in VERSIONS if (name, version) not in WITHOUT]

each_fixture = pytest.mark.parametrize(("name", "version"), PLACES, ids=lambda part: part)


def resources_of(name: str, version: str) -> list[dict[str, Any]]:
    content = FIXTURES[name][version]
    return content if isinstance(content, list) else [content]


def shown(value: Any) -> Any:
    """Return a value of a fact as the fixtures write it."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return len(value)
    return value if value is None or type(value) in (bool, int, float) else str(value)


def check(found: Iterable[Any], expected: list[dict[str, Any]]) -> None:
    """Compare the attributes a fixture names."""
    rows = list(found)
    assert len(rows) == len(expected)
    for fact, attributes in zip(rows, expected, strict=True):
        of_fact = {name: shown(getattr(fact, name)) for name in attributes}
        for name in ("kind", "reference"):
            if name in of_fact:
                of_fact[name] = of_fact[name].replace("MedicationOrder", "MedicationRequest")
        assert of_fact == attributes


@each_fixture
def test_the_chart_says_the_same(name: str, version: str, reader: Reader) -> None:
    resources = resources_of(name, version)
    chart = build_chart(
        reader, now=NOW, hook="order-sign", patient_id="p1", drafts=(), resources=resources, gaps={}
    )  # fmt: skip
    assert not chart.dropped
    assert not chart.gaps
    order = resources[-1]
    for subject, expected in FIXTURES[name]["expected"].items():
        match subject:
            case "patient":
                check([chart.patient], [expected])
            case "medications":
                check(chart.medications(*reader.knowledge.drugs), expected)
            case "conditions":
                check(chart.conditions(*reader.knowledge.code_sets, active=False), expected)
            case "procedures":
                check(chart.procedures(*reader.knowledge.code_sets), expected)
            case "reactions":
                check(chart.reactions(), expected)
            case "research_subjects":
                check(chart.research_subjects(), expected)
            case "results":
                for analyte in reader.knowledge.analytes:
                    check(chart.results(analyte), expected.get(analyte, []))
            case "dose":
                check([read_dose(order, strength_mg=None)], [expected])
            case "supply":
                check([read_supply(order)], [expected])
            case "strength_mg":
                drafts = read_drafts(resources, reader.drugs, patient_id="p1", selections=None)
                assert [draft.strength_mg for draft in drafts] == [expected]
            case _:
                pytest.fail(f"unknown subject {subject}")


@pytest.mark.parametrize(("name", "version"), [place for place in PLACES if place[1] in VALIDATED])
def test_the_fixture_is_valid(name: str, version: str) -> None:
    """fhir.resources has no DSTU2; R4 is held against R4B, which changed none of these resources."""
    assert [problem for one in resources_of(name, version) if (problem := problem_of(one, version))] == []


def test_every_type_and_version_is_there() -> None:
    kinds = {one["resourceType"] for name, version in PLACES for one in resources_of(name, version)}
    assert kinds >= {
        "Patient", "Observation", "MedicationRequest", "MedicationOrder", "MedicationStatement", "MedicationDispense",
        "MedicationAdministration", "Medication", "Condition", "Procedure", "AllergyIntolerance", "AdverseEvent",
        "ResearchSubject",
    }  # fmt: skip
    assert not ORDER_TYPES.isdisjoint(kinds)
