"""Reading the prefetch: every resource in it is used, and its keys tell which searches are already answered.

Some EHRs never read the discovery document and name the keys themselves, so a resource counts whatever key it came
under. Only the keys this service published, and a client's aliases of them, say that a search need not be made again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_number, as_text, subject_id
from cds_hooks.chart.when import parse_when
from cds_hooks.data_needs import PATIENT, DataNeed


class FailureCause(StrEnum):
    """Why something could not be looked up. The value is for logs and metrics, `phrase` is for cards."""

    UNREACHABLE = "unreachable"
    NAME_UNKNOWN = "name-unknown"
    CERTIFICATE_REFUSED = "certificate-refused"
    TIMEOUT = "timeout"
    TOKEN_REFUSED = "token-refused"  # noqa: S105  the name of a cause, no secret
    NO_ACCESS_TOKEN = "no-access-token"  # noqa: S105  as above
    NOT_FOUND = "not-found"
    NOT_SUPPORTED = "not-supported"
    REJECTED = "rejected"
    RATE_LIMITED = "rate-limited"
    SERVER_ERROR = "server-error"
    BAD_ANSWER = "bad-answer"
    OPERATION_OUTCOME = "operation-outcome"
    TOO_LARGE = "too-large"
    PAGE_NOT_FOLLOWED = "page-not-followed"
    ADDRESS_NOT_ALLOWED = "address-not-allowed"
    BREAKER_OPEN = "breaker-open"
    NO_FHIR_SERVER = "no-fhir-server"

    @property
    def phrase(self) -> str:
        """The reason in words that follow "blood counts: " on a card; never an address or an id."""
        return _PHRASES[self]


_PHRASES = {
    FailureCause.UNREACHABLE: "there was no working connection to the FHIR server",
    FailureCause.NAME_UNKNOWN: "the name of the FHIR server could not be resolved",
    FailureCause.CERTIFICATE_REFUSED: "the FHIR server could not prove its identity (certificate)",
    FailureCause.TIMEOUT: "no answer arrived in the time available",
    FailureCause.TOKEN_REFUSED: "the FHIR server did not grant access",
    FailureCause.NO_ACCESS_TOKEN: "no access token for the FHIR server could be obtained",
    FailureCause.NOT_FOUND: "the record was not found",
    FailureCause.NOT_SUPPORTED: "the FHIR server does not offer this kind of record",
    FailureCause.REJECTED: "the FHIR server did not accept the query",
    FailureCause.RATE_LIMITED: "the FHIR server is limiting requests at the moment",
    FailureCause.SERVER_ERROR: "the FHIR server reported an internal error",
    FailureCause.BAD_ANSWER: "the answer could not be read",
    FailureCause.OPERATION_OUTCOME: "an error was reported in place of complete data",
    FailureCause.TOO_LARGE: "the answer was larger than this service accepts",
    FailureCause.PAGE_NOT_FOLLOWED: "only part of the records could be retrieved",
    FailureCause.ADDRESS_NOT_ALLOWED: "the records are at an address this service may not use",
    FailureCause.BREAKER_OPEN: "the FHIR server failed repeatedly and is not asked for a short while",
    FailureCause.NO_FHIR_SERVER: "the records were not sent, and there is no FHIR server to ask",
}

_SAME_DATA = {
    "MedicationRequest": frozenset({"MedicationRequest", "MedicationOrder", "MedicationPrescription"}),
    "MedicationStatement": frozenset({"MedicationStatement", "MedicationUsage"}),
}
"""Names of a resource type in the other versions of FHIR, for clients whose prefetch is of one of those."""

_HARMLESS = frozenset({"information", "warning", "success"})

_DATES = {
    "Observation": ("effectiveDateTime", "effectiveInstant"),
    "MedicationDispense": ("whenHandedOver",),
    "MedicationAdministration": ("effectiveDateTime", "effectiveTimeDateTime", "occurenceDateTime"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer to a search says, prefetched or fetched.

    Attributes:
        resources: the resources in it, in order; outcome entries and broken entries are left out.
        failed: it holds an OperationOutcome that speaks of an error, so something may be missing.
        is_search: it has the form of a search's answer: a Bundle, or the null that stands for an empty one.
        is_empty: it says that nothing exists.
        next_link: URL of the following page, "" when there is none.
    """

    resources: tuple[Resource, ...] = field(default=(), repr=False)
    failed: bool = False
    is_search: bool = False
    is_empty: bool = False
    next_link: str = field(default="", repr=False)

    def answers(self, need: DataNeed) -> bool:
        """Whether the search of this need is answered by it, be it by "none exists"."""
        if not self.is_search or self.is_empty:
            return self.is_search
        types = _SAME_DATA.get(need.resource_type, (need.resource_type,))
        return any(one["resourceType"] in types for one in self.resources)

    def passes_lookback(self, need: DataNeed, now: datetime) -> bool:
        """Whether the pages behind this one can only hold what is older than the need looks back.

        Prefetch templates cannot limit by date, so the prefetch of a long history has pages nobody needs. True only
        if every record on this page is dated, newest first, and the last lies before the limit.
        """
        fields = _DATES.get(need.resource_type, ()) if need.date_parameter else ()
        days = [_moment(one, fields) for one in self.resources if one["resourceType"] == need.resource_type]
        dated = [day for day in days if day is not None]
        if not dated or len(dated) < len(days) or any(earlier < later for earlier, later in pairwise(dated)):
            return False
        return dated[-1] < now - timedelta(days=need.lookback_days)


