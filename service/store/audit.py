"""The audit log: what was asked and answered, on which knowledge. Of the patient it holds a keyed hash of the id."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import orjson
import sqlalchemy
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from service.store.audit_key import AuditKey
from service.store.backlog import Backlog, Document
from service.store.chain import Chain, Link, is_intact
from service.store.chain_marks import move_head, read_marks
from service.store.database import WRITE_LIMIT_S, Database, DatabaseUnavailableError
from service.store.tables import NAME_LENGTH, audit, card
from service.store.verify import Break, Place, find_breaks

log = structlog.get_logger(__name__)

SPOOL_KIND = "audit"
"""Word for audit rows in the spool and in the metrics."""

_LINK_COLUMNS = ("chain", "position", "previous", "digest")
_ADDED_LATER = ("rules", "version")
_INSERT_ROW = audit.insert()
_INSERT_CARDS = card.insert()


class AuditUnavailableError(Exception):
    """A row could be written neither to the database nor to the spool. It is lost unless the caller keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One answered call.

    Attributes:
        time: evaluation instant.
        client: name of the calling client.
        tenant: its tenant, "" for none.
        service_id: the service called.
        hook: the hook that fired.
        hook_instance: `hookInstance` as sent.
        patient_hmac: `AuditLog.pseudonym` of the patient id, "" when there is none.
        outcome: what became of the call, a short word of the caller's choice.
        topics: topic → indicator of everything that was found, shown or not.
        cards: card uuid → topic of everything that was shown.
        knowledge_hash: which knowledge was used.
        sources: what was looked up → where it came from or what it lacked.
        fhir_requests: how many FHIR requests were made.
        fhir_ms: how long they took together.
        total_ms: how long the call took, the writing of this row left out.
        rules: topic → what its rule answered, see `service.rule_trace`.
        version: version of the program.
        id: unique name of the row.
    """

    time: datetime
    client: str
    service_id: str
    hook: str
    hook_instance: str
    patient_hmac: str
    outcome: str
    tenant: str = ""
    topics: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, str] = field(default_factory=dict)
    knowledge_hash: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    fhir_requests: int = 0
    fhir_ms: float = 0.0
    total_ms: float = 0.0
    rules: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def columns(self) -> dict[str, Any]:
        """Return the values as the table holds them: texts of bounded length, milliseconds to the microsecond."""
        values = {name: _storable_value(getattr(self, name)) for name in _COLUMNS}
        values["time"] = self.time.astimezone(UTC)
        values["fhir_ms"], values["total_ms"] = round(float(self.fhir_ms), 3), round(float(self.total_ms), 3)
        return values


_COLUMNS = tuple(member.name for member in fields(AuditRow))


def storable(text: str, longest: int = NAME_LENGTH) -> str:
    """Return a text from outside as every database can hold it: no NUL, no lone surrogate, not too long."""
    if len(text) <= longest and text.isprintable():  # nearly every text; neither NUL nor surrogates are printable
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:longest]


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_value(item) for item in value]
    return value


class AuditLog:
    """Writes audit rows: to the database, or to the spool until the database is back."""

    def __init__(self, database: Database, backlog: Backlog, chain: Chain, key: AuditKey) -> None:
        """Put the parts together.

        Args:
            database: where rows belong.
            backlog: where they wait.
            chain: the hash chain of this process.
            key: for pseudonyms and for checking the chain.
        """
        self._database, self._backlog, self._chain, self._key = database, backlog, chain, key
        # Rows are written in the order of the chain, so that a process that is killed leaves no gap in it.
        self._turn = threading.Lock()
        backlog.register(SPOOL_KIND, self._store_spooled)

    @property
    def spooling(self) -> bool:
        """Whether rows wait for the database."""
        return self._backlog.spool.waiting

    def pseudonym(self, client: str, patient_id: str) -> str:
        """Return the keyed hash under which rows of this client's patient are stored."""
        return self._key.pseudonym(client, patient_id)

    def record(self, row: AuditRow, *, limit_s: float = WRITE_LIMIT_S) -> None:
        """Store a row. When this returns, the row survives the end of the process.

        Args:
            row: the row.
            limit_s: how long to wait for the database before the row goes to the spool.

        Raises:
            AuditUnavailableError: neither took it. The gap in the chain will show.
        """
        columns = row.columns()
        content = _content(columns)
        deadline = time.monotonic() + limit_s
        my_turn = self._turn.acquire(timeout=limit_s)
        try:
            link = self._chain.append(content)
            left_s = deadline - time.monotonic()
            if not my_turn or left_s <= 0 or not self._to_database(columns, link, left_s):
                self._to_spool(columns, link)
                return
        finally:
            if my_turn:
                self._turn.release()
        self._backlog.attend()

    def replay_spool(self) -> int:
        """Move waiting rows into the database; see `Backlog.replay`."""
        return self._backlog.replay()

    def count(self) -> int:
        """Return how many rows there are."""
        with self._database.reading() as connection:
            return connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(audit)).scalar_one()

    def breaks(self, on_row: Callable[[], None] = lambda: None) -> Iterator[Break]:
        """Check the chains of all rows in the database, one row after the other.

        Rows that wait in the spool of this machine are not missing; those in the spool of another machine are, until
        that machine has moved them.

        Args:
            on_row: called for every row that was read.
        """
        ordered = sqlalchemy.select(audit).order_by(audit.c.chain, audit.c.position)
        with self._database.reading() as connection:
            marks = read_marks(connection, self._key)
            waiting = self._waiting_places()

            def rows() -> Iterator[tuple[Link, bytes]]:
                for row in connection.execute(ordered):
                    on_row()
                    columns = row._asdict()
                    yield _link(columns), _content(columns)

            yield from find_breaks(self._key, rows(), marks, waiting)

    def find_breaks(self) -> list[str]:
        """Check the chains of all rows in the database; one sentence for everything that is wrong."""
        return [str(one) for one in self.breaks()]

    def _to_database(self, columns: Mapping[str, Any], link: Link, limit_s: float) -> bool:
        try:
            self._database.run(partial(_insert, columns=columns, link=link, key=self._key), limit_s=limit_s)
        except (DatabaseUnavailableError, IntegrityError):
            return False
        return True

    def _to_spool(self, columns: Mapping[str, Any], link: Link) -> None:
        try:
            self._backlog.put(SPOOL_KIND, {"row": columns, "link": link})
        except OSError as error:
            log.critical("audit row lost", error_type=type(error).__name__)
            raise AuditUnavailableError from error

    def _store_spooled(self, document: Document) -> bool:
        if (read := self._read_spooled(document)) is None:
            return False
        columns, link = read
        try:
            self._database.run_unhurried(partial(_insert_once, columns=columns, link=link, key=self._key))
        except IntegrityError:
            return self._database.run_unhurried(partial(_is_stored, row_id=columns["id"]))
        return True

    def _read_spooled(self, document: Document) -> tuple[dict[str, Any], Link] | None:
        """Return the columns and the link of a spooled row, None if it was changed on disk."""
        try:
            link = msgspec.convert(document["link"], Link)
            columns = {**document["row"], "time": datetime.fromisoformat(document["row"]["time"])}
            return (columns, link) if is_intact(self._key, link, _content(columns)) else None
        except (ValueError, KeyError, TypeError):
            return None

    def _waiting_places(self) -> frozenset[Place]:
        places: set[Place] = set()
        for document in self._backlog.documents(SPOOL_KIND):
            if (read := self._read_spooled(document)) is not None:
                places.add((read[1].chain, read[1].position))
        return frozenset(places)


