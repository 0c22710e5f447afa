"""The CapabilityStatement, written from the same table that searching uses."""

from service.sandbox.outcome import Resource
from service.sandbox.search_parameters import SEARCH_PARAMETERS, SearchParameter

_CHANGED = "2026-11-23"
"""The day on which the abilities below last changed."""


def capability_statement(base_url: str) -> Resource:
    """Return what the sandbox at `base_url` can do."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _CHANGED,
        "kind": "instance",
        "software": {"name": "lenalidomide-cds sandbox"},
        "implementation": {"description": "Invented patients for demonstrations and tests", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": True},
                "resource": [_resource(kind, list(table.values())) for kind, table in SEARCH_PARAMETERS.items()],
                "interaction": [{"code": "batch", "documentation": "GET requests only"}],
            }
        ],
    }


def _resource(resource_type: str, parameters: list[SearchParameter]) -> Resource:
    includes = [f"{resource_type}:{parameter.name}" for parameter in parameters if parameter.type == "reference"]
    described: Resource = {
        "type": resource_type,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": parameter.name, "type": parameter.type} for parameter in parameters],
    }
    return {**described, "searchInclude": includes} if includes else described