@dataclass(frozen=True, slots=True)
class Prefetched:
    """The prefetch of one call, read.

    Attributes:
        resources: every resource about this patient or about nobody, the Patient included, each once.
        patient: the Patient of the call, None when it was not sent.
        covered: need keys that are answered, be it by "none exists".
        failed: need key → why the EHR could not answer it. What came beside the error is among `resources`;
            asking again would fail again, so these are neither covered nor gaps.
        next_links: key of a covered need → URL of its next page.
        dropped_other_patient: resource type → number of resources left out because they are about another patient.
    """

    resources: list[Resource] = field(default_factory=list, repr=False)
    patient: Resource | None = field(default=None, repr=False)
    covered: frozenset[str] = frozenset()
    failed: Mapping[str, FailureCause] = field(default_factory=dict)
    next_links: Mapping[str, str] = field(default_factory=dict, repr=False)
    dropped_other_patient: Mapping[str, int] = field(default_factory=dict)

    def gaps(self, wanted: Iterable[DataNeed]) -> tuple[DataNeed, ...]:
        """Return the needs that still have to be queried."""
        return tuple(need for need in wanted if need.key not in self.covered and need.key not in self.failed)


def read_prefetch(
    prefetch: Mapping[str, Any] | None,
    needs: Mapping[str, DataNeed],
    *,
    patient_id: str,
    aliases: Mapping[str, str],
    now: datetime | None = None,
) -> Prefetched:
    """Read the prefetch of one call; accepts any JSON values.

    Args:
        prefetch: key → what the EHR sent; None when the request has no prefetch.
        needs: the table of data needs by key.
        patient_id: logical id of the Patient of the call.
        aliases: need key → the key this client uses for it.
        now: evaluation instant; with it, further pages that are older than a need looks back are not named.
    """
    pages = {key: read_page(value) for key, value in as_mapping(prefetch).items()}
    found = distinct(resource for page in pages.values() for resource in page.resources)
    resources, dropped = of_patient(found, patient_id)
    patient = next((one for one in resources if one["resourceType"] == "Patient"), None)
    covered: set[str] = set() if patient is None else {PATIENT}
    failed: dict[str, FailureCause] = {}
    next_links: dict[str, str] = {}
    for need in needs.values():
        if need.is_read and patient is not None:
            continue
        for key in dict.fromkeys((need.key, aliases.get(need.key, need.key))):
            page = pages.get(key)
            if page is None:
                continue
            if page.failed:
                failed[need.key] = FailureCause.OPERATION_OUTCOME
            elif need.is_read:
                # "None exists" cannot be true of the patient of the call; another Patient counts as absent.
                if page.is_empty:
                    failed[need.key] = FailureCause.NOT_FOUND
            elif page.answers(need):
                covered.add(need.key)
                if page.next_link and not (now and page.passes_lookback(need, now)):
                    next_links.setdefault(need.key, page.next_link)
    return Prefetched(
        resources=resources,
        patient=patient,
        covered=frozenset(covered - failed.keys()),
        failed=failed,
        next_links={key: link for key, link in next_links.items() if key not in failed},
        dropped_other_patient=dropped,
    )