def _content(columns: Mapping[str, Any]) -> bytes:
    """Return what the chain seals: every column but those of the chain itself.

    Columns that were added later are empty in older rows, and left out there, as they were when the row was sealed.
    """
    sealed = {
        str(name): value
        for name, value in columns.items()
        if name not in _LINK_COLUMNS and not (name in _ADDED_LATER and value is None)
    }
    return orjson.dumps(sealed, option=orjson.OPT_SORT_KEYS)


def _link(row: Mapping[str, Any]) -> Link:
    return Link(*(row[name] for name in _LINK_COLUMNS))


def _insert(connection: Connection, columns: Mapping[str, Any], link: Link, key: AuditKey) -> None:
    place = {"chain": link.chain, "position": link.position, "previous": link.previous, "digest": link.digest}
    connection.execute(_INSERT_ROW, {**columns, **place})
    if columns["cards"]:
        connection.execute(
            _INSERT_CARDS,
            [
                {
                    "uuid": name,
                    "audit_id": columns["id"],
                    "client": columns["client"],
                    "service_id": columns["service_id"],
                    "topic": topic,
                    "indicator": columns["topics"].get(topic, ""),
                }
                for name, topic in columns["cards"].items()
            ],
        )
    move_head(connection, key, link)


def _insert_once(connection: Connection, columns: Mapping[str, Any], link: Link, key: AuditKey) -> None:
    if not _is_stored(connection, columns["id"]):
        _insert(connection, columns, link, key)


def _is_stored(connection: Connection, row_id: str) -> bool:
    return connection.execute(sqlalchemy.select(audit.c.id).where(audit.c.id == row_id)).first() is not None
