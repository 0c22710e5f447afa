"""The document itself: valid, complete, and the copy in docs/ is not old."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from cds_hooks.protocol.services import SERVICES
from service.openapi.document import openapi_document

DOCS = Path(__file__).parents[3] / "docs"


def test_the_document_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(openapi_document()).iter_errors()] == []


def test_every_component_is_used_and_every_reference_leads_somewhere() -> None:
    document = openapi_document()
    used = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(document)))
    there = {
        f"{kind}/{name}"
        for kind, components in document["components"].items()
        if kind != "securitySchemes"
        for name in components
    }
    assert used <= there
    assert there - used == {"schemas/Request"}, "what the service asks for at least stands beside what is right"


def test_the_ids_are_those_of_the_services() -> None:
    schema: dict[str, Any] = openapi_document()["components"]["schemas"]["ServiceId"]
    assert schema["enum"] == list(SERVICES)


def test_without_an_address_the_server_is_where_the_document_came_from() -> None:
    assert openapi_document()["servers"] == [{"url": "/"}]


def test_the_copy_in_docs_is_not_old() -> None:
    copy = json.loads((DOCS / "openapi.json").read_bytes())
    assert copy == openapi_document(), "docs/openapi.json is old: run make openapi"
