"""Which Medication resources have to be read because records only refer to them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from cds_hooks.chart.fhir import Resource, as_text, reference_id
from cds_hooks.chart.medications import MEDICATION_TYPES, ORDER_TYPES, medication_of, medications_by_id


def missing_medications(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Return the references to Medications that are not among the resources, each once, those of orders first."""
    resources = tuple(resources)
    known = medications_by_id(resources)
    records = [one for one in resources if as_text(one.get("resourceType")) in MEDICATION_TYPES]
    records.sort(key=lambda record: as_text(record.get("resourceType")) not in ORDER_TYPES)
    references = (medication_of(record, known).reference for record in records)
    return tuple(dict.fromkeys(reference for reference in references if medication_address(reference)))


def medication_address(reference: str) -> str:
    """Return where the Medication of a reference is read.

    Args:
        reference: `Medication/id`, an absolute URL ending so, with or without `/_history/…`.

    Returns:
        A URL, absolute or relative to the base of the server; "" when the reference leads to no Medication of a
        server (contained, `urn:`, another resource type).
    """
    identity = reference_id(reference, "Medication")
    if identity in ("", ".", "..") or reference.startswith("urn:"):
        return ""
    # An id is all that is taken from the last segment, so that a reference cannot smuggle in a query.
    path = f"Medication/{quote(identity, safe='')}"
    if "://" not in reference:
        return path
    before, _, _ = reference.rpartition("/Medication/")
    return f"{before}/{path}"
