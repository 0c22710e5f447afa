"""What clinicians did with the cards."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cds_hooks.protocol.feedback import FeedbackItem
from service.store.audit import storable
from service.store.database import Database
from service.store.tables import card, feedback

_LONGEST_COMMENT = 2000
_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the items of one report.

    Attributes:
        stored: items stored, known card or not.
        repeated: items that were stored before.
        unknown: stored items whose card is not known (yet).
        foreign: items about a card another client got; not stored.
    """

    stored: int = 0
    repeated: int = 0
    unknown: int = 0
    foreign: int = 0


class FeedbackStore:
    """Stores feedback; the same report twice is one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, client: str, service_id: str, items: Sequence[FeedbackItem], received: datetime) -> Tally:
        """Store a report.

        Args:
            client: who sent it.
            service_id: the service whose cards it is about.
            items: one per card.
            received: the present instant.

        Raises:
            DatabaseUnavailableError: nothing was stored, or not known to be; the report may be sent again.
        """
        store = partial(_store, client=client, service_id=service_id, items=items, received=received)
        try:
            return self._database.run(store, limit_s=_LIMIT_S)
        except IntegrityError:  # the same report arrived twice at once; now the other one is there
            return self._database.run(store, limit_s=_LIMIT_S)


def _store(
    connection: Connection, client: str, service_id: str, items: Sequence[FeedbackItem], received: datetime
) -> Tally:
    stored = repeated = unknown = foreign = 0
    for item in items:
        columns = _columns(item, client, service_id)
        known = connection.execute(
            sqlalchemy.select(card.c.client, card.c.topic).where(card.c.uuid == columns["card"])
        ).first()
        if known is not None and known.client != client:
            foreign += 1
        elif connection.execute(sqlalchemy.select(feedback.c.id).where(feedback.c.id == columns["id"])).first():
            repeated += 1
        else:
            topic = known.topic if known is not None else ""
            connection.execute(feedback.insert().values(**columns, topic=topic, received=received))
            stored += 1
            unknown += known is None
    return Tally(stored, repeated, unknown, foreign)


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
