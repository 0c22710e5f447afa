"""Requests to one FHIR server that run at the same time, for one call, under one deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self, TypeAlias

from cds_hooks.prefetch import FailureCause
from service.fhir.answers import Outcome
from service.fhir.breaker import BreakerRegistry, ServerBreaker
from service.fhir.client import Access, FhirClient
from service.fhir.deadline import Deadline
from service.fhir.workers import Workers

_SERVER_FAULTS = frozenset({FailureCause.UNREACHABLE, FailureCause.TIMEOUT, FailureCause.SERVER_ERROR})
_FAIR_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to ask a FHIR server.

    Attributes:
        keys: what it is for: need keys, or the reference of a Medication.
        url: absolute, or relative to the base.
        expected: resource type that must come back; `Bundle` for a search.
        page: number of the page of a search.
        identity: id the resource that is read must have; "" for a search.
    """

    keys: tuple[str, ...]
    url: str = field(repr=False)
    expected: str
    page: int = 1
    identity: str = field(default="", repr=False)


Taker: TypeAlias = Callable[[Ask, Outcome], list[Ask]]
"""Takes an outcome and returns what has to be asked next because of it."""


@dataclass(slots=True)
class _Job:
    """The work of one thread: one request, for one thing or for a batch of them."""

    asks: tuple[Ask, ...]
    was_sent: bool = False


class Round:
    """The requests of one call. A context manager: at its end the circuit breaker hears how the server did.

    Each outcome is handed over exactly once; what has not arrived by the deadline is a TIMEOUT. A thread that is late
    ends by itself at the same deadline, and its result is forgotten.
    """

    def __init__(
        self,
        client: FhirClient,
        workers: Workers,
        breakers: BreakerRegistry,
        access: Access | None,
        deadline: Deadline,
    ) -> None:
        self._client, self._workers, self._breakers = client, workers, breakers
        self._access = access
        self._deadline = deadline
        self._breaker: ServerBreaker | None = None
        self._breaker_is_open = False
        self._pending: dict[Future[tuple[Outcome, ...]], _Job] = {}
        self._settled: list[tuple[Ask, Outcome]] = []
        self._had_time = deadline.left() >= _FAIR_SECONDS
        self._answered = self._at_fault = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._breaker is None:
            return
        # A server is not to blame for a call that came with no time left.
        is_to_blame = self._at_fault and self._had_time
        self._breaker.record(self._answered if self._answered or is_to_blame else None)

    def ask(self, asks: Sequence[Ask]) -> None:
        """Send one request for each."""
        for one in asks:
            self._submit((one,))

    def ask_together(self, asks: Sequence[Ask]) -> None:
        """Send them as one batch; further pages are sent by themselves, since their URL may not be relative."""
        if together := tuple(one for one in asks if one.page == 1):
            self._submit(together)
        self.ask([one for one in asks if one.page > 1])

    def collect(self, take: Taker) -> None:
        """Wait for what was asked, and for what has to be asked because of it.

        Args:
            take: gets each thing asked with its outcome, on the calling thread.
        """
        while self._settled or self._pending:
            for ask, outcome in self._taken():
                self.ask(take(ask, outcome))
            if self._settled or not self._pending:
                continue
            done, _ = wait(self._pending, timeout=self._deadline.left(), return_when=FIRST_COMPLETED)
            if not done:
                break
            for future in done:
                self._settle(self._pending.pop(future), future.result())
        for job in self._pending.values():
            for ask, outcome in self._lost(job):
                take(ask, outcome)
        self._pending.clear()

    def _taken(self) -> list[tuple[Ask, Outcome]]:
        settled, self._settled = self._settled, []
        return settled

    def _lost(self, job: _Job) -> list[tuple[Ask, Outcome]]:
        self._at_fault |= job.was_sent
        return [(ask, FailureCause.TIMEOUT) for ask in job.asks]

    def _submit(self, asks: tuple[Ask, ...]) -> None:
        access, refusal = self._access, self._refusal()
        if access is None or refusal is not None:
            self._settled += [(ask, refusal or FailureCause.NO_FHIR_SERVER) for ask in asks]
            return
        job = _Job(asks)
        future = None if self._deadline.passed else self._workers.submit(partial(self._run, access, job))
        if future is None:
            self._settled += [(ask, FailureCause.TIMEOUT) for ask in asks]
        else:
            self._pending[future] = job

    def _refusal(self) -> FailureCause | None:
        """Return why the server is not asked at all. The breaker is consulted once, by the first request."""
        if self._access is None or not self._access.server.allowed(self._access.server.base):
            return FailureCause.NO_FHIR_SERVER
        if self._breaker is None and not self._breaker_is_open:
            breaker = self._breakers.of(self._access.server.base)
            if breaker.admits():
                self._breaker = breaker
            else:
                self._breaker_is_open = True
        return FailureCause.BREAKER_OPEN if self._breaker_is_open else None

    def _run(self, access: Access, job: _Job) -> tuple[Outcome, ...]:
        if self._deadline.passed:  # it waited for a thread for too long
            return (FailureCause.TIMEOUT,) * len(job.asks)
        job.was_sent = True
        if len(job.asks) == 1:
            ask = job.asks[0]
            return (self._client.get(access, ask.url, ask.expected, self._deadline),)
        urls, expected = [ask.url for ask in job.asks], [ask.expected for ask in job.asks]
        return self._client.batch(access, urls, expected, self._deadline)

    def _settle(self, job: _Job, outcomes: tuple[Outcome, ...]) -> None:
        for ask, outcome in zip(job.asks, outcomes, strict=True):
            checked = outcome
            if not isinstance(outcome, FailureCause):
                self._answered = True
                if ask.identity not in ("", outcome.get("id")):
                    checked = FailureCause.BAD_ANSWER
            elif outcome in _SERVER_FAULTS:
                self._at_fault |= job.was_sent
            elif outcome is not FailureCause.ADDRESS_NOT_ALLOWED:
                self._answered = True
            self._settled.append((ask, checked))
