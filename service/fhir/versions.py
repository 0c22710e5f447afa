"""How the searches are spelled in the versions of FHIR. The table of data needs is written for R4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cds_hooks.data_needs import DataNeed

FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One resource type in another version.

    Attributes:
        resource_type: its name there; "" where the version has no such resource.
        parameters: search parameter of R4 → its name there.
    """

    resource_type: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Version:
    """What differs from R4: spellings by R4 resource type, the media type, and how `_sort` says "descending"."""

    spellings: Mapping[str, _Spelling] = field(default_factory=dict)
    media_type: str = FHIR_JSON
    sorts_by_modifier: bool = False


_VERSIONS = {
    "R4": _Version(),
    "R4B": _Version(),
    "R5": _Version({"MedicationAdministration": _Spelling("MedicationAdministration", {"effective-time": "date"})}),
    "STU3": _Version(),
    "DSTU2": _Version(
        {
            "MedicationRequest": _Spelling("MedicationOrder", {"authoredon": "datewritten"}),
            "MedicationStatement": _Spelling("MedicationStatement", {"effective": "effectivedate"}),
            "MedicationAdministration": _Spelling("MedicationAdministration", {"effective-time": "effectivetime"}),
            "AdverseEvent": _Spelling(""),
            "ResearchSubject": _Spelling(""),
        },
        media_type="application/json+fhir",
        sorts_by_modifier=True,
    ),
}

FHIR_VERSIONS = frozenset(_VERSIONS)


def media_type(version: str) -> str:
    """Return the media type of FHIR JSON in a version."""
    return _VERSIONS[version].media_type


def spelled_for(version: str, need: DataNeed) -> DataNeed | None:
    """Return the need as a server of this version understands it.

    Args:
        version: one of `FHIR_VERSIONS`.
        need: the need as written for R4.

    Returns:
        The need, with other names where they differ; None when the version has no such resource, so that nobody can
        have recorded one.
    """
    rules = _VERSIONS[version]
    spelling = rules.spellings.get(need.resource_type, _Spelling(need.resource_type))
    if not spelling.resource_type:
        return None

    def parameter(name: str, value: str) -> tuple[str, str]:
        if name != "_sort":
            return spelling.parameters.get(name, name), value
        descending, field_name = value.startswith("-"), value.removeprefix("-")
        field_name = spelling.parameters.get(field_name, field_name)
        if descending and rules.sorts_by_modifier:
            return "_sort:desc", field_name
        return "_sort", f"-{field_name}" if descending else field_name

    _, _, included = need.include.partition(":")
    return replace(
        need,
        resource_type=spelling.resource_type,
        parameters=tuple(parameter(name, value) for name, value in need.parameters),
        date_parameter=spelling.parameters.get(need.date_parameter, need.date_parameter),
        include=f"{spelling.resource_type}:{included}" if included else "",
    )
