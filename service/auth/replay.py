"""A token is good for one call: its id is remembered until it would be refused as expired anyway."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from service.auth.caller import Refusal, Unauthenticated
from service.store.database import Database, DatabaseUnavailableError
from service.store.tables import jti as seen

_MOST_REMEMBERED = 10_000
_PURGE_EVERY_S = 60.0
_CLOCKS_MAY_DIFFER = timedelta(minutes=5)


class ReplayGuard:
    """Remembers token ids in the database, shared by all workers and instances.

    While the database is down, each process remembers on its own: a token could then be used once per process.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        on_fallback: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put the parts together.

        Args:
            database: where token ids are remembered.
            clock: the present instant.
            on_fallback: called whenever the database did not answer in time.
            monotonic: clock for the housekeeping.
        """
        self._database, self._clock, self._on_fallback, self._monotonic = database, clock, on_fallback, monotonic
        self._remembered: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()
        self._purged_at = monotonic()

    def use(self, issuer: str, token_id: str, expires: datetime) -> None:
        """Note that a token was used. To be called only when everything else about it is in order.

        Args:
            issuer: configured issuer of the token.
            token_id: its `jti`.
            expires: when it may be forgotten.

        Raises:
            Unauthenticated: it was used before.
        """
        key = (issuer, token_id)
        with self._lock:
            if key in self._remembered:
                raise Unauthenticated(Refusal.REPLAYED, issuer)
        row = seen.insert().values(issuer=issuer, jti=token_id, expires=expires)
        try:
            self._database.run(lambda connection: connection.execute(row))
        except IntegrityError as error:
            raise Unauthenticated(Refusal.REPLAYED, issuer) from error
        except DatabaseUnavailableError:
            self._on_fallback()
            self._remember(key, expires)
            return
        self._forget_expired()

    def _remember(self, key: tuple[str, str], expires: datetime) -> None:
        with self._lock:
            if key in self._remembered:
                raise Unauthenticated(Refusal.REPLAYED, key[0])
            if len(self._remembered) >= _MOST_REMEMBERED:
                now = self._clock()
                self._remembered = {known: end for known, end in self._remembered.items() if end > now}
            if len(self._remembered) >= _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = expires

    def _forget_expired(self) -> None:
        with self._lock:
            now = self._monotonic()
            if now - self._purged_at < _PURGE_EVERY_S:
                return
            self._purged_at = now
        self._database.later(partial(self._database.run_unhurried, partial(_delete_expired, now=self._clock())))


def _delete_expired(connection: Connection, now: datetime) -> None:
    # Another instance whose clock is behind may still accept what has expired here.
    connection.execute(seen.delete().where(seen.c.expires < now - _CLOCKS_MAY_DIFFER))
