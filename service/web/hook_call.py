"""A hook call as it came in: who sent it, what it asks, and whether it concerns our drugs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds_hooks.chart.orders import DraftOrder
from cds_hooks.protocol.request import HookRequest, RequestError, parse_request
from cds_hooks.protocol.services import Service
from service.auth.caller import Caller
from service.fhir.deadline import Deadline
from service.web.body_limit import received_body
from service.web.headers import SERVICES_PATH
from service.web.stopwatch import Stopwatch
from service.wiring import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call whose sender is known and whose envelope is valid.

    Attributes:
        caller: who sent it.
        service: the service it was sent to.
        request: what it asks.
        drafts: its drafts if it calls for a look at the chart, else none.
        watch: runs since the call came in.
        deadline: when the answer must be there.
    """

    caller: Caller
    service: Service
    request: HookRequest
    drafts: tuple[DraftOrder, ...]
    watch: Stopwatch
    deadline: Deadline


def receive(environ: WSGIEnvironment, service: Service, services: Services) -> HookCall:
    """Take in a call: the sender first, then the body.

    Raises:
        Unauthenticated: nobody who may call.
        RequestError: the envelope is not valid, or of another hook.
        werkzeug.exceptions.HTTPException: the body is refused.
    """
    watch = Stopwatch()
    deadline = Deadline(services.settings.deadline_ms / 1000)
    path = f"{SERVICES_PATH}/{service.id}"
    caller = services.authenticator.authenticate(environ.get("HTTP_AUTHORIZATION"), path)
    watch.lap("authenticate")
    request = parse_request(received_body(environ, services.settings.max_body_bytes))
    if request.hook != service.hook:
        raise RequestError("$.hook", f"is not {service.hook}, the hook of this service")
    watch.lap("parse")
    return HookCall(caller, service, request, services.order_check.first_look(request), watch, deadline)
