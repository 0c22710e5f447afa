"""Medication orders, statements, dispenses and administrations: which drug, since when, still in use?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds_hooks.chart.drugs import DrugIndex, DrugMatch, MatchBasis
from cds_hooks.chart.fhir import (
    Resource,
    as_list,
    as_mapping,
    as_text,
    concept_text,
    reference_id,
    reference_of,
)
from cds_hooks.chart.medication_status import medication_status
from cds_hooks.chart.when import When, first_when, parse_when, period_end

ORDER_TYPES = frozenset({"MedicationRequest", "MedicationOrder", "MedicationPrescription"})
STATEMENT_TYPES = frozenset({"MedicationStatement", "MedicationUsage"})
MEDICATION_TYPES = ORDER_TYPES | STATEMENT_TYPES | {"MedicationDispense", "MedicationAdministration"}

_DATE_FIELDS = {
    "MedicationRequest": ("authoredOn", "dateWritten"),
    "MedicationOrder": ("dateWritten", "authoredOn"),
    "MedicationPrescription": ("dateWritten",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "MedicationUsage": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared", "recorded"),
    "MedicationAdministration": (
        "effectiveDateTime", "effectivePeriod", "effectiveTimeDateTime", "effectiveTimePeriod",
        "occurenceDateTime", "occurencePeriod", "occurrenceDateTime", "occurrencePeriod",
    ),
}  # fmt: skip
_TIMING_FIELDS = ("effectiveTiming", "occurenceTiming", "occurrenceTiming")
_ROUTE_FIELDS = ("route", "site", "siteCodeableConcept", "method")
_NEVER_IN_USE = frozenset(
    {"entered-in-error", "cancelled", "draft", "not-taken", "not-done", "preparation", "declined"}
)


@dataclass(frozen=True, slots=True)
class MedicationReference:
    """Where an order's drug is to be found.

    Attributes:
        concept: the drug itself: a CodeableConcept or a Medication resource; None when only referenced.
        reference: the reference that could not be followed yet, "" when there is none.
        display: display text of the reference.
    """

    concept: Any
    reference: str
    display: str


def medication_of(order: Resource, medications: Mapping[str, Resource]) -> MedicationReference:
    """Find the drug of an order: inline concept, then the referenced Medication among `medications` or contained.

    Args:
        order: MedicationRequest or a sibling type, of any FHIR version.
        medications: Medication resources by id (Bundle siblings, prefetch, FHIR server).
    """
    r5 = as_mapping(order.get("medication"))
    concept = as_mapping(order.get("medicationCodeableConcept")) or as_mapping(r5.get("concept"))
    if not concept and ("coding" in r5 or "text" in r5):
        concept = r5
    reference = as_mapping(order.get("medicationReference")) or (
        as_mapping(r5.get("reference")) if isinstance(r5.get("reference"), Mapping) else r5 if "reference" in r5 else {}
    )
    display = as_text(reference.get("display"))
    if concept:
        return MedicationReference(concept, "", display)
    target = as_text(reference.get("reference"))
    identity = reference_id(reference, "Medication")
    if identity and identity in medications:
        return MedicationReference(medications[identity], "", display)
    contained = [as_mapping(one) for one in as_list(order.get("contained"))]
    for one in contained:
        if one.get("resourceType") == "Medication" and as_text(one.get("id")) in (target.removeprefix("#"), identity):
            return MedicationReference(one, "", display)
    if not target and (only := [one for one in contained if one.get("resourceType") == "Medication"]):
        return MedicationReference(only[0], "", display)
    return MedicationReference(None, target, display)


def route_and_form(order: Resource, concept: Any) -> str:
    """Return the words for route, site and dose form, which tell an eye drop from a tablet."""
    words = [concept_text(as_mapping(concept).get(field)) for field in ("form", "doseForm")]
    for row in (*as_list(order.get("dosageInstruction")), *as_list(order.get("dosage"))):
        words += [concept_text(as_mapping(row).get(field)) for field in _ROUTE_FIELDS]
    return " ".join(filter(None, words))


def identify_medication(
    order: Resource, index: DrugIndex, medications: Mapping[str, Resource]
) -> tuple[DrugMatch, bool]:
    """Identify an order's drug.

    Returns:
        The match, and whether the drug stayed unknown because a bare reference could not be followed and its
        display text says nothing.
    """
    return match_medication(order, medication_of(order, medications), index)


def match_medication(order: Resource, found: MedicationReference, index: DrugIndex) -> tuple[DrugMatch, bool]:
    """Identify the drug that was found for an order; returns what `identify_medication` does."""
    if found.concept is None and not found.display:
        return NO_MATCH, bool(found.reference)
    concept = {"text": found.display} if found.concept is None else found.concept
    match = index.identify(concept)
    if index.depends_on_form(match.drugs):
        match = index.identify(concept, route_and_form=route_and_form(order, found.concept))
    return match, False


NO_MATCH = DrugMatch(frozenset(), MatchBasis.NONE, None, "")


@dataclass(frozen=True, slots=True)
class MedicationFact:
    """One record of a drug in the chart, or a draft of the present call.

    Attributes:
        drugs: drug keys of the knowledge.
        by_name: whether only the display text identified it.
        text: the drug as the record names it.
        kind: FHIR resource type.
        status: FHIR status as R4 says it, "" when missing; see `medication_status`.
        when: date of the order, handing over, administration or start of use.
        end: end of the use or of the supply where recorded.
        is_draft: a draft of the present call.
        reference: `Type/id`.
        resource: the record as received.
        strength_mg: content of one unit in mg where the drug's code says it.
    """

    drugs: frozenset[str]
    by_name: bool
    text: str
    kind: str
    status: str
    when: When | None
    end: When | None
    is_draft: bool
    reference: str
    resource: Resource
    strength_mg: float | None = None

    def is_active(self, now: datetime, days: int) -> bool:
        """Whether the drug counts as in use (`topics.md` section 1).

        Active order or statement; or any order, dispense or administration of the last `days` days that was not
        stopped, cancelled or entered in error; or a draft of this call.
        """
        if self.is_draft:
            return True
        if self.status in ("active", "on-hold") and self.kind in ORDER_TYPES:
            return True
        if self.status in ("active", "intended") and self.kind in STATEMENT_TYPES:
            return True
        if self.status == "recorded" and self.kind in STATEMENT_TYPES and not self._has_ended(now):
            return True
        return self.status != "stopped" and self.is_within(now, days)

    def _has_ended(self, now: datetime) -> bool:
        """Whether the use ended before the day of `now`; for R5, whose status "recorded" says nothing of it."""
        return self.end is not None and self.end.last_day < now.astimezone(UTC).date()

    def is_within(self, now: datetime, days: int) -> bool:
        """Whether the record, whatever became of it since, falls into the last `days` calendar days."""
        if self.when is None or self.status in _NEVER_IN_USE:
            return False
        last = max(self.when.last_day, self.end.last_day) if self.end else self.when.last_day
        return not self.when.is_future(now) and (now.astimezone(UTC).date() - last).days <= days


def read_medications(
    resources: Iterable[Resource], index: DrugIndex, *, draft_ids: frozenset[str]
) -> tuple[tuple[MedicationFact, ...], frozenset[str]]:
    """Read every medication record whose drug the knowledge knows.

    Args:
        resources: any resources; Medication resources among them resolve references.
        index: drug identification.
        draft_ids: ids of the drafts of this call: the same order, if already stored, is not history.

    Returns:
        The facts, newest first, those without a date last; and the resource types of records whose drug could not be
        known, because they only refer to a Medication that nobody sent and carry no display text.
    """
    resources = list(resources)
    medications = medications_by_id(resources)
    facts, unknown = [], set[str]()
    for resource in resources:
        kind = as_text(resource.get("resourceType"))
        if kind not in MEDICATION_TYPES or resource.get("doNotPerform") is True:
            continue
        if kind in ORDER_TYPES and as_text(resource.get("id")) in draft_ids:
            continue
        if medication_status(resource) in _NEVER_IN_USE:
            continue
        match, is_unknown = identify_medication(resource, index, medications)
        if is_unknown:
            unknown.add(kind)
        elif match.drugs:
            facts.append(medication_fact(resource, match, is_draft=False))
    return tuple(sorted(facts, key=_moment, reverse=True)), frozenset(unknown)


def _moment(fact: MedicationFact) -> float:
    return fact.when.start.timestamp() if fact.when else float("-inf")


def medication_fact(resource: Resource, match: DrugMatch, *, is_draft: bool) -> MedicationFact:
    """Build the fact of one record whose drug is identified."""
    kind = as_text(resource.get("resourceType"))
    fields = [field for field in _DATE_FIELDS.get(kind, ()) if field in resource]
    starts = [period.get("start") for field in fields if (period := as_mapping(resource.get(field)))]
    when = next(filter(None, map(parse_when, starts)), None) or first_when(resource, *fields)
    ends = [period_end(resource.get(field)) for field in fields]
    if kind == "MedicationOrder":
        ends.append(parse_when(resource.get("dateEnded")))
    for field in _TIMING_FIELDS:
        if field in resource:
            times = _timing_whens(resource[field])
            when, ends = when or next(iter(times), None), [*ends, *times[-1:]]
    for row in as_list(resource.get("dosageInstruction")):
        repeat = as_mapping(as_mapping(as_mapping(row).get("timing")).get("repeat"))
        ends.append(period_end(repeat.get("boundsPeriod")))
    known_ends = [end for end in ends if end is not None]
    return MedicationFact(
        drugs=match.drugs,
        by_name=match.basis is MatchBasis.NAME,
        text=match.text,
        kind=kind,
        status=medication_status(resource),
        when=when,
        end=max(known_ends, key=lambda end: end.end) if known_ends else None,
        is_draft=is_draft,
        reference=reference_of(resource),
        resource=resource,
        strength_mg=match.strength_mg,
    )


def _timing_whens(timing: Any) -> list[When]:
    """Return the dates a Timing names, the earliest first: its events, and the ends of its bounds."""
    events = as_mapping(timing).get("event")
    bounds = as_mapping(as_mapping(as_mapping(timing).get("repeat")).get("boundsPeriod"))
    found = [*(events if isinstance(events, list) else [events]), bounds.get("start"), bounds.get("end")]
    return sorted(filter(None, map(parse_when, found)))


def medications_by_id(resources: Iterable[Resource]) -> dict[str, Resource]:
    """Collect Medication resources by id."""
    return {
        identity: resource
        for resource in resources
        if resource.get("resourceType") == "Medication" and (identity := as_text(resource.get("id")))
    }
