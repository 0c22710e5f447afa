"""Judging the orders of one patient, each as the service would have judged it on the day it was signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from cds_hooks.chart.fhir import Resource, as_mapping, as_text, reference_id, reference_of
from cds_hooks.chart.medications import ORDER_TYPES, medication_of
from cds_hooks.chart.orders import Relevance, relevance
from cds_hooks.chart.when import When, parse_when
from cds_hooks.protocol.request import parse_request
from service.auth.clients import Client
from service.backtest.as_of import Dated, as_of, dated
from service.fhir.deadline import Deadline
from service.order_check import Answer, OrderCheck, PatientUnobtainableError

_NOT_SIGNED = frozenset({"draft", "entered-in-error", "cancelled", "unknown"})
_NOT_AN_ORDER = frozenset({"proposal", "plan", "option"})
_UNLIMITED = Deadline(10**9)
_END_OF_DAY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Signing:
    """Orders that one clinician signed at one instant for one patient: one call of the hook.

    Attributes:
        time: when, as recorded; the last second of the day where only the day is.
        clinician: reference of the requester, "" when not recorded.
        orders: the orders.
    """

    time: datetime
    clinician: str
    orders: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one signing brings.

    Attributes:
        time: when it was signed.
        clinician: reference of the requester, "" when not recorded.
        orders: `Type/id` of the orders signed together.
        outcome: as in the audit row: `irrelevant`, `no-cards`, `cards`, `patient-missing`, `partner-inactive`; or
            `failed` when the judgement raised.
        topics: topic → indicator of every card.
        against: the same under the other knowledge, None when there is none.
    """

    time: datetime
    clinician: str
    orders: tuple[str, ...]
    outcome: str
    topics: Mapping[str, str]
    against: Mapping[str, str] | None = None


def signings(resources: Iterable[Resource]) -> tuple[Signing, ...]:
    """Return the signings among the records of one patient, earliest first; orders without a date are none."""
    groups: dict[tuple[str, str], tuple[When, list[Resource]]] = {}
    for resource in resources:
        if resource.get("resourceType") not in ORDER_TYPES or resource.get("doNotPerform") is True:
            continue
        if as_text(resource.get("status")) in _NOT_SIGNED or as_text(resource.get("intent")) in _NOT_AN_ORDER:
            continue
        text = as_text(resource.get("authoredOn")) or as_text(resource.get("dateWritten"))
        if (when := parse_when(text)) is not None:
            groups.setdefault((text, _clinician(resource)), (when, []))[1].append(resource)
    found = [
        Signing(when.start if when.has_time else when.end - _END_OF_DAY, clinician, tuple(orders))
        for (_, clinician), (when, orders) in groups.items()
    ]
    return tuple(sorted(found, key=lambda signing: (signing.time, signing.clinician)))


def _clinician(order: Resource) -> str:
    requester = order.get("requester") or order.get("prescriber")
    agent = as_mapping(requester).get("agent")
    return as_text(as_mapping(agent or requester).get("reference"))


def judge_patient(
    patient_id: str,
    resources: Sequence[Resource],
    medications: Mapping[str, Resource],
    check: OrderCheck,
    against: OrderCheck | None,
    client: Client,
) -> Iterator[Judged]:
    """Judge every signing of a patient.

    Args:
        patient_id: logical id of the Patient.
        resources: all records of the patient.
        medications: Medication resources by id.
        check: the order check with the present knowledge.
        against: the order check with the other knowledge, None when there is none.
        client: profile and switches to judge with.
    """
    records: tuple[Dated, ...] | None = None
    for signing in signings(resources):
        drafts = [_with_medication(order, medications) for order in signing.orders]
        body = _envelope(patient_id, signing, drafts)
        kept = (signing.time, signing.clinician, tuple(map(reference_of, signing.orders)))
        if not any(_concerns(one, body) for one in (check, against) if one is not None):
            yield Judged(*kept, "irrelevant", {}, None if against is None else {})
            continue
        records = dated(resources) if records is None else records
        body["prefetch"] = _prefetch(check, as_of(records, signing.time), medications)
        outcome, topics = _judge(check, body, signing.time, client)
        yield Judged(
            *kept, outcome, topics, None if against is None else _judge(against, body, signing.time, client)[1]
        )


def _with_medication(order: Resource, medications: Mapping[str, Resource]) -> Resource:
    """Return an order as a draft, its referenced Medication inside it."""
    draft: dict[str, Any] = {**order, "status": "draft"}
    identity = reference_id(medication_of(order, {}).reference, "Medication")
    if identity in medications and not as_text(identity).startswith("#"):
        draft["contained"] = [*(order.get("contained") or []), medications[identity]]
    return draft


def _envelope(patient_id: str, signing: Signing, drafts: Sequence[Resource]) -> dict[str, Any]:
    return {
        "hook": "order-sign",
        "hookInstance": "backtest",
        "context": {
            "patientId": patient_id,
            "userId": signing.clinician,
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft} for draft in drafts]},
        },
    }


def _concerns(check: OrderCheck, body: Mapping[str, Any]) -> bool:
    """Whether the orders concern this knowledge at all, before anything of the chart is looked at."""
    drafts = check.drafts(parse_request(orjson.dumps(body)), {})
    return relevance(drafts, check.reader.drugs) is not Relevance.NO


def _prefetch(check: OrderCheck, resources: Sequence[Resource], medications: Mapping[str, Resource]) -> dict[str, Any]:
    """Return everything that was known as a complete prefetch: what is not in the records does not exist."""
    by_type: dict[str, list[Resource]] = {}
    for resource in resources:
        by_type.setdefault(as_text(resource.get("resourceType")), []).append(resource)
    used = [medications[identity] for one in resources if (identity := _medication_id(one)) in medications]
    prefetch: dict[str, Any] = {}
    for need in check.reader.needs.values():
        if need.is_read:
            prefetch[need.key] = next(iter(by_type.get("Patient", ())), None)
        else:
            prefetch[need.key] = _bundle(by_type.pop(need.resource_type, ()))
    rest = [one for kind, several in by_type.items() if kind != "Patient" for one in several]
    prefetch["others"] = _bundle((*rest, *used))
    return prefetch


def _medication_id(resource: Resource) -> str:
    return reference_id(medication_of(resource, {}).reference, "Medication")


def _bundle(resources: Sequence[Resource]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def _judge(check: OrderCheck, body: Mapping[str, Any], now: datetime, client: Client) -> tuple[str, Mapping[str, str]]:
    try:
        answer: Answer = check.answer(parse_request(orjson.dumps(body)), client, now=now, deadline=_UNLIMITED)
    except PatientUnobtainableError:
        return "patient-missing", {}
    except Exception:  # noqa: BLE001  one odd record must not end a run of hours; it is counted and reported
        return "failed", {}
    return answer.outcome, answer.topics
