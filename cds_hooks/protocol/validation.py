"""Validating documents of the protocol against the JSON schemas of this package.

The running service validates only the envelope of requests. Its answers are validated by every test that gets one, and
developers of clients can use the schemas for their side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError


class Document(StrEnum):
    """A kind of document with a schema. The value is the name of its file."""

    DISCOVERY = "discovery"
    REQUEST = "request"
    CONFORMING_REQUEST = "conforming_request"
    RESPONSE = "response"
    FEEDBACK = "feedback"
    FEEDBACK_RECEIPT = "feedback_receipt"
    OPERATION_OUTCOME = "operation_outcome"


def schema(document: Document) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a kind of document; it refers to nothing outside itself."""
    file = resources.files("cds_hooks.protocol").joinpath(f"schemas/{document}.json")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


@cache
def validator(document: Document) -> Draft202012Validator:
    """Return the compiled schema of a kind of document."""
    content = schema(document)
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def faults(document: Document, value: Any) -> list[str]:
    """Return what is wrong with a document, one line each: JSON path and the rule that is broken, never a value.

    Args:
        document: what it ought to be.
        value: it, as decoded JSON.
    """
    errors = (leaf for error in validator(document).iter_errors(value) for leaf in _leaves(error))
    return sorted({f"{error.json_path}: {_rule(error)}" for error in errors})


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the faults behind one: those in the branches of a choice, else itself."""
    if not error.context:
        yield error
    for branch in error.context or ():
        yield from _leaves(branch)


def _rule(error: ValidationError) -> str:
    keyword = str(error.validator)
    demanded: Any = error.validator_value
    part: Any = error.schema
    present = error.instance if isinstance(error.instance, Mapping) else {}
    match keyword:
        case "required":
            return "lacks " + ", ".join(name for name in demanded if name not in present)
        case "additionalProperties" if demanded is False:
            return f"has members that are not part of {part.get('title', 'this document').lower()}"
        case "dependentRequired":
            members = ((name, needed) for name, needs in demanded.items() if name in present for needed in needs)
            return ", ".join(f"{name} needs {needed}" for name, needed in members if needed not in present)
        case "None":
            return "must not be there"
        case "not":
            return "is empty"
        case "enum" | "const" | "type" | "pattern" | "minItems" | "maxLength" | "maxContains":
            return f"breaks {keyword} {json.dumps(demanded)}"
        case _:
            return f"breaks {keyword}"
