"""JSON by orjson."""

from __future__ import annotations

import json
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider


def to_json(value: Any) -> bytes:
    """Return a value as JSON.

    A suggestion gives the order back as it was sent, and JSON has no longest whole number: what orjson refuses beyond
    64 bits, the standard library writes.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class OrjsonProvider(JSONProvider):
    """Makes `flask.jsonify`, `request.get_json` and returned dicts use orjson."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Return `obj` as JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Return the value of a JSON text."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a response whose body is the arguments as JSON."""
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")