def read_page(value: Any) -> Page:
    """Read the answer to a search, or whatever stands in its place.

    Args:
        value: a Bundle, a resource, null, or any other JSON value. Resources in a list, or in a Bundle inside the
            Bundle, are found too.
    """
    if value is None:
        return Page(is_search=True, is_empty=True)
    resources: list[Resource] = []
    outcomes: list[Mapping[str, Any]] = []
    unclear = 0
    unread: list[Any] = [value]
    while unread:
        one = unread.pop()
        if isinstance(one, list):
            unread.extend(reversed(one))
            continue
        kind = as_mapping(one).get("resourceType")
        if not as_text(kind):
            unclear += 1
        elif kind == "OperationOutcome":
            outcomes.append(one)
        elif kind != "Bundle":
            resources.append(one)
        else:
            unclear += one is not value
            for entry in map(as_mapping, reversed(as_list(one.get("entry")))):
                content = entry.get("resource")
                if "search" in entry and as_mapping(entry["search"]).get("mode") == "outcome":
                    outcomes.append(as_mapping(content))
                else:
                    unread.append(content)
    bundle = as_mapping(value)
    is_search = bundle.get("resourceType") == "Bundle"
    return Page(
        resources=tuple(resources),
        failed=any(map(_tells_of_an_error, outcomes)),
        is_search=is_search,
        is_empty=is_search and not resources and not unclear and _counts_nothing(bundle),
        next_link=_next_link(bundle) if is_search else "",
    )


def distinct(resources: Iterable[Resource], known: Iterable[Resource] = ()) -> list[Resource]:
    """Return each resource once, without those already `known`, in order.

    Two with the same type and id are one; those without id are one if they are equal. A negative test that arrives
    under two keys must not count as two.
    """
    first: dict[Hashable, Resource] = {}
    for resource in resources:
        first.setdefault(_identity(resource), resource)
    if first:
        for one in known:
            first.pop(_identity(one), None)
    return list(first.values())


def of_patient(resources: Iterable[Resource], patient_id: str) -> tuple[list[Resource], Mapping[str, int]]:
    """Leave out what is about somebody else.

    Returns:
        The resources about this patient or about nobody; and how many of each type are about another patient.
        Another Patient itself is left out without being counted: it says nothing wrong about this one.
    """
    kept: list[Resource] = []
    dropped: Counter[str] = Counter()
    for resource in resources:
        kind = as_text(resource.get("resourceType"))
        if kind == "Patient":
            if as_text(resource.get("id")) == patient_id:
                kept.append(resource)
        elif subject_id(resource) in ("", patient_id):
            kept.append(resource)
        else:
            dropped[kind] += 1
    return kept, dict(dropped)


def _tells_of_an_error(outcome: Mapping[str, Any]) -> bool:
    """Whether an OperationOutcome is anything but harmless; one that cannot be read is not harmless."""
    severities = {as_text(as_mapping(issue).get("severity")).lower() for issue in as_list(outcome.get("issue"))}
    return not severities or not severities <= _HARMLESS


def _counts_nothing(bundle: Mapping[str, Any]) -> bool:
    """Whether a Bundle without resources is an empty one, not one whose entries were left out or cannot be read."""
    entries_are_readable = bundle.get("entry") is None or isinstance(bundle["entry"], list)
    return entries_are_readable and (as_number(bundle.get("total")) or 0) <= 0


def _next_link(bundle: Mapping[str, Any]) -> str:
    for link in map(as_mapping, as_list(bundle.get("link"))):
        if link.get("relation") == "next" and isinstance(url := link.get("url"), str):
            return url
    return ""


def _moment(resource: Resource, fields: Collection[str]) -> datetime | None:
    values: Sequence[Any] = [resource[name] for name in fields if name in resource]
    when = parse_when(values[0]) if values else None
    return when.start if when else None


def _identity(resource: Resource) -> Hashable:
    kind, identity = as_text(resource.get("resourceType")), as_text(resource.get("id"))
    if identity:
        return kind, identity
    try:
        return json.dumps(resource, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return id(resource)
