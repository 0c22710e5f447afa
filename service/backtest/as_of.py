"""What the chart held at an earlier instant, as far as records of today tell.

A record of today has today's status: an order that ran when the next one was signed is `completed` now. So what came
later is left out, and a status that only later events explain is taken back. What cannot be told from the record is
decided in one way for all, and stated:

* an order or statement that ended, without a date of its end, counts from its own date like a completed one;
* a condition that resolved, without a date of its resolution, stays resolved;
* problems, procedures, allergies and study participations without any date count as always known; results, orders,
  dispenses and administrations without a date are left out, for nothing says whether they came before the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text
from cds_hooks.chart.when import When, first_when, parse_when, period_end, period_start

_KNOWN_SINCE = {
    "Observation": ("issued", "effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "MedicationRequest": ("authoredOn", "dateWritten"),
    "MedicationOrder": ("dateWritten", "authoredOn"),
    "MedicationStatement": ("dateAsserted", "effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared", "recorded"),
    "MedicationAdministration": (
        "effectiveDateTime", "effectivePeriod", "effectiveTimeDateTime", "effectiveTimePeriod",
        "occurenceDateTime", "occurencePeriod", "occurrenceDateTime", "occurrencePeriod",
    ),
    "Condition": ("recordedDate", "dateRecorded", "assertedDate", "onsetDateTime", "onsetPeriod"),
    "Procedure": ("performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod", "recorded"),
    "AllergyIntolerance": ("recordedDate", "assertedDate", "onset", "onsetDateTime"),
    "AdverseEvent": ("recordedDate", "detected", "date", "occurrenceDateTime", "occurrencePeriod"),
    "ResearchSubject": ("period",),
}  # fmt: skip
_DATE_NEEDED = frozenset(
    {"Observation", "MedicationRequest", "MedicationOrder", "MedicationDispense", "MedicationAdministration"}
)
_ORDERS = frozenset({"MedicationRequest", "MedicationOrder"})
_OVER = frozenset({"completed", "stopped", "ended", "on-hold"})


@dataclass(frozen=True, slots=True)
class Dated:
    """A record with the instant since which it was known, None when it bears no date."""

    resource: Resource
    since: datetime | None


def dated(resources: Iterable[Resource]) -> tuple[Dated, ...]:
    """Date every record once, for all orders of the patient."""
    return tuple(Dated(resource, known_since(resource)) for resource in resources)


def known_since(resource: Resource) -> datetime | None:
    """Return the instant since which a record was known: that of its recording, else of what it records.

    A date without a time counts from the beginning of its day; None when there is no date.
    """
    kind = as_text(resource.get("resourceType"))
    for field in _KNOWN_SINCE.get(kind, ()):
        value = resource.get(field)
        when = (period_start(value) or period_end(value)) if isinstance(value, Mapping) else parse_when(value)
        if when is not None:
            return when.start
    return None


def as_of(records: Iterable[Dated], instant: datetime) -> list[Resource]:
    """Return the records as the chart held them at an instant.

    Args:
        records: all records of one patient.
        instant: the instant; what was recorded at the very instant is known.
    """
    known = []
    for record in records:
        kind = as_text(record.resource.get("resourceType"))
        if record.since is None:
            if kind in _DATE_NEEDED:
                continue
        elif record.since > instant:
            continue
        known.append(_taken_back(record.resource, kind, instant))
    return known


def _taken_back(resource: Resource, kind: str, instant: datetime) -> Resource:
    """Return a record with the status it had at an instant, as far as that can be told."""
    if kind in _ORDERS:
        return _order(resource, instant)
    if kind == "Condition":
        return _condition(resource, instant)
    if kind == "MedicationStatement" and as_text(resource.get("status")) in _OVER:
        end = period_end(resource.get("effectivePeriod"))
        return {**resource, "status": "active"} if _is_later(end, instant) else resource
    if kind == "ResearchSubject" and _is_later(period_end(resource.get("period")), instant):
        return {**resource, "status": "on-study", "period": {"start": as_mapping(resource["period"]).get("start")}}
    return resource


def _order(resource: Resource, instant: datetime) -> Resource:
    if as_text(resource.get("status")) not in _OVER:
        return resource
    changed = parse_when(resource.get("statusChanged"))
    if changed is not None:
        return {**resource, "status": "active"} if changed.start > instant else resource
    end = _end_of_order(resource)
    if end is None:
        return {**resource, "status": "completed"}
    return {**resource, "status": "active"} if _is_later(end, instant) else resource


def _end_of_order(resource: Resource) -> When | None:
    """Return when an order ended by its own words: bounds of its directions, else the validity of its supply."""
    bounds = [
        period_end(as_mapping(as_mapping(as_mapping(row).get("timing")).get("repeat")).get("boundsPeriod"))
        for row in as_list(resource.get("dosageInstruction"))
    ]
    known = [end for end in bounds if end is not None]
    if known:
        return max(known, key=lambda end: end.end)
    return period_end(as_mapping(resource.get("dispenseRequest")).get("validityPeriod"))


def _condition(resource: Resource, instant: datetime) -> Resource:
    """Take back a resolution that came later."""
    abated = first_when(resource, "abatementDateTime", "abatementPeriod")
    if abated is None or not _is_later(abated, instant):
        return resource
    kept: dict[str, Any] = {name: value for name, value in resource.items() if not name.startswith("abatement")}
    return {**kept, "clinicalStatus": {"coding": [{"code": "active"}]}}


def _is_later(when: When | None, instant: datetime) -> bool:
    return when is not None and when.end > instant
