"""What an answer of a FHIR server amounts to: the resource that was asked for, or a cause of failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

import orjson

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text, concept_text
from cds_hooks.prefetch import FailureCause

Outcome: TypeAlias = Resource | FailureCause
"""A resource, or why there is none."""

BUNDLE = "Bundle"

_BOM = b"\xef\xbb\xbf"
_LONGEST_TEXT = 500
_UNKNOWN_TYPE = re.compile(
    r"(?:unknown|unsupported|unrecogni[sz]ed|invalid|not supported)\W+(?:\w+\W+){0,2}resource"
    r"|resource\W+(?:\w+\W+){0,4}(?:unknown|unsupported|not\W+(?:supported|known|recogni[sz]ed|available|implemented))",
    re.IGNORECASE,
)
_CAUSES: dict[int, FailureCause] = {
    HTTPStatus.UNAUTHORIZED: FailureCause.TOKEN_REFUSED,
    HTTPStatus.FORBIDDEN: FailureCause.TOKEN_REFUSED,
    HTTPStatus.NOT_FOUND: FailureCause.NOT_FOUND,
    HTTPStatus.GONE: FailureCause.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: FailureCause.TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS: FailureCause.RATE_LIMITED,
}
_MAY_SPEAK_OF_THE_TYPE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_IMPLEMENTED}
)


def decode(body: bytes) -> Any:
    """Decode JSON in UTF-8, with or without a byte order mark; None for anything else."""
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None


def judge(status: int, content: Any, expected: str) -> Outcome:
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
        return FailureCause.OPERATION_OUTCOME if kind == "OperationOutcome" else FailureCause.BAD_ANSWER
    if expected == BUNDLE and _type_is_unknown(status, as_mapping(content)):
        return FailureCause.NOT_SUPPORTED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FailureCause.SERVER_ERROR
    if status >= HTTPStatus.BAD_REQUEST:
        return _CAUSES.get(status, FailureCause.REJECTED)
    return FailureCause.BAD_ANSWER


def batch_outcomes(answer: Outcome, expected: tuple[str, ...]) -> tuple[Outcome, ...]:
    """Take a batch response apart.

    Args:
        answer: the response Bundle, or why there is none.
        expected: resource type each request asked for, in order.

    Returns:
        One outcome for each request, in order.
    """
    if isinstance(answer, FailureCause):
        return (answer,) * len(expected)
    entries = as_list(answer.get("entry"))
    if len(entries) != len(expected):
        # Without one entry for each request nobody knows which is which.
        return (FailureCause.BAD_ANSWER,) * len(expected)
    return tuple(_judge_entry(as_mapping(entry), kind) for entry, kind in zip(entries, expected, strict=True))


def _judge_entry(entry: Mapping[str, Any], expected: str) -> Outcome:
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
    words = " ".join(f"{as_text(one.get('diagnostics'))} {concept_text(one.get('details'))}" for one in issues)
    words = words[:_LONGEST_TEXT]
    if "parameter" in words.lower():
        return False
    return any(as_text(one.get("code")) == "not-supported" for one in issues) or bool(_UNKNOWN_TYPE.search(words))
