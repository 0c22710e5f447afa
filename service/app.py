"""The application factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from flask import Blueprint, Flask

from cds_hooks.knowledge.loader import KnowledgeError
from service.auth.jwks import Fetch, fetch_key_set
from service.client_checks import check_clients
from service.clinical import Clinical
from service.config import REQUEST_THREADS, ConfigurationError, Settings
from service.logs import configure_logs, reduce_uncaught
from service.web.access import register_guard
from service.web.body_limit import BoundedRequest
from service.web.console.blueprint import register_console
from service.web.discovery import discovery_blueprint
from service.web.errors import register_errors
from service.web.feedback import feedback_blueprint
from service.web.first_look import FirstLook
from service.web.headers import register_headers
from service.web.health import health_blueprint
from service.web.hooks import hooks_blueprint
from service.web.json_provider import OrjsonProvider
from service.web.metrics import metrics_blueprint
from service.web.openapi import openapi_blueprint
from service.wiring import Clock, Services, assemble, utc_now

log = structlog.get_logger(__name__)

HooksBlueprint = Callable[[Services], Blueprint]


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock = utc_now,
    clinical: Clinical | None = None,
    discovery: Mapping[str, Any] | None = None,
    hooks: HooksBlueprint | None = None,
    fetch_keys: Fetch = fetch_key_set,
) -> Flask:
    """Return the application, warmed up and ready to answer.

    Args:
        settings: how to run; None reads them from the environment, as the processes of the server do.
        clock: the present instant.
        clinical: knowledge, rules and the way to FHIR servers; None loads what the settings name.
        discovery: answer of `GET /cds-services`; None means that of the clinical part.
        hooks: makes the blueprint of the hook endpoint instead of `service.web.hooks`; then nothing clinical is loaded.
        fetch_keys: how key sets of clients are fetched.

    Returns:
        the application; its parts are in `app.extensions["lencds"]`, a `Services`.

    Raises:
        ConfigurationError: it must not start like this.
    """
    is_own_process = settings is None
    settings = Settings.load() if settings is None else settings
    configure_logs(settings.log_level)
    if is_own_process:
        reduce_uncaught()
    if clinical is None and hooks is None:
        clinical = _clinical(settings)
    services = assemble(settings, clock=clock, clinical=clinical, discovery=discovery, fetch_keys=fetch_keys)
    app = Flask("lencds", static_folder=None, template_folder=None)
    app.json = OrjsonProvider(app)
    app.request_class = BoundedRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.extensions["lencds"] = services
    register_guard(app, settings)
    register_headers(app, settings)
    register_errors(app, services)
    for blueprint in (
        discovery_blueprint(services),
        feedback_blueprint(services),
        health_blueprint(services.health, settings),
        metrics_blueprint(services.metrics, settings),
        openapi_blueprint(settings),
        (hooks or hooks_blueprint)(services),
    ):
        app.register_blueprint(blueprint)
    if services.clinical is not None:
        register_console(app, services)
    if hooks is None:
        app.wsgi_app = FirstLook(app.wsgi_app, services)  # type: ignore[method-assign]
    services.health.state = "ready"
    return app


def _clinical(settings: Settings) -> Clinical:
    """Load the knowledge and prepare the connections, so that the first call is as fast as the others."""
    try:
        clinical = Clinical(settings.knowledge, request_threads=REQUEST_THREADS)
    except KnowledgeError as error:
        raise ConfigurationError(f"the knowledge cannot be used: {error}") from error
    clients = (*settings.clients, settings.local_client)
    try:
        for name, remark in check_clients(clients, clinical.order_check.reader):
            log.warning("configuration of a client", client=name, reason=remark)
    except ConfigurationError:
        clinical.close()
        raise
    for ca_file in {client.ca_file for client in clients}:
        clinical.warm_up(ca_file)
    for client in settings.clients:
        clinical.warm_up_token(client)
    return clinical
