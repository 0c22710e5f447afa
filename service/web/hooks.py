"""`POST /cds-services/{id}`: the order check."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from cds_hooks.prefetch import FailureCause
from service.order_check import IRRELEVANT, Answer, OrderCheck, PatientUnobtainableError
from service.rule_trace import compact
from service.store.audit import AuditRow, AuditUnavailableError
from service.store.database import WRITE_LIMIT_S
from service.web.authentication import authenticated_caller
from service.web.call_metrics import count_answer
from service.web.errors import outcome_response
from service.web.first_look import received_call
from service.web.headers import SERVICES_PATH
from service.web.hook_call import HookCall
from service.web.json_provider import to_json
from service.wiring import Services

log = structlog.get_logger(__name__)

_SHORTEST_WRITE_S = 0.02


def hooks_blueprint(services: Services) -> Blueprint:
    """Return the endpoint of the hooks."""
    blueprint = Blueprint("hooks", __name__)
    check: OrderCheck = services.order_check

    @blueprint.post(f"{SERVICES_PATH}/<service_id>")
    def answer_hook(service_id: str) -> Response:
        call = received_call(request.environ, service_id, services)
        if call is None:
            authenticated_caller(services)
            raise NotFound
        try:
            answer = check.answer(
                call.request, call.caller.client, now=services.clock(), deadline=call.deadline, drafts=call.drafts
            )
        except PatientUnobtainableError as error:
            call.watch.lap("gather")
            _finish(services, call, Answer("patient-missing"))
            return outcome_response(
                412,
                "processing",
                _patient_missing(error.cause),
                expression="Patient",
            )
        if answer.sources:
            call.watch.lap("evaluate", inner="gather", inner_s=answer.fhir_ms / 1000)
        else:
            call.watch.lap("evaluate")
        _finish(services, call, answer)
        return Response(to_json({"cards": answer.cards}), mimetype="application/json")

    return blueprint


def _patient_missing(cause: FailureCause | None) -> str:
    """Return what an operator of the EHR needs to know; the FHIR server's side of it only if there was one."""
    reason = "" if cause in (None, FailureCause.NO_FHIR_SERVER) else f": {cause.phrase}"
    said = "The Patient was not sent under the prefetch key 'patient' and could not be read from a FHIR server"
    return f"{said}{reason}."


def _finish(services: Services, call: HookCall, answer: Answer) -> None:
    """Write the audit row of a call that was looked at, and count it.

    Calls about other drugs leave no row: there are hundreds for each relevant one, and nothing was looked at.
    """
    if answer.outcome != IRRELEVANT:
        _record(services, call, answer)
        call.watch.lap("record")
    count_answer(services.metrics, call, answer)


def _record(services: Services, call: HookCall, answer: Answer) -> None:
    trace = answer.evaluation.trace if answer.evaluation else ()
    for one in trace:
        if one.error:
            log.error("rule failed", topic=one.topic, error_type=one.error)
    client = call.caller.client.name
    row = AuditRow(
        time=services.clock(),
        client=client,
        tenant=call.caller.tenant,
        service_id=call.service.id,
        hook=call.service.hook,
        hook_instance=call.request.hook_instance,
        patient_hmac=services.audit.pseudonym(client, call.request.patient_id),
        outcome=answer.outcome,
        topics=answer.topics,
        cards=answer.card_topics,
        knowledge_hash=services.order_check.reader.knowledge.hash,
        sources=answer.sources,
        fhir_requests=answer.fhir_requests,
        fhir_ms=answer.fhir_ms,
        total_ms=call.watch.seconds * 1000,
        rules=compact(trace),
        version=services.order_check.version,
    )
    try:
        services.audit.record(row, limit_s=max(_SHORTEST_WRITE_S, min(WRITE_LIMIT_S, call.deadline.left())))
    except AuditUnavailableError:
        services.metrics.lost()
        log.error("audit row lost", client=client, hook=call.service.hook)
