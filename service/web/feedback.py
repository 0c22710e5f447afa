"""`POST /cds-services/{id}/feedback`: what clinicians did with the cards."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.exceptions import NotFound

from cds_hooks.protocol.feedback import read_feedback
from service.web.authentication import authenticated_caller
from service.web.headers import SERVICES_PATH
from service.wiring import Services


def feedback_blueprint(services: Services) -> Blueprint:
    """Return the endpoint.

    It answers 200 for every report it can read. Reports that are repeated, or are about a card that is not known (yet),
    are no error; those about a card of another client are not stored, and the answer does not tell.
    """
    blueprint = Blueprint("feedback", __name__)
    known_ids = {service["id"] for service in services.discovery.get("services", ())}

    @blueprint.post(f"{SERVICES_PATH}/<service_id>/feedback")
    def receive(service_id: str) -> dict[str, int]:
        caller = authenticated_caller(services)
        if service_id not in known_ids:
            raise NotFound
        items = read_feedback(request.get_data())
        services.feedback.record(caller.client.name, service_id, items, services.clock())
        return {"received": len(items)}

    return blueprint
