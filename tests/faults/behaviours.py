"""What the faulty server does. Each function answers one request and returns whether the connection stays open."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.faults.conversation import Conversation

NOT_ALLOWED = "https://elsewhere.invalid/fhir/Observation"

_BUNDLE_START = b'{"resourceType": "Bundle", "type": "searchset", "entry": ['
_MEGABYTE = b" " * 1_000_000
_BOMB = gzip.compress(_MEGABYTE * 50)
_OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "It failed."}],
}


def status(code: int, **headers: Any) -> Callable[[Conversation], bool]:
    """Always answer with a status."""

    def behave(conversation: Conversation) -> bool:
        conversation.answer(code, b"" if code == 204 else _OUTCOME, **headers)
        return True

    return behave


def once(code: int, **headers: Any) -> Callable[[Conversation], bool]:
    """Answer with a status the first time, then well."""

    def behave(conversation: Conversation) -> bool:
        if conversation.attempt > 1:
            conversation.good()
        else:
            conversation.answer(code, _OUTCOME, **headers)
        return True

    return behave


def reset(conversation: Conversation) -> None:
    conversation.reset()


def reset_mid_body(conversation: Conversation) -> None:
    conversation.head(content_length=5000)
    conversation.send(_BUNDLE_START)
    time.sleep(0.01)
    conversation.reset()


def reset_once(conversation: Conversation) -> bool | None:
    if conversation.attempt > 1:
        conversation.good()
        return True
    return reset(conversation)


def close(conversation: Conversation) -> None:
    """Close the connection, in good order, without a word."""


def length_too_long(conversation: Conversation) -> None:
    _, content = conversation.good_body()
    body = json.dumps(content).encode()
    conversation.head(content_length=len(body) + 100)
    conversation.send(body)


def length_left_open(conversation: Conversation) -> None:
    length_too_long(conversation)
    conversation.wait()


def length_too_short(conversation: Conversation) -> bool:
    _, content = conversation.good_body()
    body = json.dumps(content).encode()
    conversation.head(content_length=len(body) - 20)
    conversation.send(body)
    return True


def cut_chunks(conversation: Conversation) -> None:
    conversation.head(transfer_encoding="chunked")
    conversation.send(b"%x\r\n%s" % (len(_BUNDLE_START) + 50, _BUNDLE_START))


def not_http(conversation: Conversation) -> None:
    conversation.send(b"220 mail.example.org ESMTP\r\n")


def endless_headers(conversation: Conversation) -> None:
    conversation.send(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100_000):
        conversation.send(b"X-More: and more\r\n" * 50)


def slow_but_in_time(conversation: Conversation) -> bool:
    time.sleep(0.15)
    conversation.good()
    return True


def silent(conversation: Conversation) -> None:
    conversation.wait()


def drip_headers(conversation: Conversation) -> None:
    conversation.drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n")


def drip_body(conversation: Conversation) -> None:
    conversation.head(content_length=5000)
    conversation.drip(b'{"resourceType": "Bundle", "type": ')


def drip_chunks(conversation: Conversation) -> None:
    conversation.head(transfer_encoding="chunked")
    for _ in range(60):
        time.sleep(0.05)
        conversation.send(b"1\r\n \r\n")


def interim(conversation: Conversation) -> None:
    for _ in range(60):
        conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def bad_gateway(conversation: Conversation) -> bool:
    conversation.answer(502, b"<html><h1>Bad Gateway</h1></html>", "text/html")
    return True


def sort_refused(conversation: Conversation) -> bool:
    if "_sort" in conversation.target:
        issue = {"severity": "error", "code": "not-supported", "diagnostics": "The parameter _sort is not supported."}
        conversation.answer(400, {"resourceType": "OperationOutcome", "issue": [issue]})
    else:
        conversation.good()
    return True


def redirect_circle(conversation: Conversation) -> bool:
    conversation.answer(302, location=f"{conversation.base}/{conversation.target}")
    return True


def redirect_away(conversation: Conversation) -> bool:
    conversation.answer(302, location=NOT_ALLOWED)
    return True


def redirect_origin(conversation: Conversation) -> bool:
    conversation.answer(307, location=f"{conversation.elsewhere}/{conversation.target}")
    return True


def html(conversation: Conversation) -> bool:
    conversation.answer(200, b"<!doctype html><title>Please log in</title>", "text/html")
    return True


def truncated_json(conversation: Conversation) -> bool:
    _, content = conversation.good_body()
    conversation.answer(200, json.dumps(content).encode()[:-10])
    return True


def nan(conversation: Conversation) -> bool:
    conversation.answer(200, b'{"resourceType": "Bundle", "type": "searchset", "total": NaN}')
    return True


def deep_json(conversation: Conversation) -> bool:
    conversation.answer(200, b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000)
    return True


def utf_16(conversation: Conversation) -> bool:
    _, content = conversation.good_body()
    conversation.answer(200, json.dumps(content).encode("utf-16"))
    return True


def bad_gzip(conversation: Conversation) -> bool:
    conversation.answer(200, b"this is no gzip", content_encoding="gzip")
    return True


def wrong_type(conversation: Conversation) -> bool:
    conversation.answer(200, {"resourceType": "Practitioner", "id": "someone"})
    return True


def outcome(conversation: Conversation) -> bool:
    conversation.answer(200, _OUTCOME)
    return True


def _changed_search(change: Callable[[Conversation, dict[str, Any]], None]) -> Callable[[Conversation], bool]:
    """Answer reads well, and searches with a changed Bundle."""

    def behave(conversation: Conversation) -> bool:
        code, content = conversation.good_body()
        if conversation.is_search and code == 200:
            change(conversation, content)
        conversation.answer(code, content)
        return True

    return behave


def _add_outcome(_: Conversation, bundle: dict[str, Any]) -> None:
    entry = {"resource": _OUTCOME, "search": {"mode": "outcome"}}
    bundle["entry"] = [*bundle.get("entry", []), entry]


def _empty(_: Conversation, bundle: dict[str, Any]) -> None:
    bundle.pop("entry", None)
    bundle["total"] = 0


def _link_on(conversation: Conversation, bundle: dict[str, Any]) -> None:
    path, _, query = conversation.target.partition("?")
    kept = "&".join(part for part in query.split("&") if not part.startswith("page="))
    link = f"{conversation.base}/{path}?{kept}&page={time.monotonic_ns()}"
    bundle["link"] = [{"relation": "next", "url": link}]


def _link_to_itself(conversation: Conversation, bundle: dict[str, Any]) -> None:
    bundle["link"] = [{"relation": "next", "url": f"{conversation.base}/{conversation.target}"}]


def _link_away(_: Conversation, bundle: dict[str, Any]) -> None:
    bundle["link"] = [{"relation": "next", "url": NOT_ALLOWED}]


def _link_to_origin(conversation: Conversation, bundle: dict[str, Any]) -> None:
    bundle["link"] = [{"relation": "next", "url": f"{conversation.elsewhere}/{conversation.target}"}]


outcome_beside = _changed_search(_add_outcome)
empty = _changed_search(_empty)
endless_next = _changed_search(_link_on)
next_circle = _changed_search(_link_to_itself)
next_away = _changed_search(_link_away)
next_origin = _changed_search(_link_to_origin)


def large(conversation: Conversation) -> None:
    conversation.head(content_length=len(_MEGABYTE) * 50)
    conversation.send(_BUNDLE_START)
    for _ in range(50):
        conversation.send(_MEGABYTE)


def large_gzip(conversation: Conversation) -> bool:
    conversation.answer(200, _BOMB, content_encoding="gzip")
    return True


def _tomorrow(seconds: float = 0.0) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(days=1, seconds=seconds), usegmt=True)


def date_off(conversation: Conversation) -> bool:
    conversation.good(date=_tomorrow())
    return True


def date_off_retry(conversation: Conversation) -> bool:
    if conversation.attempt > 1:
        conversation.good(date=_tomorrow())
    else:
        conversation.answer(429, _OUTCOME, date=_tomorrow(), retry_after=_tomorrow())
    return True
