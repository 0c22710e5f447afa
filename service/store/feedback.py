"""What clinicians did with the cards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import sqlalchemy
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cds_hooks.protocol.feedback import FeedbackItem
from service.store.audit import storable
from service.store.audit_key import AuditKey
from service.store.backlog import Backlog, Document
from service.store.database import Database, DatabaseUnavailableError
from service.store.tables import card, feedback

log = structlog.get_logger(__name__)

SPOOL_KIND = "feedback"
"""Word for feedback in the spool and in the metrics."""

_LONGEST_COMMENT = 2000
_LIMIT_S = 0.5


@dataclass(frozen=True, slots=True)
class StoredFeedback:
    """One stored item, in words that metrics may use.

    Attributes:
        topic: topic of its card, "" while the card is not known.
        outcome: `accepted` or `overridden`.
        reason: our word for the reason given, see `FeedbackStore`.
    """

    topic: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the items of one report.

    Attributes:
        stored: items stored, known card or not.
        repeated: items that were stored before.
        unknown: stored items whose card is not known (yet).
        foreign: items about a card another client got; not stored.
        spooled: items that wait on disk for the database.
        items: the items stored.
    """

    stored: int = 0
    repeated: int = 0
    unknown: int = 0
    foreign: int = 0
    spooled: int = 0
    items: tuple[StoredFeedback, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """What became of them → how many."""
        names = ("stored", "repeated", "unknown", "foreign", "spooled")
        return {name: count for name in names if (count := getattr(self, name))}


class FeedbackStore:
    """Stores feedback; the same report twice is one row. While the database is down it waits in the spool."""

    def __init__(
        self,
        database: Database,
        backlog: Backlog,
        key: AuditKey,
        *,
        reason_of: Callable[[str, FeedbackItem], str] = lambda _client, _item: "",
        on_tally: Callable[[Tally], None] = lambda _tally: None,
    ) -> None:
        """Put the parts together.

        Args:
            database: where feedback belongs.
            backlog: where it waits.
            key: seals what waits.
            reason_of: client and item → our word for the override reason, "" for none.
            on_tally: hears what became of each report, and later of what waited in the spool.
        """
        self._on_tally = on_tally
        self._database, self._backlog, self._key, self._reason_of = database, backlog, key, reason_of
        backlog.register(SPOOL_KIND, self._store_spooled)

    def record(self, client: str, service_id: str, items: Sequence[FeedbackItem], received: datetime) -> Tally:
        """Store a report. When this returns, it survives the end of the process.

        Args:
            client: who sent it.
            service_id: the service whose cards it is about.
            items: one per card.
            received: the present instant.

        Raises:
            DatabaseUnavailableError: neither database nor spool took it; it may be sent again.
        """
        rows = [
            {**_columns(item, client, service_id), "received": received, "reason": self._reason_of(client, item)}
            for item in items
        ]
        try:
            tally = self._store(rows)
        except DatabaseUnavailableError:
            self._to_spool(rows)
            tally = Tally(spooled=len(rows))
        else:
            self._backlog.attend()
        self._on_tally(tally)
        return tally

    def _store(self, rows: Sequence[Mapping[str, Any]]) -> Tally:
        store = partial(_store, rows=rows)
        try:
            return self._database.run(store, limit_s=_LIMIT_S)
        except IntegrityError:  # the same report arrived twice at once; now the other one is there
            return self._database.run(store, limit_s=_LIMIT_S)

    def _to_spool(self, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            for row in rows:
                self._backlog.put(SPOOL_KIND, {"item": row, "seal": self._key.seal_feedback(_content(row))})
        except OSError as error:
            log.critical("feedback not taken", error_type=type(error).__name__)
            raise DatabaseUnavailableError("neither database nor spool") from error

    def _store_spooled(self, document: Document) -> bool:
        try:
            item = document["item"]
            row = {name: datetime.fromisoformat(item[name]) for name in ("received", "outcome_time")}
            row = {**item, **row}
            intact = bool(self._key.seal_feedback(_content(row)) == document["seal"])
        except (ValueError, KeyError, TypeError):
            return False
        if intact:
            store = partial(_store, rows=[row])
            try:
                tally = self._database.run_unhurried(store)
            except IntegrityError:  # sent again meanwhile
                tally = self._database.run_unhurried(store)
            self._on_tally(tally)
        return intact


def _store(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Tally:
    repeated = unknown = foreign = 0
    stored: list[StoredFeedback] = []
    for row in rows:
        known = connection.execute(
            sqlalchemy.select(card.c.client, card.c.topic).where(card.c.uuid == row["card"])
        ).first()
        if known is not None and known.client != row["client"]:
            foreign += 1
        elif connection.execute(sqlalchemy.select(feedback.c.id).where(feedback.c.id == row["id"])).first():
            repeated += 1
        else:
            topic = known.topic if known is not None else ""
            connection.execute(feedback.insert(), {**row, "topic": topic})
            stored.append(StoredFeedback(topic, row["outcome"], row["reason"]))
            unknown += known is None
    return Tally(len(stored), repeated, unknown, foreign, items=tuple(stored))


def _content(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)


def _columns(item: FeedbackItem, client: str, service_id: str) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: storable(value, _LONGEST_COMMENT) if name == "comment" else storable(value)
        for name, value in asdict(item).items()
        if isinstance(value, str)
    }
    columns["outcome_time"] = item.outcome_time.astimezone(UTC)
    columns["accepted_suggestions"] = [storable(suggestion) for suggestion in item.accepted_suggestions]
    columns |= {"client": client, "service_id": service_id}
    identity = orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)
    return {**columns, "id": hashlib.sha256(identity).hexdigest()}
