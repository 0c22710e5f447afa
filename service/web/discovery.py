"""`GET /cds-services`: what this service offers."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request

from service.web.headers import SERVICES_PATH
from service.wiring import Services


def discovery_blueprint(services: Services) -> Blueprint:
    """Return the endpoint.

    It is public. A token that is sent all the same must be good, so that a client learns here what is wrong with it.
    """
    blueprint = Blueprint("discovery", __name__)
    body = orjson.dumps(services.discovery)

    @blueprint.get(SERVICES_PATH)
    def discover() -> Response:
        services.authenticator.authenticate_if_asked(request.headers.get("Authorization"), request.path)
        return Response(body, mimetype="application/json")

    return blueprint
