"""What one call wants of a FHIR server, and what it got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cds_hooks.chart.fhir import Resource
from cds_hooks.data_needs import DataNeed
from cds_hooks.prefetch import FailureCause, Prefetched
from service.fhir.access import Access
from service.fhir.deadline import Deadline

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
