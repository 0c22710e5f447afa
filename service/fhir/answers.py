"""What an answer of a FHIR server amounts to: the resource that was asked for, a refusal, or a cause of failure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias

import orjson

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text, concept_text
from cds_hooks.prefetch import FailureCause

Outcome: TypeAlias = Resource | FailureCause
"""A resource, or why there is none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A server did not accept a search; it may accept a simpler one.

    Attributes:
        cause: what it amounts to if the search cannot be simplified.
        words: what the server said about it, shortened. They may hold anything: never shown, never logged.
    """

    cause: FailureCause
    words: str = field(default="", repr=False)


Judgement: TypeAlias = Outcome | Refusal
"""What one request came to."""

BUNDLE = "Bundle"

_BOM = b"\xef\xbb\xbf"
_LONGEST_TEXT = 500
_UNKNOWN_TYPE = re.compile(
    r"(?:unknown|unsupported|unrecogni[sz]ed|invalid|not supported)\W+(?:\w+\W+){0,2}resource"
    r"|resource\W+(?:\w+\W+){0,4}(?:unknown|unsupported|not\W+(?:supported|known|recogni[sz]ed|available|implemented))",
    re.IGNORECASE,
)
_SPEAKS_OF_PARAMETERS = re.compile(r"parameter|sort|include|_count", re.IGNORECASE)
_CAUSES: dict[int, FailureCause] = {
    HTTPStatus.UNAUTHORIZED: FailureCause.TOKEN_REFUSED,
    HTTPStatus.FORBIDDEN: FailureCause.TOKEN_REFUSED,
    HTTPStatus.NOT_FOUND: FailureCause.NOT_FOUND,
    HTTPStatus.GONE: FailureCause.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: FailureCause.TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS: FailureCause.RATE_LIMITED,
}
_MAY_SPEAK_OF_PARAMETERS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_MAY_SPEAK_OF_THE_TYPE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_IMPLEMENTED}
)


def decode(body: bytes) -> Any:
    """Decode JSON in UTF-8, with or without a byte order mark; None for anything else."""
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None


def judge(status: int, content: Any, expected: str) -> Judgement:
    """Tell what an answer amounts to.

    Args:
        status: HTTP status, of the response or of an entry of a batch response.
        content: its decoded body, None when it has none that can be read.
        expected: resource type that was asked for; `Bundle` for a search.
    """
    kind = as_mapping(content).get("resourceType")
    if status == HTTPStatus.OK:
        if kind == expected:
            return as_mapping(content)
        if kind != "OperationOutcome":
            return FailureCause.BAD_ANSWER
        cause = FailureCause.OPERATION_OUTCOME
        return Refusal(cause, outcome_words(content)) if expected == BUNDLE else cause
    if expected == BUNDLE:
        unknown = _type_is_unknown(status, as_mapping(content))
        if status in _MAY_SPEAK_OF_PARAMETERS:
            cause = FailureCause.NOT_SUPPORTED if unknown else FailureCause.REJECTED
            return Refusal(cause, outcome_words(content))
        if unknown:
            return FailureCause.NOT_SUPPORTED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FailureCause.SERVER_ERROR
    if status >= HTTPStatus.BAD_REQUEST:
        return _CAUSES.get(status, FailureCause.REJECTED)
    return FailureCause.BAD_ANSWER


def batch_outcomes(content: Any, expected: tuple[str, ...]) -> tuple[Judgement, ...] | None:
    """Take a batch response apart.

    Args:
        content: the decoded body of an answer with status 200.
        expected: resource type each request asked for, in order.

    Returns:
        One outcome for each request, in order; None if this is no response to the batch. Without one entry for each
        request nobody knows which is which.
    """
    bundle = as_mapping(content)
    entries = as_list(bundle.get("entry"))
    if bundle.get("resourceType") != BUNDLE or len(entries) != len(expected):
        return None
    return tuple(_judge_entry(as_mapping(entry), kind) for entry, kind in zip(entries, expected, strict=True))


def outcome_words(content: Any) -> str:
    """Return what an OperationOutcome, or the outcome entries of a Bundle, say in words; shortened."""
    return " ".join(filter(None, _words(as_mapping(content))))[:_LONGEST_TEXT]


def _words(resource: Mapping[str, Any]) -> Iterator[str]:
    if resource.get("resourceType") == BUNDLE:
        for entry in map(as_mapping, as_list(resource.get("entry"))):
            if (outcome := as_mapping(entry.get("resource"))).get("resourceType") == "OperationOutcome":
                yield from _words(outcome)
    for issue in map(as_mapping, as_list(resource.get("issue"))):
        yield as_text(issue.get("diagnostics"))
        yield concept_text(issue.get("details"))


def _judge_entry(entry: Mapping[str, Any], expected: str) -> Judgement:
    response = as_mapping(entry.get("response"))
    status = re.match(r"\d{3}", as_text(response.get("status")))
    if status is None:
        return FailureCause.BAD_ANSWER
    return judge(int(status[0]), entry.get("resource") or response.get("outcome"), expected)


def _type_is_unknown(status: int, outcome: Mapping[str, Any]) -> bool:
    """Whether a server says that it has no such resource type.

    A complaint about a search parameter is none: a server that does not know a parameter may well hold the records.
    """
    if status == HTTPStatus.NOT_FOUND:
        return True
    if status not in _MAY_SPEAK_OF_THE_TYPE:
        return False
    issues = [as_mapping(issue) for issue in as_list(outcome.get("issue"))]
    words = outcome_words(outcome)
    if _SPEAKS_OF_PARAMETERS.search(words):
        return False
    return any(as_text(one.get("code")) == "not-supported" for one in issues) or bool(_UNKNOWN_TYPE.search(words))
