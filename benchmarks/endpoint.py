"""The endpoint that everything is compared with: Flask, reads the body, parses it with orjson, answers "no cards".

With a key in `BENCHMARK_JWK` it checks the same tokens the service does, by PyJWT alone.
"""

from __future__ import annotations

import os

import jwt
import orjson
from flask import Flask, Response, request

from service.web.headers import SERVICES_PATH

_NO_CARDS = orjson.dumps({"cards": []})


def create_app() -> Flask:
    """Return the application."""
    app = Flask("empty", static_folder=None, template_folder=None)
    key = jwt.PyJWK(orjson.loads(os.environ["BENCHMARK_JWK"])) if "BENCHMARK_JWK" in os.environ else None
    audience = os.environ.get("LENCDS_BASE_URL", "")

    @app.post(f"{SERVICES_PATH}/<service_id>")
    def answer(service_id: str) -> Response:  # noqa: ARG001  part of the address
        if key is not None:
            token = request.headers["Authorization"].removeprefix("Bearer ")
            jwt.decode(token, key, algorithms=["RS384"], audience=audience + request.path)
        orjson.loads(request.get_data(cache=False))
        return Response(_NO_CARDS, mimetype="application/json")

    return app
