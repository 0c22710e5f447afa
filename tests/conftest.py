"""No answer of the service leaves a test unchecked: each is held against the JSON schemas of the protocol.

It is done where answers arise (in the Flask application, however it is served, and where cards are rendered) and where
they are read (by `requests`), so that a test cannot forget it. A test during which a wrong answer was seen fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask, Response, request

import cds_hooks.protocol.cards
from cds_hooks.protocol.validation import Document, faults

pytest_plugins = ("tests.hypothesis_profiles", "tests.log_scan")

SERVICES = "/cds-services"
ENDPOINTS = {
    "discovery.discover": Document.DISCOVERY,
    "hooks.answer_hook": Document.RESPONSE,
    "feedback.receive": Document.FEEDBACK_RECEIPT,
}
"""Endpoints by which the application answers; a stub that stands in for one of them has another name."""

seen: list[str] = []
"""What was wrong with the answers since the last test."""


def expected(endpoint: str | None, path: str, status: int) -> Document | None:
    """What an answer ought to be; None for pages that are not of the protocol."""
    if SERVICES not in path:
        return None
    if status >= 400:
        return Document.OPERATION_OUTCOME
    return ENDPOINTS.get(endpoint or "") if status == 200 else None


def document_at(path: str) -> Document:
    """What the answer of an address ought to be when it is a success."""
    ending = path.rpartition(SERVICES)[2].strip("/")
    if not ending:
        return Document.DISCOVERY
    return Document.FEEDBACK_RECEIPT if ending.endswith("/feedback") else Document.RESPONSE


def check(document: Document, content_type: str, body: bytes) -> None:
    """Note what is wrong with an answer."""
    if content_type.partition(";")[0] != "application/json":
        seen.append(f"{document}: Content-Type is {content_type}")
    try:
        value: Any = json.loads(body)
    except ValueError:
        seen.append(f"{document}: is not JSON")
        return
    seen.extend(f"{document}: {fault}" for fault in faults(document, value))
    if document is Document.RESPONSE:
        seen.extend(f"{document}: the uuid {name} is there twice" for name in twice(value))


def twice(response: Any) -> set[str]:
    """The uuids of a response that are not unique in it."""
    cards = response.get("cards", [])
    parts = [part for card in cards for part in (card, *card.get("suggestions", ()))]
    uuids = [part["uuid"] for part in parts if "uuid" in part]
    return {one for one in uuids if uuids.count(one) > 1}


def watch_application(patch: pytest.MonkeyPatch) -> None:
    """Check what any application of this process answers, to the test client or through a server."""
    process_response = Flask.process_response

    def checked(app: Flask, response: Response) -> Response:
        response = process_response(app, response)
        document = expected(request.endpoint, request.path, response.status_code)
        if "lencds" in app.extensions and document and request.method in ("GET", "POST"):
            check(document, response.content_type or "", response.get_data())
        return response

    patch.setattr(Flask, "process_response", checked)


def watch_requests(patch: pytest.MonkeyPatch) -> None:
    """Check what servers outside this process answer."""
    send = requests.Session.send

    def checked(session: requests.Session, prepared: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(session, prepared, **options)
        path = urlsplit(prepared.url or "").path
        preflight = prepared.method == "OPTIONS"
        if not preflight and SERVICES in path and response.status_code in (200, 400, 401, 404, 412, 500):
            document = Document.OPERATION_OUTCOME if response.status_code >= 400 else document_at(path)
            check(document, response.headers.get("Content-Type", ""), response.content)
        return response

    patch.setattr(requests.Session, "send", checked)


def watch_cards(patch: pytest.MonkeyPatch) -> None:
    """Check every card that is rendered."""
    render = cds_hooks.protocol.cards._card

    def checked(*arguments: Any, **options: Any) -> dict[str, Any]:
        card = render(*arguments, **options)
        seen.extend(f"card: {fault}" for fault in faults(Document.RESPONSE, {"cards": [card]}))
        return card

    patch.setattr(cds_hooks.protocol.cards, "_card", checked)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(id, ...): rows of cds_hooks/protocol/conformance.yaml that the test shows")


@pytest.fixture(scope="session", autouse=True)
def watch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        watch_application(patch)
        watch_requests(patch)
        watch_cards(patch)
        yield


@pytest.fixture(autouse=True)
def every_answer_conforms() -> Iterator[list[str]]:
    """Fail a test during which the service answered what the protocol does not allow."""
    yield seen
    wrong = list(dict.fromkeys(seen))
    seen.clear()
    assert not wrong, "answers that do not conform:\n  " + "\n  ".join(wrong)
