"""The hook request an EHR would send for a sandbox patient."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from service.sandbox.patients import SandboxPatient

PRESCRIBER = "Practitioner/sandbox-prescriber"

_TOKEN = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


def hook_request(
    patient: SandboxPatient,
    *,
    hook: str,
    fhir_server: str | None,
    prefetch: Mapping[str, Any] | None,
    hook_instance: str,
    access_token: str | None = None,
) -> dict[str, Any]:
    """Return the body of a CDS Hooks 2.0 request for the draft orders of a patient.

    Args:
        patient: whose orders are signed.
        hook: `order-sign`, or `order-select`, which has all drafts selected.
        fhir_server: base URL of the sandbox, or None to offer no FHIR server.
        prefetch: prefetched data by key, or None to leave the field out.
        hook_instance: UUID of this invocation.
        access_token: token of the sandbox, passed on as `fhirAuthorization`; needs `fhir_server`.

    Raises:
        ValueError: an unknown hook, or a token without a FHIR server.
    """
    if hook not in ("order-sign", "order-select"):
        raise ValueError(f"the sandbox has no requests for the hook '{hook}'")
    if access_token is not None and fhir_server is None:
        raise ValueError("an access token is of no use without a FHIR server")
    context: dict[str, Any] = {"userId": PRESCRIBER, "patientId": patient.id}
    if hook == "order-select":
        context["selections"] = [f"{order['resourceType']}/{order['id']}" for order in patient.draft_orders]
    context["draftOrders"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": order} for order in patient.draft_orders],
    }
    body: dict[str, Any] = {"hook": hook, "hookInstance": hook_instance, "context": context}
    if fhir_server is not None:
        body["fhirServer"] = fhir_server
    if access_token is not None:
        body["fhirAuthorization"] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs",
            "subject": "lenalidomide-cds",
            "patient": patient.id,
        }
    if prefetch is not None:
        body["prefetch"] = dict(prefetch)
    return body


def fill_prefetch(
    templates: Mapping[str, str], patient: SandboxPatient, get: Callable[[str], Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Return what an EHR would prefetch for a patient: each template with its tokens filled in, and asked.

    Args:
        templates: prefetch templates by key, as discovery lists them.
        patient: who is in context.
        get: answers a URL relative to the base of the FHIR server.

    Raises:
        ValueError: a template has a token other than `context.patientId` and `context.userId`.
    """
    values = {"context.patientId": patient.id, "context.userId": PRESCRIBER}

    def value(token: re.Match[str]) -> str:
        if token[1] not in values:
            raise ValueError(f"the sandbox cannot fill in '{token[1]}'")
        return values[token[1]]

    return {key: get(_TOKEN.sub(value, template)) for key, template in templates.items()}
