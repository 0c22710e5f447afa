"""Filling the gaps the prefetch left: all searches at once, then their further pages, under one deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access
from service.fhir.answers import Judgement, Outcome, Refusal
from service.fhir.breaker import BreakerRegistry
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.inquiry import Inquiry, medication_ask
from service.fhir.medications import medication_address
from service.fhir.plan import Gathered, Plan
from service.fhir.refusals import Refusals
from service.fhir.round import Ask, Round
from service.fhir.workers import Workers

MAX_MEDICATIONS = 20


class Gatherer:
    """Gathers data for all calls. Shared by all threads.

    Args:
        client: asks the servers.
        workers: the threads that wait for the servers; never used by anything that itself waits for workers.
        breakers: which servers are left alone for a while.
        refusals: what servers refused lately.
        monotonic: clock in seconds.

    Attributes:
        on_result: hears how each thing that was asked for ended: `ok`, or the value of a `FailureCause`. For metrics;
            called on the thread of the call.
    """

    def __init__(
        self,
        client: FhirClient,
        workers: Workers,
        breakers: BreakerRegistry,
        refusals: Refusals | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._workers, self._breakers = client, workers, breakers
        self._refusals = Refusals() if refusals is None else refusals
        self._monotonic = monotonic
        self.on_result: Callable[[str], None] = lambda _result: None

    def gather(self, plan: Plan) -> Gathered:
        """Look up what the plan wants and the prefetch did not bring; returns by the deadline."""
        started = self._monotonic()
        inquiry = Inquiry(plan, self._refusals)
        with self._round(plan.access, plan.deadline) as round_:
            first = inquiry.first_asks()
            if plan.access is not None and plan.access.server.batch:
                round_.ask_together(first)
            else:
                round_.ask(first)
            round_.collect(inquiry.take)
            medications = inquiry.medication_asks()
            round_.ask(medications[:MAX_MEDICATIONS])
            for ask in medications[MAX_MEDICATIONS:]:
                inquiry.take(ask, FailureCause.PAGE_NOT_FOLLOWED)
            round_.collect(inquiry.take)
        return inquiry.gathered((self._monotonic() - started) * 1000)

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

        def take(ask: Ask, outcome: Judgement) -> list[Ask]:
            found.update(dict.fromkeys(ask.keys, outcome.cause if isinstance(outcome, Refusal) else outcome))
            return []

        with self._round(access, deadline) as round_:
            round_.ask([medication_ask(reference) for reference in readable[:MAX_MEDICATIONS]])
            round_.collect(take)
        return found

    def _round(self, access: Access | None, deadline: Deadline) -> Round:
        return Round(
            self._client, self._workers, self._breakers, self._refusals, access, deadline, on_result=self.on_result
        )
