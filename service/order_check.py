"""One call from the request to the cards: relevance, data, chart, rules, cards.

Knows nothing of HTTP servers or databases; the web endpoint and the command line both use it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

from cds_hooks.chart.chart import Chart, Reader, build_chart
from cds_hooks.chart.fhir import Resource, as_text, reference_id
from cds_hooks.chart.medications import medications_by_id
from cds_hooks.chart.orders import DraftOrder, Relevance, read_drafts, relevance, scope_of
from cds_hooks.data_needs import MEDICATION_NEEDS, PATIENT, DataNeed, Scope, needs_of
from cds_hooks.evaluate import Evaluation, evaluate, indicator_of
from cds_hooks.prefetch import FailureCause, Prefetched, read_prefetch
from cds_hooks.protocol.cards import cards
from cds_hooks.protocol.client_profile import PROFILES, CardOptions
from cds_hooks.protocol.request import HookRequest
from service.auth.clients import Client
from service.fhir.access import Access, FhirServer, TokenSource
from service.fhir.deadline import Deadline
from service.fhir.gather import Gatherer
from service.fhir.plan import OPTIONAL_NEEDS, Gathered, Plan

TIME_AFTER_GATHERING_S = 0.06
"""What chart, rules, cards and the audit row may take of a call's budget (measured: 5 to 20 ms)."""

IRRELEVANT = "irrelevant"
"""Outcome of a call about other drugs."""


