"""`GET /openapi.json`: what every endpoint takes and answers."""

from __future__ import annotations

from functools import cache

import orjson
from flask import Blueprint, Response

from service.config import Settings
from service.openapi.document import openapi_document


def openapi_blueprint(settings: Settings) -> Blueprint:
    """Return the endpoint. It is public: the document holds nothing of this installation but its public address."""
    blueprint = Blueprint("openapi", __name__)

    @cache
    def body() -> bytes:
        return orjson.dumps(openapi_document(settings.base_url))

    @blueprint.get("/openapi.json")
    def describe() -> Response:
        return Response(body(), mimetype="application/json")

    return blueprint
