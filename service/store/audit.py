"""The audit log: what was asked and answered, on which knowledge. Of the patient it holds a keyed hash of the id."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import orjson
import sqlalchemy
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from service.store.audit_key import AuditKey
from service.store.chain import Chain, Link, find_breaks, is_intact
from service.store.database import WRITE_LIMIT_S, Database, DatabaseUnavailableError
from service.store.spool import Spool
from service.store.tables import NAME_LENGTH, audit, card, feedback

log = structlog.get_logger(__name__)

_PURGE_EVERY = timedelta(days=1)
_PURGE_BATCH = 500
_LINK_COLUMNS = ("chain", "position", "previous", "digest")


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
        total_ms: how long the call took.
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
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def columns(self) -> dict[str, Any]:
        """Return the values as the table holds them: texts of bounded length, milliseconds to the microsecond."""
        values = {member.name: getattr(self, member.name) for member in fields(self)}
        for name, value in values.items():
            match value:
                case str():
                    values[name] = storable(value)
                case Mapping():
                    values[name] = {storable(key): storable(item) for key, item in value.items()}
        values["time"] = self.time.astimezone(UTC)
        values["fhir_ms"], values["total_ms"] = round(float(self.fhir_ms), 3), round(float(self.total_ms), 3)
        return values


def storable(text: str, longest: int = NAME_LENGTH) -> str:
    """Return a text from outside as every database can hold it: no NUL, no lone surrogate, not too long."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:longest]


class AuditLog:
    """Writes audit rows: to the database, or to the spool until the database is back."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        chain: Chain,
        key: AuditKey,
        *,
        retention: timedelta,
        clock: Callable[[], datetime],
        on_spooled: Callable[[], None] = lambda: None,
    ) -> None:
        """Put the parts together.

        Args:
            database: where rows belong.
            spool: where they wait.
            chain: the hash chain of this process.
            key: for pseudonyms and for checking the chain.
            retention: how long rows are kept.
            clock: the present instant, for the retention.
            on_spooled: called for every row that went to the spool.
        """
        self._database, self._spool, self._chain, self._key = database, spool, chain, key
        self._retention, self._clock, self._on_spooled = retention, clock, on_spooled
        self._replay_due = spool.waiting
        self._next_purge = datetime.min.replace(tzinfo=UTC)

    @property
    def spooling(self) -> bool:
        """Whether rows wait for the database."""
        return self._spool.waiting

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
        link = self._chain.append(_content(columns))
        try:
            self._database.run(partial(_insert, columns=columns, link=link), limit_s=limit_s)
        except (DatabaseUnavailableError, IntegrityError):
            self._to_spool(columns, link)
            return
        self._attend_to_leftovers()

    def replay_spool(self) -> int:
        """Move waiting rows into the database.

        Returns:
            how many rows were moved.

        Raises:
            DatabaseUnavailableError: the database is not back yet; what is left waits on.
        """
        moved = self._spool.replay(self._store_line)
        if moved:
            log.info("spooled rows moved to the database", count=moved)
        return moved

    def purge(self) -> int:
        """Delete what is older than the retention period, cards and feedback included.

        Returns:
            how many audit rows were deleted.

        Raises:
            DatabaseUnavailableError: the database is down; nothing is lost but time.
        """
        before = self._clock() - self._retention
        deleted = 0
        while batch := self._database.run_unhurried(partial(_delete_older, before=before)):
            deleted += batch
        self._database.run_unhurried(lambda connection: connection.execute(_older_feedback(before)))
        return deleted

    def find_breaks(self) -> list[str]:
        """Check the chains of all rows in the database; see `chain.find_breaks`."""
        ordered = sqlalchemy.select(audit).order_by(audit.c.chain, audit.c.position)
        with self._database.reading() as connection:
            rows = (dict(row) for row in connection.execute(ordered).mappings())
            return find_breaks(self._key, ((_link(row), _content(row)) for row in rows))

    def close(self) -> None:
        """Move what waits into the database if it is there, and leave the rest to other processes."""
        if self._spool.waiting:
            try:
                self.replay_spool()
            except DatabaseUnavailableError:
                log.warning("spooled rows wait for the database")
        self._spool.close()

    def _to_spool(self, columns: Mapping[str, Any], link: Link) -> None:
        try:
            self._spool.append(orjson.dumps({"row": columns, "link": link}))
        except OSError as error:
            log.critical("audit row lost", error_type=type(error).__name__)
            raise AuditUnavailableError from error
        self._replay_due = True
        self._on_spooled()

    def _attend_to_leftovers(self) -> None:
        """After a row went through: the database is there, so do in the background what waited for it."""
        if self._replay_due:
            self._replay_due = False
            self._database.later(self._replay_or_remember)
        if (now := self._clock()) >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            self._database.later(self.purge)

    def _replay_or_remember(self) -> None:
        try:
            self.replay_spool()
        except Exception:
            self._replay_due = True
            raise

    def _store_line(self, line: bytes) -> bool:
        try:
            document = orjson.loads(line)
            link = msgspec.convert(document["link"], Link)
            columns = {**document["row"], "time": datetime.fromisoformat(document["row"]["time"])}
            intact = is_intact(self._key, link, _content(columns))
        except (ValueError, KeyError, TypeError):
            return False
        if not intact:
            return False
        try:
            self._database.run_unhurried(partial(_insert_once, columns=columns, link=link))
        except IntegrityError:
            return self._database.run_unhurried(partial(_is_stored, row_id=columns["id"]))
        return True


def _content(columns: Mapping[str, Any]) -> bytes:
    """Return what the chain seals: every column but those of the chain itself."""
    sealed = {str(name): value for name, value in columns.items() if name not in _LINK_COLUMNS}
    return orjson.dumps(sealed, option=orjson.OPT_SORT_KEYS)


def _link(row: Mapping[str, Any]) -> Link:
    return Link(*(row[name] for name in _LINK_COLUMNS))


def _insert(connection: Connection, columns: Mapping[str, Any], link: Link) -> None:
    connection.execute(
        audit.insert().values(
            **columns, chain=link.chain, position=link.position, previous=link.previous, digest=link.digest
        )
    )
    if columns["cards"]:
        connection.execute(
            card.insert(),
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


def _insert_once(connection: Connection, columns: Mapping[str, Any], link: Link) -> None:
    if not _is_stored(connection, columns["id"]):
        _insert(connection, columns, link)


def _is_stored(connection: Connection, row_id: str) -> bool:
    return connection.execute(sqlalchemy.select(audit.c.id).where(audit.c.id == row_id)).first() is not None


def _delete_older(connection: Connection, before: datetime) -> int:
    oldest = sqlalchemy.select(audit.c.id).where(audit.c.time < before).limit(_PURGE_BATCH)
    return connection.execute(audit.delete().where(audit.c.id.in_(oldest))).rowcount


def _older_feedback(before: datetime) -> sqlalchemy.Delete:
    return feedback.delete().where(feedback.c.received < before)
