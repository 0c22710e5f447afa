"""Requests to one FHIR server that run at the same time, for one call, under one deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TypeAlias

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access
from service.fhir.answers import BUNDLE, Judgement, Refusal
from service.fhir.breaker import BreakerRegistry, ServerBreaker
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.refusals import BATCH, Refusals
from service.fhir.workers import Workers

_SERVER_FAULTS = frozenset(
    {
        FailureCause.UNREACHABLE,
        FailureCause.NAME_UNKNOWN,
        FailureCause.CERTIFICATE_REFUSED,
        FailureCause.TIMEOUT,
        FailureCause.SERVER_ERROR,
    }
)
_NOT_THE_SERVER = frozenset({FailureCause.ADDRESS_NOT_ALLOWED, FailureCause.NO_ACCESS_TOKEN})
_FAIR_SECONDS = 0.1
_SMALLEST_BATCH = 2


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to ask a FHIR server.

    Attributes:
        keys: what it is for: need keys, or the reference of a Medication.
        url: absolute, or relative to the base.
        expected: resource type that must come back; `Bundle` for a search.
        page: number of the page of a search.
        identity: id the resource that is read must have; "" for a search.
        newest_first: whether the records come sorted by date, so that nothing newer follows what is old.
        left_out: parameters the search was first asked with, and then without, because the server refused it.
    """

    keys: tuple[str, ...]
    url: str = field(repr=False)
    expected: str
    page: int = 1
    identity: str = field(default="", repr=False)
    newest_first: bool = True
    left_out: frozenset[str] = frozenset()


Taker: TypeAlias = Callable[[Ask, Judgement], list[Ask]]
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
        refusals: Refusals,
        access: Access | None,
        deadline: Deadline,
        on_result: Callable[[str], None] = lambda _result: None,
    ) -> None:
        self._client, self._workers, self._breakers, self._refusals = client, workers, breakers, refusals
        self._access, self._on_result = access, on_result
        self._deadline = deadline
        self._breaker: ServerBreaker | None = None
        self._breaker_is_open = False
        self._pending: dict[Future[tuple[Judgement, ...] | None], _Job] = {}
        self._done: SimpleQueue[Future[tuple[Judgement, ...] | None]] = SimpleQueue()
        self._settled: list[tuple[Ask, Judgement]] = []
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
        """Send them as one batch, unless the server refused batches lately.

        Further pages are sent by themselves, since their URL may not be relative.
        """
        together = tuple(one for one in asks if one.page == 1)
        if len(together) < _SMALLEST_BATCH or self._refuses_batches():
            self.ask(asks)
        else:
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
            try:
                future = self._done.get(timeout=max(0.0, self._deadline.left()))
            except Empty:
                break
            self._settle(self._pending.pop(future), future.result())
        for job in self._pending.values():
            for ask, outcome in self._lost(job):
                self._report(outcome)
                take(ask, outcome)
        self._pending.clear()

    def _taken(self) -> list[tuple[Ask, Judgement]]:
        settled, self._settled = self._settled, []
        for _, outcome in settled:
            self._report(outcome)
        return settled

    def _report(self, outcome: Judgement) -> None:
        cause = outcome.cause if isinstance(outcome, Refusal) else outcome
        self._on_result(cause.value if isinstance(cause, FailureCause) else "ok")

    def _lost(self, job: _Job) -> list[tuple[Ask, Judgement]]:
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
            future.add_done_callback(self._done.put)

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

    def _refuses_batches(self) -> bool:
        return self._access is not None and self._refusals.holds(self._access.server.base, BATCH)

    def _run(self, access: Access, job: _Job) -> tuple[Judgement, ...] | None:
        """Ask the server; None when it does not take the batch."""
        if self._deadline.passed:  # it waited for a thread for too long
            return (FailureCause.TIMEOUT,) * len(job.asks)
        job.was_sent = True
        if len(job.asks) == 1:
            ask = job.asks[0]
            if ask.page == 1 and ask.expected == BUNDLE:
                return (self._client.search(access, ask.url, self._deadline),)
            return (self._client.get(access, ask.url, ask.expected, self._deadline),)
        urls, expected = [ask.url for ask in job.asks], [ask.expected for ask in job.asks]
        return self._client.batch(access, urls, expected, self._deadline)

    def _settle(self, job: _Job, outcomes: tuple[Judgement, ...] | None) -> None:
        if outcomes is None:
            self._answered = True
            if self._access is not None:
                self._refusals.note(self._access.server.base, BATCH)
            self.ask(job.asks)
            return
        for ask, outcome in zip(job.asks, outcomes, strict=True):
            checked = outcome
            if isinstance(outcome, FailureCause) and outcome in _SERVER_FAULTS:
                self._at_fault |= job.was_sent
            elif not (isinstance(outcome, FailureCause) and outcome in _NOT_THE_SERVER):
                self._answered = True
            if isinstance(outcome, Mapping) and ask.identity not in ("", outcome.get("id")):
                checked = FailureCause.BAD_ANSWER
            self._settled.append((ask, checked))
