"""The JSON Schemas of the protocol as components of the OpenAPI document, so that nothing is written twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_hooks.protocol.validation import Document, schema

Schema = dict[str, Any]

_OF_A_FILE = ("$schema", "$id", "$defs")
_LOCAL = "#/$defs/"


def protocol_schemas() -> dict[str, Schema]:
    """Return the schemas of the documents of the protocol, by component name.

    What is defined inside a schema becomes a component of its own: `#/$defs/card` is `#/components/schemas/Card`.
    Where the schemas define a name differently, that of the document is put before it. A definition says less about
    what is deep inside it: where it refers to itself that is left out, as many OpenAPI tools never come back from it.
    """
    schemas = {document: schema(document) for document in Document}
    components: dict[str, Schema] = {}
    for document, content in schemas.items():
        definitions: dict[str, Schema] = content.get("$defs", {})
        names = {key: _name_of_definition(key, document, schemas) for key in definitions}
        own = {key: value for key, value in content.items() if key not in _OF_A_FILE}
        components[_capitalised(document)] = _with_references(own, names)
        components |= {names[key]: _with_references(_flat(key, value), names) for key, value in definitions.items()}
    return components


def _flat(key: str, definition: Schema) -> Schema:
    return {keyword: value for keyword, value in definition.items() if value != {"$ref": _LOCAL + key}}


def _name_of_definition(key: str, document: Document, schemas: Mapping[Document, Schema]) -> str:
    definitions = [content["$defs"][key] for content in schemas.values() if key in content.get("$defs", {})]
    is_everywhere_the_same = all(one == definitions[0] for one in definitions)
    return _capitalised(key) if is_everywhere_the_same else _capitalised(document) + _capitalised(key)


def _capitalised(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _with_references(value: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of a schema whose references lead to the components."""
    if isinstance(value, list):
        return [_with_references(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"#/components/schemas/{names[one.removeprefix(_LOCAL)]}"
        if key == "$ref" and isinstance(one, str)
        else _with_references(one, names)
        for key, one in value.items()
    }
