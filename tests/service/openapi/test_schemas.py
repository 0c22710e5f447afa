"""From the schemas of the protocol to components."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.protocol.validation import Document
from service.openapi import schemas
from service.openapi.schemas import protocol_schemas


def test_every_document_of_the_protocol_is_a_component() -> None:
    names = protocol_schemas().keys()
    assert {"Discovery", "ConformingRequest", "Response", "Feedback", "OperationOutcome", "Card"} <= names


def test_definitions_become_components_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    content: dict[Document, dict[str, Any]] = {document: {"type": "object"} for document in Document}
    tree = {"type": "object", "properties": {"leaf": {"$ref": "#/$defs/leaf"}}, "items": {"$ref": "#/$defs/tree"}}
    content[Document.REQUEST] = {
        "$id": "urn:a",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"tree": {"$ref": "#/$defs/tree"}},
        "$defs": {"tree": tree, "leaf": {"type": "string"}, "same": {"const": 1}},
    }
    content[Document.CONFORMING_REQUEST] = {"$defs": {"leaf": {"type": "number"}, "same": {"const": 1}}}
    monkeypatch.setattr(schemas, "schema", content.__getitem__)
    components = protocol_schemas()
    assert components["Request"] == {"properties": {"tree": {"$ref": "#/components/schemas/Tree"}}}
    assert components["Tree"] == {
        "type": "object",
        "properties": {"leaf": {"$ref": "#/components/schemas/RequestLeaf"}},
    }, "a reference of a definition to itself is left out"
    assert components["RequestLeaf"] == {"type": "string"}
    assert components["ConformingRequestLeaf"] == {"type": "number"}
    assert components["Same"] == {"const": 1}
