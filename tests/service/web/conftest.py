"""The application with a stub in place of the hook endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, request
from flask.testing import FlaskClient

from cds_hooks.protocol.request import RequestError, parse_request
from service.app import create_app
from service.config import Settings
from service.store.audit import AuditRow
from service.web.authentication import authenticated_caller
from service.wiring import Services

SERVICE = "lenalidomide-order-sign"
DISCOVERY = {"services": [{"hook": "order-sign", "id": SERVICE, "description": "checks orders"}]}


def stub_hooks(services: Services) -> Blueprint:
    """A hook endpoint that answers with the length of the body, or fails as it is told to."""
    blueprint = Blueprint("hooks", __name__)

    @blueprint.post("/cds-services/<service_id>")
    def hook(service_id: str) -> Any:
        authenticated_caller(services)
        body = request.get_data()
        match service_id:
            case "boom":
                raise ValueError("patient 123 has a secret")
            case "parse":
                parse_request(body)
            case "broken":
                raise RequestError("$.context.patientId", "is not a Patient id")
        return {"cards": [], "length": len(body)}

    return blueprint


@pytest.fixture
def make_app(clock: Any) -> Iterator[Callable[[Settings], Flask]]:
    apps: list[Flask] = []

    def make(settings: Settings) -> Flask:
        apps.append(create_app(settings, clock=clock, discovery=DISCOVERY, hooks=stub_hooks))
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["lencds"].close()


@pytest.fixture
def app(make_app: Any, load_settings: Any) -> Flask:
    """The application with authentication off."""
    return make_app(load_settings())


@pytest.fixture
def web(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def guarded(make_app: Any, load_guarded_settings: Any) -> FlaskClient:
    """The application with authentication on."""
    return make_app(load_guarded_settings()).test_client()


@pytest.fixture
def bearer(claims: Any, rsa_signer: Any) -> Callable[..., dict[str, str]]:
    """Makes an Authorization header with a good token for a path."""

    def make(path: str, **changes: Any) -> dict[str, str]:
        return {"Authorization": "Bearer " + rsa_signer.token(claims(path, **changes))}

    return make


@pytest.fixture
def show_card() -> Callable[[FlaskClient, str, str], None]:
    """Records a call of a client that returned one card."""

    def show(web: FlaskClient, client: str, uuid: str) -> None:
        services: Services = web.application.extensions["lencds"]
        services.audit.record(
            AuditRow(
                time=services.clock(),
                client=client,
                service_id=SERVICE,
                hook="order-sign",
                hook_instance="h",
                patient_hmac="",
                outcome="cards",
                topics={"neutropenia": "critical"},
                cards={uuid: "neutropenia"},
            )
        )

    return show
