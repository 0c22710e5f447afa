"""The CDS services this program offers, as discovery lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.data_needs import DataNeed

SPECIFICATION_VERSION = "2.0.1"
"""Version of CDS Hooks implemented (discovery member `version`, harmless to 2.0 clients)."""


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service."""

    id: str
    hook: str
    title: str
    description: str


SERVICES: Mapping[str, Service] = {
    service.id: service
    for service in (
        Service(
            "lenalidomide-order-sign",
            "order-sign",
            "Lenalidomide order check",
            "Checks orders for lenalidomide, its analogues and drugs that interact with them against pregnancy tests, "
            "renal function, blood counts, liver and thyroid tests, other medications and conditions, when the order "
            "is signed.",
        ),
        Service(
            "lenalidomide-order-select",
            "order-select",
            "Lenalidomide order check while selecting",
            "The same check when the order is selected; questions of dose stay quiet until a dose is entered.",
        ),
    )
}

_USAGE = (
    "Send the prefetch or grant read access to Patient, Observation, MedicationRequest, MedicationStatement, "
    "MedicationDispense, MedicationAdministration, Medication, Condition, Procedure, AllergyIntolerance, AdverseEvent "
    "and ResearchSubject. Decision support for licensed clinicians."
)


def discovery(needs: Mapping[str, DataNeed]) -> dict[str, Any]:
    """Return the body of `GET /cds-services`.

    Args:
        needs: the data needs, which become the prefetch templates.
    """
    prefetch = {key: need.template() for key, need in needs.items()}
    return {
        "services": [
            {
                "hook": service.hook,
                "title": service.title,
                "description": service.description,
                "id": service.id,
                "prefetch": prefetch,
                "usageRequirements": _USAGE,
                "version": SPECIFICATION_VERSION,
            }
            for service in SERVICES.values()
        ]
    }
