"""Batch: several GET requests in one Bundle."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from service.sandbox.outcome import FhirError, Resource


def answer_batch(bundle: Any, get: Callable[[str], Resource]) -> Resource:
    """Return the batch-response to a batch Bundle: one entry for each entry, failures included.

    Args:
        bundle: the body of the request, decoded from JSON.
        get: answers the URL of one GET request, or raises FhirError.

    Raises:
        FhirError: `bundle` is no batch Bundle (400).
    """
    if not isinstance(bundle, dict) or (bundle.get("resourceType"), bundle.get("type")) != ("Bundle", "batch"):
        raise FhirError(400, "not-supported", "The body must be a Bundle of type batch")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise FhirError(400, "structure", "Bundle.entry must be a list")
    answers = [_answer_entry(entry, get) for entry in entries]
    response: Resource = {"resourceType": "Bundle", "type": "batch-response"}
    return {**response, "entry": answers} if answers else response


def _answer_entry(entry: Any, get: Callable[[str], Resource]) -> Resource:
    try:
        resource = get(_requested_url(entry))
    except FhirError as error:
        return {"response": {"status": _status_line(error.status), "outcome": error.outcome()}}
    return {"resource": resource, "response": {"status": _status_line(HTTPStatus.OK)}}


def _requested_url(entry: Any) -> str:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        raise FhirError(400, "structure", "Bundle.entry.request.url is missing")
    if request.get("method") != "GET":
        raise FhirError(405, "not-supported", "Only GET is supported in a batch")
    url: str = request["url"]
    return url


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
