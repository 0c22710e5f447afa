"""The latest calls with what every rule answered; nothing that points to a patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy
from sqlalchemy import Connection, Row

from service.rule_trace import RuleResult, expand
from service.store.tables import audit, card, feedback


@dataclass(frozen=True, slots=True)
class CardResponse:
    """What a clinician did with a card: `accepted` or `overridden`, and our word for the reason."""

    card: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecentCall:
    """One call.

    Attributes:
        id: id of the audit row.
        time: evaluation instant.
        client: who called.
        tenant: its tenant, "" for none.
        service_id: the service called.
        hook: the hook.
        hook_instance: `hookInstance`, by which the EHR knows the call.
        outcome: what became of it.
        topics: topic → indicator of everything found.
        cards: card uuid → topic of everything returned.
        rules: what every rule answered.
        sources: data need → where it came from, or why it is missing.
        fhir_requests: FHIR requests made.
        fhir_ms: how long they took together.
        total_ms: how long the call took.
        knowledge_hash: which knowledge was used.
        version: version of the program, "" when not recorded.
        responses: what clinicians did with its cards.
    """

    id: str
    time: datetime
    client: str
    tenant: str
    service_id: str
    hook: str
    hook_instance: str
    outcome: str
    topics: dict[str, str]
    cards: dict[str, str]
    rules: tuple[RuleResult, ...]
    sources: dict[str, str]
    fhir_requests: int
    fhir_ms: float
    total_ms: float
    knowledge_hash: str
    version: str
    responses: tuple[CardResponse, ...] = ()


_COLUMNS = [
    column for column in audit.c if column.name not in ("patient_hmac", "position", "previous", "digest", "chain")
]


def recent_calls(
    connection: Connection,
    *,
    limit: int = 50,
    before: tuple[datetime, str] | None = None,
    client: str = "",
    topic: str = "",
    outcome: str = "",
) -> tuple[RecentCall, ...]:
    """Return calls, the latest first.

    Args:
        connection: of `Database.reading`.
        limit: how many at most.
        before: time and id of the last call of the page before; None for the first page.
        client: of this client only; "" for all.
        topic: only those that returned a card of this topic; "" for all.
        outcome: only those of this outcome; "" for all.
    """
    row = audit.c
    query = sqlalchemy.select(*_COLUMNS).order_by(row.time.desc(), row.id.desc()).limit(limit)
    if before is not None:
        query = query.where(sqlalchemy.tuple_(row.time, row.id) < sqlalchemy.tuple_(
            sqlalchemy.literal(before[0], row.time.type), sqlalchemy.literal(before[1])))  # fmt: skip
    if client:
        query = query.where(row.client == client)
    if outcome:
        query = query.where(row.outcome == outcome)
    if topic:
        from_card = sqlalchemy.select(card.c.audit_id).where(card.c.topic == topic)
        query = query.where(row.id.in_(from_card))
    rows = connection.execute(query).all()
    answered = _responses(connection, [uuid for one in rows for uuid in one.cards])
    return tuple(_call(one, answered) for one in rows)


def call_by_id(connection: Connection, call_id: str) -> RecentCall | None:
    """Return one call by the id of its audit row."""
    row = connection.execute(sqlalchemy.select(*_COLUMNS).where(audit.c.id == call_id)).first()
    return _call(row, _responses(connection, list(row.cards))) if row is not None else None


def _responses(connection: Connection, cards: list[str]) -> dict[str, list[CardResponse]]:
    found: dict[str, list[CardResponse]] = {}
    if cards:
        row = feedback.c
        query = sqlalchemy.select(row.card, row.outcome, row.reason).where(row.card.in_(cards)).order_by(row.received)
        for one in connection.execute(query):
            found.setdefault(one.card, []).append(CardResponse(one.card, one.outcome, one.reason))
    return found


def _call(row: Row[tuple[object, ...]], answered: dict[str, list[CardResponse]]) -> RecentCall:
    values = row._asdict()
    rules, version = values.pop("rules"), values.pop("version")
    responses = tuple(one for uuid in row.cards for one in answered.get(uuid, ()))
    return RecentCall(**values, rules=expand(rules), version=version or "", responses=responses)
