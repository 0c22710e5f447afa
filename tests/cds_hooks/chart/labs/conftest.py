"""Observations to order, and the shipped knowledge to read them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

import cds_hooks.knowledge
from cds_hooks.chart.labs import LabResult, read_results
from cds_hooks.chart.units import UnitTable
from cds_hooks.knowledge.terminology import Analyte, AnalyteFile, QualitativeFile, UnitFile
from cds_hooks.knowledge.yaml_document import read_yaml

FOLDER = Path(cds_hooks.knowledge.__file__).parent
NOW = datetime(2025, 6, 20, 12, 0, tzinfo=UTC)

Results = Mapping[str, tuple[LabResult, ...]]


@cache
def knowledge() -> tuple[Mapping[str, Analyte], UnitTable, QualitativeFile]:
    def load(name: str, shape: Any) -> Any:
        return msgspec.convert(read_yaml(FOLDER / name, name).content, shape)

    return (
        load("analytes.yaml", AnalyteFile).analytes,
        UnitTable(load("units.yaml", UnitFile).groups),
        load("qualitative_results.yaml", QualitativeFile),
    )


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def read() -> Callable[..., Results]:
    """Read Observations with the shipped knowledge."""

    def read_them(*observations: Any, now: datetime = NOW) -> Results:
        return read_results(observations, *knowledge(), now=now, hcg_negative_below=5, hcg_positive_from=25)

    return read_them


@pytest.fixture(scope="session")
def one(read: Callable[..., Results]) -> Callable[..., LabResult]:
    """Read Observations of which exactly one result comes."""

    def read_one(*observations: Any) -> LabResult:
        found = [result for results in read(*observations).values() for result in results]
        assert len(found) == 1, found
        return found[0]

    return read_one


@pytest.fixture(scope="session")
def obs() -> Callable[..., dict[str, Any]]:
    """Build an Observation: LOINC code, value and unit (or any `value...` field), and whatever else."""
    numbers = count(1)

    def build(code: str, value: Any = None, unit: str | None = None, /, **fields: Any) -> dict[str, Any]:
        resource: dict[str, Any] = {
            "resourceType": "Observation",
            "id": f"o{next(numbers)}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "effectiveDateTime": "2025-06-19T08:00:00Z",
        }
        if value is not None:
            resource["valueQuantity"] = {"value": value} | ({} if unit is None else {"unit": unit})
        resource.update(fields)
        return {key: content for key, content in resource.items() if content is not None}

    return build