class PatientUnobtainableError(Exception):
    """A thalidomide analogue is drafted and the Patient resource can be had from nowhere; HTTP 412.

    Attributes:
        cause: why it could not be had, None when that is not known.
    """

    def __init__(self, cause: FailureCause | None = None) -> None:
        self.cause = cause
        super().__init__(cause.phrase if cause else "not sent")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call.

    Attributes:
        outcome: `irrelevant`, `partner-inactive`, `patient-missing`, `silent`, `cards` or `no-cards`.
        cards: CDS Hooks cards to return.
        evaluation: findings and trace, None when nothing was evaluated.
        topics: topic → indicator of everything found.
        card_topics: card uuid → topic of everything returned.
        sources: data need → `prefetch`, `fhir`, or the cause why it is missing.
        fhir_requests: FHIR requests sent.
        fhir_ms: time spent waiting for them.
        fhir_results: how they ended → how many.
    """

    outcome: str
    cards: list[dict[str, Any]] = field(default_factory=list)
    evaluation: Evaluation | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    card_topics: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    fhir_requests: int = 0
    fhir_ms: float = 0.0
    fhir_results: Mapping[str, int] = field(default_factory=dict)


def service_version() -> str:
    """Return the version of this program."""
    try:
        return version("lenalidomide-cds")
    except PackageNotFoundError:
        return "unknown"


class OrderCheck:
    """Answers calls. Shared by all threads.

    Args:
        reader: knowledge and look-up tables.
        gatherer: the way to FHIR servers.
        new_uuid: source of random UUIDs.
        tokens: where access tokens come from when a call of a client brings none.
    """

    def __init__(
        self,
        reader: Reader,
        gatherer: Gatherer,
        new_uuid: Callable[[], str] = lambda: str(uuid.uuid4()),
        tokens: Callable[[Client], TokenSource | None] = lambda _client: None,
    ) -> None:
        self.reader = reader
        self.gatherer = gatherer
        self.new_uuid = new_uuid
        self.tokens = tokens
        self.version = service_version()

    def first_look(self, request: HookRequest) -> tuple[DraftOrder, ...]:
        """Return the drafts of a call that calls for a look at the chart, nothing for any other call."""
        drafts = self.drafts(request, {})
        return () if relevance(drafts, self.reader.drugs) is Relevance.NO else drafts

    def answer(
        self,
        request: HookRequest,
        client: Client,
        *,
        now: datetime,
        deadline: Deadline,
        drafts: tuple[DraftOrder, ...] | None = None,
    ) -> Answer:
        """Answer one call.

        Args:
            request: the call; its envelope is valid.
            client: who is calling.
            now: evaluation instant.
            deadline: when the answer must be there.
            drafts: what `first_look` returned, if it was taken already.

        Raises:
            RequestError: the prefetch is no JSON object, or the request is nested too deep or holds too much.
            PatientUnobtainableError: as it says.
        """
        if drafts is None:
            drafts = self.first_look(request)
        if not drafts:
            return Answer(IRRELEVANT)
        request.check_depth()
        call = _Call(self, request, client, now, deadline.earlier(TIME_AFTER_GATHERING_S))
        return call.answer(drafts)

    def drafts(self, request: HookRequest, medications: Mapping[str, Resource]) -> tuple[DraftOrder, ...]:
        """Identify the drafts of a call, given Medication resources by id."""
        return read_drafts(
            request.drafts,
            self.reader.drugs,
            patient_id=request.patient_id,
            selections=request.selections if request.hook == "order-select" else None,
            medications=medications,
        )


class _Call:
    """The state of one relevant call."""

    def __init__(
        self, check: OrderCheck, request: HookRequest, client: Client, now: datetime, deadline: Deadline
    ) -> None:
        self._check, self._request, self._client = check, request, client
        self._now, self._deadline = now, deadline
        self._access = fhir_access(request, client, check.tokens)
        self._fhir_ms = 0.0
        self._resources: list[Resource] = []
        self._causes: dict[str, FailureCause] = {}
        self._dropped: dict[str, int] = {}
        self._asked: dict[str, DataNeed] = {}
        self._prefetched: Prefetched = Prefetched()

    def answer(self, drafts: tuple[DraftOrder, ...]) -> Answer:
        check, request = self._check, self._request
        self._prefetched = read_prefetch(
            request.prefetch(),
            check.reader.needs,
            patient_id=request.patient_id,
            aliases=self._client.prefetch_aliases,
            now=self._now,
        )
        self._resources = list(self._prefetched.resources)
        self._dropped = dict(self._prefetched.dropped_other_patient)
        drafts = self._with_medications(drafts)
        scopes = {scope for order in drafts if order.selected and (scope := scope_of(order, check.reader.drugs))}
        unresolved = any(order.selected and order.unresolved for order in drafts)
        if not scopes:
            return self._evaluated(drafts) if unresolved else self._nothing(IRRELEVANT)
        if scopes <= {Scope.PARTNER}:
            self._gather([check.reader.needs[key] for key in (PATIENT, *MEDICATION_NEEDS)])
            if not self._concerns_partner(drafts):
                return self._evaluated(drafts) if unresolved else self._nothing("partner-inactive")
        wanted = chain.from_iterable(needs_of(scope, check.reader.needs) for scope in Scope if scope in scopes)
        self._gather(list({need.key: need for need in wanted}.values()))
        if not self._has_patient() and scopes & {Scope.LENALIDOMIDE, Scope.ANALOGUE}:
            raise PatientUnobtainableError(self._causes.get(PATIENT))
        return self._evaluated(drafts)

    def _with_medications(self, drafts: tuple[DraftOrder, ...]) -> tuple[DraftOrder, ...]:
        """Resolve drafts that only refer to a Medication: prefetch first, then one read each, display text last."""
        if not any(order.medication_reference for order in drafts):
            return drafts
        medications = medications_by_id(self._resources)
        drafts = self._check.drafts(self._request, medications)
        missing = tuple(order.medication_reference for order in drafts if order.selected and order.medication_reference)
        if not missing or self._access is None:
            return drafts
        found = self._check.gatherer.read_medications(self._access, missing, self._deadline)
        for reference, outcome in found.items():
            if not isinstance(outcome, FailureCause):
                medications[reference_id(reference)] = outcome
                self._resources.append(outcome)
        return self._check.drafts(self._request, medications)

    def _gather(self, wanted: list[DataNeed]) -> None:
        """Look up what is wanted and was not looked up before."""
        fresh = [need for need in wanted if need.key not in self._asked]
        self._asked |= {need.key: need for need in fresh}
        plan = Plan(
            wanted=fresh,
            prefetched=self._prefetched,
            patient_id=self._request.patient_id,
            now=self._now,
            deadline=self._deadline,
            access=self._access,
            drafts=self._request.drafts,
        )
        gathered: Gathered = self._check.gatherer.gather(plan)
        self._fhir_ms += gathered.elapsed_ms
        self._resources += gathered.resources
        for kind, count in gathered.dropped_other_patient.items():
            self._dropped[kind] = self._dropped.get(kind, 0) + count
        self._causes |= gathered.causes
        self._causes |= {key: cause for key, cause in self._prefetched.failed.items() if key in self._asked}

    def _concerns_partner(self, drafts: tuple[DraftOrder, ...]) -> bool:
        """Whether a partner drug's draft matters: an analogue is in use, or it is daratumumab, which has own topics."""
        chart = self._chart(drafts)
        return bool(chart.active("thalidomideAnalogue") or chart.judged("daratumumab")) or self._recently_stopped(chart)

    def _recently_stopped(self, chart: Chart) -> bool:
        """For a PD-1/PD-L1 antibody an analogue of the last 90 days counts, stopped ones included."""
        days = int(self._check.reader.knowledge.figures["checkpointInhibitorDays"].value)
        analogues = chart.medications("thalidomideAnalogue")
        return bool(chart.judged("pd1PdL1Antibody")) and any(fact.is_within(self._now, days) for fact in analogues)

    def _has_patient(self) -> bool:
        return any(
            one.get("resourceType") == "Patient" and as_text(one.get("id")) == self._request.patient_id
            for one in self._resources
        )

    def _chart(self, drafts: tuple[DraftOrder, ...]) -> Chart:
        gaps = {
            key: cause.phrase
            for key, cause in self._causes.items()
            if not (cause is FailureCause.NOT_SUPPORTED and key in OPTIONAL_NEEDS)
        }
        return build_chart(
            self._check.reader,
            now=self._now,
            hook=self._request.hook,
            patient_id=self._request.patient_id,
            drafts=drafts,
            resources=self._resources,
            gaps=gaps,
            dropped=self._dropped,
        )

    def _evaluated(self, drafts: tuple[DraftOrder, ...]) -> Answer:
        knowledge = self._check.reader.knowledge
        evaluation = evaluate(self._chart(drafts), knowledge)
        options = card_options(self._client)
        shown = [] if self._client.silent else cards(
            evaluation.findings,
            knowledge,
            options,
            patient_id=self._request.patient_id,
            user_id=self._request.user_id,
            service_version=self._check.version,
            new_uuid=self._check.new_uuid,
        )  # fmt: skip
        return Answer(
            outcome="silent" if self._client.silent else "cards" if shown else "no-cards",
            cards=shown,
            evaluation=evaluation,
            topics={finding.topic: indicator_of(finding, knowledge).value for finding in evaluation.findings},
            card_topics={card["uuid"]: card["source"]["topic"]["code"] for card in shown},
            sources=self._sources(),
            fhir_requests=self._access.traffic.requests if self._access else 0,
            fhir_ms=self._fhir_ms,
            fhir_results=self._fhir_results(),
        )

    def _nothing(self, outcome: str) -> Answer:
        requests = self._access.traffic.requests if self._access else 0
        return Answer(
            outcome,
            sources=self._sources(),
            fhir_requests=requests,
            fhir_ms=self._fhir_ms,
            fhir_results=self._fhir_results(),
        )

    def _fhir_results(self) -> dict[str, int]:
        return dict(self._access.traffic.results) if self._access else {}

    def _sources(self) -> dict[str, str]:
        return {
            key: self._causes[key].value
            if key in self._causes
            else "prefetch"
            if key in self._prefetched.covered
            else "fhir"
            for key in self._asked
        }


def fhir_access(request: HookRequest, client: Client, tokens: Callable[[Client], TokenSource | None]) -> Access | None:
    """Return the way to the FHIR server of a call; None when it named none, or none that the client may use.

    The token of the call goes before one of our own.
    """
    if request.fhir_server is None or (address := client.fhir_server(request.fhir_server)) is None:
        return None
    server = FhirServer(
        base=address.url,
        allowed=lambda url: client.fhir_server(url) is not None,
        version=client.fhir_version,
        batch=client.batch,
        search_method=client.search_method,
        ca_file=client.ca_file,
    )
    return Access(server, request.access_token, None if request.access_token else tokens(client))


def card_options(client: Client) -> CardOptions:
    """Return what a client wants of its cards."""
    return CardOptions(
        profile=PROFILES[client.profile],
        override_code_map={ours: (to.system, to.code) for ours, to in client.override_code_map.items()},
        action_code_map={ours: (to.system, to.code) for ours, to in client.action_code_map.items()},
        disabled_topics=frozenset(client.disabled_topics),
        fhir_version=client.fhir_version,
    )
