"""`POST /cds-services/{id}`: the order check."""

from __future__ import annotations

import orjson
import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from cds_hooks.prefetch import FailureCause
from cds_hooks.protocol.request import HookRequest, RequestError, parse_request
from cds_hooks.protocol.services import SERVICES, Service
from service.auth.caller import Caller
from service.fhir.deadline import Deadline
from service.order_check import Answer, OrderCheck, PatientUnobtainableError
from service.rule_trace import compact
from service.store.audit import AuditRow, AuditUnavailableError
from service.store.database import WRITE_LIMIT_S
from service.web.authentication import authenticated_caller
from service.web.call_metrics import count_answer
from service.web.errors import outcome_response
from service.web.headers import SERVICES_PATH
from service.web.json_provider import to_json
from service.web.stopwatch import Stopwatch
from service.wiring import Services

log = structlog.get_logger(__name__)

_EMPTY = orjson.dumps({"cards": []})
_SHORTEST_WRITE_S = 0.02


def hooks_blueprint(services: Services) -> Blueprint:
    """Return the endpoint of the hooks."""
    blueprint = Blueprint("hooks", __name__)
    check: OrderCheck = services.order_check

    @blueprint.post(f"{SERVICES_PATH}/<service_id>")
    def answer_hook(service_id: str) -> Response:
        watch = Stopwatch()
        deadline = Deadline(services.settings.deadline_ms / 1000)
        caller = authenticated_caller(services)
        watch.lap("authenticate")
        service = SERVICES.get(service_id)
        if service is None:
            raise NotFound
        hook_request = parse_request(request.get_data(cache=False))
        if hook_request.hook != service.hook:
            raise RequestError("$.hook", f"is not {service.hook}, the hook of this service")
        watch.lap("parse")
        try:
            answer = check.answer(hook_request, caller.client, now=services.clock(), deadline=deadline)
        except PatientUnobtainableError as error:
            watch.lap("gather")
            _finish(services, caller, service, hook_request, Answer("patient-missing"), watch, deadline)
            return outcome_response(
                412,
                "processing",
                _patient_missing(error.cause),
                expression="Patient",
            )
        if answer.sources:
            watch.lap("evaluate", inner="gather", inner_s=answer.fhir_ms / 1000)
        else:
            watch.lap("evaluate")
        _finish(services, caller, service, hook_request, answer, watch, deadline)
        body = to_json({"cards": answer.cards}) if answer.cards else _EMPTY
        return Response(body, mimetype="application/json")

    return blueprint


def _patient_missing(cause: FailureCause | None) -> str:
    """Return what an operator of the EHR needs to know; the FHIR server's side of it only if there was one."""
    reason = "" if cause in (None, FailureCause.NO_FHIR_SERVER) else f": {cause.phrase}"
    said = "The Patient was not sent under the prefetch key 'patient' and could not be read from a FHIR server"
    return f"{said}{reason}."


def _finish(
    services: Services,
    caller: Caller,
    service: Service,
    hook_request: HookRequest,
    answer: Answer,
    watch: Stopwatch,
    deadline: Deadline,
) -> None:
    """Count the call, and write the audit row of one that was looked at.

    Calls about other drugs leave no row: there are hundreds for each relevant one, and nothing was looked at.
    """
    metrics, client = services.metrics, caller.client.name
    if answer.outcome != "irrelevant":
        _record(services, caller, service, hook_request, answer, watch, deadline)
        watch.lap("record")
        count_answer(metrics, client, answer)
    metrics.call(client, service.hook, answer.outcome, watch.seconds)
    metrics.phases(watch.laps)


def _record(
    services: Services,
    caller: Caller,
    service: Service,
    hook_request: HookRequest,
    answer: Answer,
    watch: Stopwatch,
    deadline: Deadline,
) -> None:
    trace = answer.evaluation.trace if answer.evaluation else ()
    for one in trace:
        if one.error:
            log.error("rule failed", topic=one.topic, error_type=one.error)
    client = caller.client.name
    row = AuditRow(
        time=services.clock(),
        client=client,
        tenant=caller.tenant,
        service_id=service.id,
        hook=service.hook,
        hook_instance=hook_request.hook_instance,
        patient_hmac=services.audit.pseudonym(client, hook_request.patient_id),
        outcome=answer.outcome,
        topics=answer.topics,
        cards=answer.card_topics,
        knowledge_hash=services.order_check.reader.knowledge.hash,
        sources=answer.sources,
        fhir_requests=answer.fhir_requests,
        fhir_ms=answer.fhir_ms,
        total_ms=watch.seconds * 1000,
        rules=compact(trace),
        version=services.order_check.version,
    )
    try:
        services.audit.record(row, limit_s=max(_SHORTEST_WRITE_S, min(WRITE_LIMIT_S, deadline.left())))
    except AuditUnavailableError:
        services.metrics.lost()
        log.error("audit row lost", client=client, hook=service.hook)
