"""Filling the gaps the prefetch left: all searches at once, then their further pages, under one deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cds_hooks.chart.fhir import Resource, reference_id
from cds_hooks.data_needs import DataNeed
from cds_hooks.prefetch import FailureCause, Prefetched, distinct, of_patient, read_page
from service.fhir.answers import BUNDLE, Outcome
from service.fhir.breaker import BreakerRegistry
from service.fhir.client import Access, FhirClient
from service.fhir.deadline import Deadline
from service.fhir.medications import medication_address, missing_medications
from service.fhir.round import Ask, Round
from service.fhir.versions import spelled_for
from service.fhir.workers import Workers

OPTIONAL_NEEDS = frozenset(
    {
        "adverseEvents",
        "researchSubjects",
        "bloodBank",
        "medicationStatements",
        "medicationDispenses",
        "medicationAdministrations",
    }
)
"""Needs of record types that many servers do not keep. A server that says so fails these with NOT_SUPPORTED, and the
caller decides whether that is worth a word; any other need fails with REJECTED."""

MAX_PAGES = 10
MAX_MEDICATIONS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call has, wants, and may use.

    Attributes:
        wanted: the data needs of the call.
        prefetched: what the EHR sent along.
        patient_id: logical id of the Patient of the call.
        now: evaluation instant; searches look back from here.
        deadline: when the answer must be there. Leave time for what comes after it.
        access: the FHIR server; None when the EHR named none that its client profile lists.
        drafts: the drafted orders, whose Medications are looked up too.
    """

    wanted: Sequence[DataNeed]
    prefetched: Prefetched
    patient_id: str
    now: datetime
    deadline: Deadline
    access: Access | None
    drafts: Sequence[Resource] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the FHIR server added to the prefetch.

    Attributes:
        resources: resources about this patient or about nobody that the prefetch did not hold, the Patient included.
        patient: the Patient of the call, if it was asked for and came.
        failed: need key → why it could not be looked up. What came beside a reported error is among `resources`.
        truncated: need keys of which further pages exist that did not arrive.
        not_offered: need keys for which the server's version of FHIR has no resource; nothing is missing there.
        medications_missing: reference → why that Medication could not be read.
        dropped_other_patient: resource type → number of resources left out because they are about another patient.
        requests: number of requests sent with this access so far, repeated ones included.
        received_bytes: size of the answers, decoded.
        elapsed_ms: how long it took.
    """

    resources: list[Resource] = field(default_factory=list, repr=False)
    patient: Resource | None = field(default=None, repr=False)
    failed: Mapping[str, FailureCause] = field(default_factory=dict)
    truncated: frozenset[str] = frozenset()
    not_offered: frozenset[str] = frozenset()
    medications_missing: Mapping[str, FailureCause] = field(default_factory=dict, repr=False)
    dropped_other_patient: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    received_bytes: int = 0
    elapsed_ms: float = 0.0

    @property
    def causes(self) -> dict[str, FailureCause]:
        """Need key → why it is missing or incomplete."""
        return dict.fromkeys(self.truncated, FailureCause.PAGE_NOT_FOLLOWED) | dict(self.failed)


class Gatherer:
    """Gathers data for all calls. Shared by all threads.

    Args:
        client: asks the servers.
        workers: the threads that wait for the servers; never used by anything that itself waits for workers.
        breakers: which servers are left alone for a while.
        monotonic: clock in seconds.
    """

    def __init__(
        self,
        client: FhirClient,
        workers: Workers,
        breakers: BreakerRegistry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._workers, self._breakers = client, workers, breakers
        self._monotonic = monotonic

    def gather(self, plan: Plan) -> Gathered:
        """Look up what the plan wants and the prefetch did not bring; returns by the deadline."""
        started = self._monotonic()
        search = _Search(plan)
        with self._round(plan.access, plan.deadline) as round_:
            first = search.first_asks()
            if plan.access is not None and plan.access.server.batch:
                round_.ask_together(first)
            else:
                round_.ask(first)
            round_.collect(search.take)
            medications = search.medication_asks()
            round_.ask(medications[:MAX_MEDICATIONS])
            for ask in medications[MAX_MEDICATIONS:]:
                search.take(ask, FailureCause.PAGE_NOT_FOLLOWED)
            round_.collect(search.take)
        return search.gathered((self._monotonic() - started) * 1000)

    def read_medications(
        self, access: Access | None, references: Sequence[str], deadline: Deadline
    ) -> dict[str, Outcome]:
        """Read the Medications that draft orders refer to, before it is known whether the call concerns us.

        Args:
            access: as in `Plan`.
            references: as the orders spell them; at most `MAX_MEDICATIONS` are read.
            deadline: when the answers must be there.

        Returns:
            reference → the Medication, or why it could not be read.
        """
        found: dict[str, Outcome] = dict.fromkeys(references, FailureCause.NOT_FOUND)
        readable = [reference for reference in found if medication_address(reference)]
        found |= dict.fromkeys(readable, FailureCause.PAGE_NOT_FOLLOWED)

        def take(ask: Ask, outcome: Outcome) -> list[Ask]:
            found.update(dict.fromkeys(ask.keys, outcome))
            return []

        with self._round(access, deadline) as round_:
            round_.ask([_medication_ask(reference) for reference in readable[:MAX_MEDICATIONS]])
            round_.collect(take)
        return found

    def _round(self, access: Access | None, deadline: Deadline) -> Round:
        return Round(self._client, self._workers, self._breakers, access, deadline)


class _Search:
    """What one call of `gather` asks for and has found so far. Used by the calling thread alone."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._needs = {need.key: need for need in plan.wanted}
        self._found: list[Resource] = []
        self._failed: dict[str, FailureCause] = {}
        self._truncated: set[str] = set()
        self._not_offered: set[str] = set()
        self._medications_missing: dict[str, FailureCause] = {}
        self._pages_asked: set[str] = set()

    def first_asks(self) -> list[Ask]:
        """Return the searches of the gaps, and the second pages of what was prefetched."""
        plan = self._plan
        asks = []
        for gap in plan.prefetched.gaps(plan.wanted):
            need = gap if plan.access is None else spelled_for(plan.access.server.version, gap)
            if need is None:
                self._not_offered.add(gap.key)
            else:
                self._needs[gap.key] = need
                url = need.search(plan.patient_id, plan.now)
                if need.is_read:
                    asks.append(Ask((gap.key,), url, need.resource_type, identity=plan.patient_id))
                else:
                    asks.append(Ask((gap.key,), url, BUNDLE))
        # One key of a client may stand for several needs; its next page is the next page of all of them.
        by_link: dict[str, list[str]] = {}
        for key, link in plan.prefetched.next_links.items():
            if key in self._needs:
                by_link.setdefault(link, []).append(key)
        for link, keys in by_link.items():
            self._pages_asked.add(link)
            asks.append(Ask(tuple(keys), link, BUNDLE, page=2))
        return asks

    def medication_asks(self) -> list[Ask]:
        """Return reads of the Medications that records refer to and nobody sent."""
        known = (*self._plan.drafts, *self._plan.prefetched.resources, *self._own_resources()[0])
        return [_medication_ask(reference) for reference in missing_medications(known)]

    def take(self, ask: Ask, outcome: Outcome) -> list[Ask]:
        """Note an outcome.

        Returns:
            What has to be asked next because of it.
        """
        if isinstance(outcome, FailureCause):
            self._note_failure(ask, outcome)
        elif ask.expected == BUNDLE:
            return self._take_page(ask, outcome)
        else:
            self._found.append(outcome)
        return []

    def gathered(self, elapsed_ms: float) -> Gathered:
        """Return the result."""
        resources, dropped = self._own_resources()
        traffic = self._plan.access.traffic if self._plan.access else None
        return Gathered(
            resources=resources,
            patient=next((one for one in resources if one.get("resourceType") == "Patient"), None),
            failed=self._failed,
            truncated=frozenset(self._truncated - self._failed.keys()),
            not_offered=frozenset(self._not_offered),
            medications_missing=self._medications_missing,
            dropped_other_patient=dropped,
            requests=traffic.requests if traffic else 0,
            received_bytes=traffic.received_bytes if traffic else 0,
            elapsed_ms=elapsed_ms,
        )

    def _take_page(self, ask: Ask, bundle: Resource) -> list[Ask]:
        page = read_page(bundle)
        self._found += page.resources
        needs = [self._needs[key] for key in ask.keys]
        if page.failed or (ask.page == 1 and not all(map(page.answers, needs))):
            self._note_failure(ask, FailureCause.OPERATION_OUTCOME if page.failed else FailureCause.BAD_ANSWER)
            return []
        if not page.next_link or all(page.passes_lookback(need, self._plan.now) for need in needs):
            return []
        if ask.page >= MAX_PAGES or page.next_link in self._pages_asked:
            self._truncated.update(ask.keys)
            return []
        self._pages_asked.add(page.next_link)
        return [Ask(ask.keys, page.next_link, BUNDLE, ask.page + 1)]

    def _note_failure(self, ask: Ask, cause: FailureCause) -> None:
        if ask.expected == "Medication":
            self._medications_missing.update(dict.fromkeys(ask.keys, cause))
        elif ask.page > 1:
            self._truncated.update(ask.keys)
        else:
            for key in ask.keys:
                is_silent = cause is FailureCause.NOT_SUPPORTED and key not in OPTIONAL_NEEDS
                self._failed[key] = FailureCause.REJECTED if is_silent else cause

    def _own_resources(self) -> tuple[list[Resource], Mapping[str, int]]:
        return of_patient(distinct(self._found, self._plan.prefetched.resources), self._plan.patient_id)


def _medication_ask(reference: str) -> Ask:
    identity = reference_id(reference, "Medication")
    return Ask((reference,), medication_address(reference), "Medication", identity=identity)
