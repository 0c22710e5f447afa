"""Putting the OpenAPI document together."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import orjson
import yaml

from cds_hooks.protocol.services import SERVICES
from service.openapi.schemas import protocol_schemas
from service.order_check import service_version

EXAMPLES_FILE = "examples.json"
"""Recorded calls and answers, beside this module: name → OpenAPI Example Object."""


def openapi_document(base_url: str = "") -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the service.

    Args:
        base_url: public address of the service, without slash at the end; "" when it is not configured.

    Raises:
        ValueError: a schema of the protocol refers to something that is not there.
    """
    return {**_everywhere_the_same(), "servers": [{"url": base_url or "/"}]}


@cache
def _everywhere_the_same() -> dict[str, Any]:
    folder = resources.files("service.openapi")
    document: dict[str, Any] = yaml.load(folder.joinpath("document.yaml").read_bytes(), yaml.CSafeLoader)
    document["info"]["version"] = service_version()
    components = document["components"]
    components["schemas"] |= {"ServiceId": {"type": "string", "enum": list(SERVICES)}, **protocol_schemas()}
    components["examples"] = orjson.loads(folder.joinpath(EXAMPLES_FILE).read_bytes())
    return document
