"""Whether a resource is valid in a version, as far as fhir.resources knows it (it has no DSTU2)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import ValidationError

_PACKAGES = {"R5": "fhir.resources", "R4B": "fhir.resources.R4B", "STU3": "fhir.resources.STU3"}

VALIDATED = tuple(_PACKAGES)


def problem_of(resource: dict[str, Any], version: str) -> str:
    """Return what is wrong with a resource; "" when it is valid."""
    kind = resource["resourceType"]
    model = getattr(import_module(f"{_PACKAGES[version]}.{kind.lower()}"), kind)
    try:
        model.model_validate(resource)
    except ValidationError as error:
        return f"{kind}/{resource.get('id')}: {error.errors(include_url=False, include_input=False)}"
    return ""
