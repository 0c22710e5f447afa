"""What a caller sees when something fails: a FHIR OperationOutcome that never quotes the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import (
    Forbidden,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnsupportedMediaType,
)

from cds_hooks.protocol.request import RequestError
from service.auth.caller import Unauthenticated
from service.store.database import DatabaseUnavailableError
from service.web.access import peer_of

if TYPE_CHECKING:
    from service.wiring import Services

log = structlog.get_logger(__name__)

_RETRY_AFTER_S = 30


def outcome_response(status: int, code: str, diagnostics: str = "", expression: str = "") -> Response:
    """Return an error response with an OperationOutcome.

    Args:
        status: HTTP status.
        code: FHIR issue type, such as `invalid` or `not-found`.
        diagnostics: what is wrong, for people; nothing that was sent. "" leaves it out.
        expression: JSON path of the member that is wrong. "" leaves it out.
    """
    issue: dict[str, Any] = {"severity": "error", "code": code}
    if diagnostics:
        issue["diagnostics"] = diagnostics
    if expression:
        issue["expression"] = [expression]
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status=status, mimetype="application/json")


def register_errors(app: Flask, services: Services) -> None:
    """Make the application answer every failure with an OperationOutcome."""

    @app.errorhandler(Unauthenticated)
    def unauthenticated(error: Unauthenticated) -> Response:
        peer = peer_of(request, services.settings.trusted_proxies)
        log.warning("call refused", reason=error.reason.value, issuer=error.issuer, route=_route(), peer=peer)
        services.metrics.refused(error.reason.name.lower())
        response = outcome_response(401, "login")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    @app.errorhandler(RequestError)
    def bad_request(error: RequestError) -> Response:
        return outcome_response(400, "invalid", str(error), error.path)

    @app.errorhandler(DatabaseUnavailableError)
    def database_down(_error: DatabaseUnavailableError) -> Response:
        response = outcome_response(503, "transient", "The database is not available; please send this again later.")
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return _http_error(error, services.settings.max_body_bytes)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.error("unforeseen error", route=_route(), method=request.method, exc_info=error)
        services.metrics.failed()
        return outcome_response(500, "exception")


def _http_error(error: HTTPException, max_body_bytes: int) -> Response:
    match error:
        case Forbidden():
            return outcome_response(403, "forbidden", error.description or "")
        case NotFound():
            return outcome_response(404, "not-found", "There is nothing at this address. See GET /cds-services.")
        case MethodNotAllowed():
            response = outcome_response(405, "not-supported", "This address does not take this method.")
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
            return response
        case RequestEntityTooLarge():
            return outcome_response(413, "too-long", f"The body is longer than {max_body_bytes} bytes.")
        case UnsupportedMediaType():
            response = outcome_response(415, "not-supported", "The body must not be compressed (Content-Encoding).")
            response.headers["Accept-Encoding"] = "identity"
            return response
        case ServiceUnavailable():
            response = outcome_response(503, "throttled", "Too many requests are still arriving; please try again.")
            response.headers["Retry-After"] = "1"
            return response
        case _:
            status = error.code or 500
            return outcome_response(status, "exception" if status >= 500 else "invalid")  # noqa: PLR2004


def _route() -> str:
    """The address pattern, not the address: that may hold anything."""
    return request.url_rule.rule if request.url_rule else "unknown"
