"""Running a case: through the pure evaluation, or as the request an EHR would post."""

from __future__ import annotations

import uuid
from itertools import chain
from typing import Any

from cds_hooks.cases.case import Case
from cds_hooks.cases.drafts import draft_orders, selected_drafts
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.resources import case_resources
from cds_hooks.chart.chart import Chart, Reader, build_chart
from cds_hooks.chart.medications import medications_by_id
from cds_hooks.chart.orders import read_drafts
from cds_hooks.evaluate import Evaluation, evaluate
from cds_hooks.knowledge.loader import Knowledge

_INSTANCES = uuid.UUID("6f3a0c52-6a5e-4c3d-9a51-0a3f3f8d3c11")


def case_chart(case: Case, reader: Reader) -> Chart:
    """Read a case into the chart the rules see.

    Raises:
        KnowledgeError: the case names something the knowledge does not have.
    """
    record = case_resources(case, reader.knowledge)
    resources = list(chain.from_iterable(record.values()))
    selections = frozenset(selected_drafts(case)) if case.hook == "order-select" else None
    drafts = read_drafts(
        draft_orders(case, reader.knowledge),
        reader.drugs,
        patient_id=case.patient_id,
        selections=selections,
        medications=medications_by_id(resources),
    )
    return build_chart(
        reader,
        now=NOW,
        hook=case.hook,
        patient_id=case.patient_id,
        drafts=drafts,
        resources=resources,
        gaps={**case.chart.unavailable, **case.chart.incomplete},
    )


def run_case(case: Case, reader: Reader, knowledge: Knowledge) -> Evaluation:
    """Evaluate a case without HTTP."""
    return evaluate(case_chart(case, reader), knowledge)


def hook_request(
    case: Case, knowledge: Knowledge, *, fhir_server: str | None = None, with_prefetch: bool = True
) -> dict[str, Any]:
    """Return the CDS Hooks request an EHR would post for a case.

    Every data need is prefetched: an empty Bundle where nothing is on record, an OperationOutcome where the case calls
    it unavailable, and one beside the entries where it calls it incomplete.

    Args:
        case: the case.
        knowledge: codes and data needs.
        fhir_server: base URL to name, None for none.
        with_prefetch: whether to send the prefetch; without, the service must query `fhir_server`.
    """
    context: dict[str, Any] = {
        "userId": "Practitioner/case-prescriber",
        "patientId": case.patient_id,
        "draftOrders": _bundle(draft_orders(case, knowledge)),
    }
    if case.hook == "order-select":
        context["selections"] = selected_drafts(case)
    request: dict[str, Any] = {
        "hook": case.hook,
        "hookInstance": str(uuid.uuid5(_INSTANCES, case.patient_id)),
        "context": context,
    }
    if fhir_server is not None:
        request["fhirServer"] = fhir_server
    if with_prefetch:
        record = case_resources(case, knowledge)
        request["prefetch"] = {need: _prefetched(case, need, resources) for need, resources in record.items()}
    return request


def _prefetched(case: Case, need: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    if need in case.chart.unavailable:
        return _outcome(case.chart.unavailable[need])
    if need == "patient":
        return resources[0]
    bundle = _bundle(resources)
    if need in case.chart.incomplete:
        entry = {"resource": _outcome(case.chart.incomplete[need]), "search": {"mode": "outcome"}}
        bundle["entry"] = [*bundle.get("entry", []), entry]
    return bundle


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a searchset, without `entry` when nothing was found, as servers do."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    return {**bundle, "entry": [{"resource": resource} for resource in resources]} if resources else bundle


def _outcome(why: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout", "diagnostics": why}]}
