"""Reading a feedback report: what the specification says, and what EHRs send.

One broken item does not cost the others of a batch. Both spellings of the override reason are read, and the extension
one large vendor puts in place of the coded reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from cds_hooks.protocol.request import RequestError

_BOM = b"\xef\xbb\xbf"
_OUTCOMES = ("accepted", "overridden")
_EPIC = "com.epic.cdshooks.feedback.overrideReason.reason"
_EPIC_SYSTEM = "urn:com.epic.cdshooks.feedback.overrideReason.reasonCategory"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackItem:
    """What happened to one card.

    Attributes:
        card: uuid of the card.
        outcome: `accepted` or `overridden`.
        outcome_time: when it happened.
        accepted_suggestions: ids of the suggestions taken.
        reason_code: code of the override reason, "" for none.
        reason_system: its code system.
        reason_display: its text.
        comment: what the clinician wrote. May hold anything: stored, never logged.
    """

    card: str
    outcome: str
    outcome_time: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason_code: str = ""
    reason_system: str = ""
    reason_display: str = ""
    comment: str = ""


def read_feedback(body: bytes) -> list[FeedbackItem]:
    """Read a report.

    Args:
        body: UTF-8 JSON.

    Returns:
        the items that can be read, at least one unless the report is empty.

    Raises:
        RequestError: not a report, or no item of it can be read.
    """
    try:
        document = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise RequestError("$", "is not a JSON object in UTF-8") from error
    entries = document.get("feedback") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise RequestError("$.feedback", "must be an array")
    items: list[FeedbackItem] = []
    first_problem: RequestError | None = None
    for number, entry in enumerate(entries):
        try:
            items.append(_read_item(entry, f"$.feedback[{number}]"))
        except RequestError as problem:
            first_problem = first_problem or problem
    if first_problem is not None and not items:
        raise first_problem
    return items


def _read_item(entry: Any, path: str) -> FeedbackItem:
    if not isinstance(entry, Mapping):
        raise RequestError(path, "must be an object")
    card = _required_text(entry, "card", path)
    outcome = _required_text(entry, "outcome", path)
    if outcome not in _OUTCOMES:
        raise RequestError(f"{path}.outcome", "must be accepted or overridden")
    reason = _object(entry.get("overrideReason")) or _object(entry.get("overrideReasons"))
    coding = _object(reason.get("reason")) or _coding_of_epic(_object(reason.get("extension")))
    return FeedbackItem(
        card=_card_id(card),
        outcome=outcome,
        outcome_time=_time(entry, path),
        accepted_suggestions=_suggestions(entry.get("acceptedSuggestions")),
        reason_code=_text(coding.get("code")),
        reason_system=_text(coding.get("system")),
        reason_display=_text(coding.get("display")),
        comment=_text(reason.get("userComment")),
    )


def _card_id(text: str) -> str:
    """Return the uuid as cards spell it, whichever way it came back (capitals, `urn:uuid:`); other ids unchanged."""
    try:
        return str(UUID(text))
    except ValueError:
        return text


def _required_text(entry: Mapping[str, Any], member: str, path: str) -> str:
    value = entry.get(member)
    if not isinstance(value, str) or not value:
        raise RequestError(f"{path}.{member}", "must be a text")
    return value


def _time(entry: Mapping[str, Any], path: str) -> datetime:
    text = _required_text(entry, "outcomeTimestamp", path)
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"{path}.outcomeTimestamp", "must be a date and time") from error


def _suggestions(value: Any) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(name for entry in entries if (name := _text(_object(entry).get("id"))))


def _coding_of_epic(extension: Mapping[str, Any]) -> dict[str, Any]:
    code = _text(extension.get(f"{_EPIC}Category"))
    display = _text(extension.get(f"{_EPIC}Display")) or _text(extension.get(f"{_EPIC}Title"))
    return {"code": code, "system": _EPIC_SYSTEM if code else "", "display": display}


def _object(value: Any) -> Mapping[str, Any]:
    """Return an object, or the first of an array; an empty one for anything else."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
