"""`GET /openapi.json`, held against the application itself."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from service.openapi.document import openapi_document

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
_PAGES = ("/console", "/playground")


def test_the_document_is_served_with_the_address_of_the_service(guarded: FlaskClient) -> None:
    response = guarded.get("/openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == openapi_document("https://cds.example.org/base")
    assert response.json["servers"] == [{"url": "https://cds.example.org/base"}]


def test_every_route_is_documented_with_its_methods_and_nothing_else_is(app: Flask) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", "{}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(_PAGES)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {
        (re.sub(r"\{\w+\}", "{}", path), method)
        for path, item in openapi_document()["paths"].items()
        for method in item.keys() & _METHODS
    }
    assert documented == served


def test_the_document_says_which_calls_need_a_token(guarded: FlaskClient) -> None:
    operations = [
        (path, method, operation)
        for path, item in openapi_document()["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    ]
    for path, method, operation in operations:
        response = guarded.open(path.replace("{id}", "lenalidomide-order-sign"), method=method.upper(), data=b"{}")
        needs_token = operation["security"] == [{"clientToken": []}]
        assert (response.status_code == 401) is needs_token, path


def test_every_failure_is_documented_as_an_operation_outcome() -> None:
    document: dict[str, Any] = openapi_document()
    failures = [
        (path, status, response)
        for path, item in document["paths"].items()
        for operation in (item[method] for method in item.keys() & _METHODS)
        for status, response in operation["responses"].items()
        if status >= "400" and path not in ("/readyz", "/health")
    ]
    for path, status, response in failures:
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]  # noqa: PLW2901
        schema = response["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/OperationOutcome"}, (path, status)
    assert {status for _, status, _ in failures} >= {
        "400",
        "401",
        "403",
        "404",
        "405",
        "412",
        "413",
        "415",
        "500",
        "503",
    }
