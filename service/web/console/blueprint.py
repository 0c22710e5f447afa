"""The console, put together."""

from __future__ import annotations

import structlog
from flask import Blueprint, Flask, Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from service.store.database import DatabaseUnavailableError
from service.web.console.calls import register_calls
from service.web.console.clients import register_clients
from service.web.console.export import register_export
from service.web.console.gate import message, register_gate
from service.web.console.knowledge import register_knowledge
from service.web.console.overview import register_overview
from service.web.console.reference import register_reference
from service.web.pages.rendering import register_pages, relative_url_for
from service.wiring import Services

log = structlog.get_logger(__name__)

PATH = "/console/"


def register_console(app: Flask, services: Services) -> None:
    """Add the console and the files its pages need."""
    register_pages(app)
    app.register_blueprint(console_blueprint(services))


def console_blueprint(services: Services) -> Blueprint:
    """Return the pages below `/console/`."""
    blueprint = Blueprint("console", __name__, url_prefix=PATH.rstrip("/"))
    register_gate(blueprint, services)
    for register in (
        *(register_overview, register_calls, register_knowledge, register_reference),
        *(register_clients, register_export),
    ):
        register(blueprint, services)

    @blueprint.get("")
    def without_slash() -> Response:
        return Response(status=308, headers={"Location": relative_url_for("console.overview")})

    @blueprint.get("/<path:_anything>")
    def nothing(_anything: str) -> Response:
        raise NotFound

    @blueprint.errorhandler(NotFound)
    def not_found(_error: NotFound) -> Response:
        return message(404, "Nothing here", "There is no such page. Calls are deleted when they are old.")

    @blueprint.errorhandler(DatabaseUnavailableError)
    @blueprint.errorhandler(SQLAlchemyError)
    def no_database(error: Exception) -> Response:
        log.error("console without database", error_type=type(error).__name__)
        return message(
            503, "The database does not answer", "Calls are still answered; their rows wait on disk. Try again later."
        )

    return blueprint
