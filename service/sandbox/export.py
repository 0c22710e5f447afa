"""The demo patients as one Bundle, to be loaded into another FHIR server."""

from collections.abc import Iterable
from typing import Literal

from service.sandbox.outcome import Resource

BundleType = Literal["transaction", "batch"]


def load_bundle(resources: Iterable[Resource], bundle_type: BundleType = "transaction") -> Resource:
    """Return a Bundle that creates or replaces each resource under its own id when it is posted to a server.

    Args:
        resources: what is to be loaded, with ids.
        bundle_type: `transaction` for all or nothing; `batch` for servers that limit the size of transactions.
    """
    entries = []
    for resource in resources:
        place = f"{resource['resourceType']}/{resource['id']}"
        entries.append({"resource": resource, "request": {"method": "PUT", "url": place}})
    return {"resourceType": "Bundle", "type": bundle_type, "entry": entries}
