"""The category of a procedure tells an operation, whatever code its procedure has."""

from __future__ import annotations

import pytest

from cds_hooks.chart.code_sets import CodeSetIndex
from cds_hooks.chart.conditions import read_procedures
from cds_hooks.knowledge.loader import load_knowledge

INDEX = CodeSetIndex(load_knowledge().code_sets)


@pytest.mark.parametrize(
    ("category", "found"),
    [
        ({"text": "Surgical procedure"}, True),
        ({"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "Surgical procedure"}]}, True),
        ([{"text": "Surgical history"}], True),
        ({"text": "Diagnostic procedure"}, False),
        ({"text": "no surgery"}, False),
        (None, False),
        ("surgery", False),
    ],
)
def test_category(category: object, found: bool) -> None:
    procedure = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "52734007"}]},
        "category": category,
    }
    (fact,) = read_procedures([procedure], INDEX)
    assert ("surgery" in fact.sets) is found
