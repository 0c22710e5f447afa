"""The resources a sandbox serves, in memory and read-only."""

import json
from collections.abc import Iterable, Sequence

from service.sandbox.outcome import FhirError, Resource
from service.sandbox.search_parameters import SEARCH_PARAMETERS


class ResourceStore:
    """Resources by type and id. It keeps its own copies, so that nobody can change them from outside.

    Args:
        resources: FHIR resources in JSON form.

    Raises:
        ValueError: a resource has no id, is there twice, or is of a type the sandbox does not serve.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_type: dict[str, dict[str, Resource]] = {kind: {} for kind in SEARCH_PARAMETERS}
        for resource in resources:
            kind, logical_id = resource.get("resourceType"), resource.get("id")
            if kind not in self._by_type:
                raise ValueError(f"the sandbox does not serve resources of type {kind}")
            if not isinstance(logical_id, str) or not logical_id:
                raise ValueError(f"a {kind} without id cannot be served")
            if logical_id in self._by_type[kind]:
                raise ValueError(f"{kind}/{logical_id} is there twice")
            self._by_type[kind][logical_id] = json.loads(json.dumps(resource))

    def all(self, resource_type: str) -> Sequence[Resource]:
        """Return every resource of a type, in the order they were given.

        Raises:
            FhirError: the type is not served (404).
        """
        return tuple(self._of(resource_type).values())

    def read(self, resource_type: str, logical_id: str) -> Resource:
        """Return one resource.

        Raises:
            FhirError: there is none, or the type is not served (404).
        """
        resource = self._of(resource_type).get(logical_id)
        if resource is None:
            raise FhirError(404, "not-found", f"There is no {resource_type}/{logical_id}")
        return resource

    def find(self, reference: str) -> Resource | None:
        """Return the resource that a relative reference `Type/id` points to, or None."""
        kind, _, logical_id = reference.partition("/")
        return self._by_type.get(kind, {}).get(logical_id)

    def _of(self, resource_type: str) -> dict[str, Resource]:
        if resource_type not in self._by_type:
            raise FhirError(404, "not-supported", f"Resource type '{resource_type}' is not served here")
        return self._by_type[resource_type]
