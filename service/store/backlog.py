"""What waits for the database: written to the spool, moved into the database when it is back.

Each line says of what kind it is; who stores that kind checks its seal, so that a line changed on disk is not stored.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import structlog

from service.store.database import Database, DatabaseUnavailableError
from service.store.spool import Spool

log = structlog.get_logger(__name__)

Document = dict[str, Any]
Store = Callable[[Document], bool]
"""Stores one document, which it may have stored before; False when it is damaged and can never be stored."""


class Backlog:
    """The spool of this process and the way from there to the database."""

    def __init__(self, database: Database, spool: Spool, *, on_spooled: Callable[[str], None] = lambda _: None) -> None:
        """Put the parts together.

        Args:
            database: where everything belongs.
            spool: where it waits.
            on_spooled: called with the kind of everything that goes to the spool.
        """
        self.spool = spool
        self._database, self._on_spooled = database, on_spooled
        self._stores: dict[str, Store] = {}
        self._due = threading.Event()
        if spool.waiting:
            self._due.set()

    def register(self, kind: str, store: Store) -> None:
        """Say who stores the documents of a kind."""
        self._stores[kind] = store

    def put(self, kind: str, document: Mapping[str, Any]) -> None:
        """Write a document to the spool. When this returns, it survives the end of the process.

        Raises:
            OSError: it could not be written.
        """
        self.spool.append(orjson.dumps({"kind": kind, **document}))
        self._due.set()
        self._on_spooled(kind)

    def attend(self) -> None:
        """After something went through to the database: move what waits, in the background."""
        if self._due.is_set():
            self._due.clear()
            self._database.later(self._replay_or_remember)

    def replay(self) -> int:
        """Move what waits into the database, also what processes that ended have left behind.

        Returns:
            how many documents were moved.

        Raises:
            DatabaseUnavailableError: the database is not back yet; what is left waits on.
        """
        moved = self.spool.replay(self._store_line)
        if moved:
            log.info("spooled rows moved to the database", count=moved)
        return moved

    def replay_if_any(self) -> None:
        """Move what waits, if anything does and the database is there. For whoever comes by now and then."""
        if self.spool.has_files():
            try:
                self.replay()
            except DatabaseUnavailableError:
                self._due.set()

    def documents(self, kind: str) -> Iterator[Document]:
        """Yield what waits of one kind in the folder, also of other processes."""
        for line in self.spool.lines():
            with contextlib.suppress(ValueError):
                document = orjson.loads(line)
                if isinstance(document, dict) and document.get("kind") == kind:
                    yield document

    def close(self) -> None:
        """Move what waits into the database if it is there, and leave the rest to other processes."""
        if self.spool.waiting:
            try:
                self.replay()
            except DatabaseUnavailableError:
                log.warning("spooled rows wait for the database")
        self.spool.close()

    def _replay_or_remember(self) -> None:
        try:
            self.replay()
        except Exception:
            self._due.set()
            raise

    def _store_line(self, line: bytes) -> bool:
        try:
            document = orjson.loads(line)
        except ValueError:
            return False
        store = self._stores.get(document.get("kind", "")) if isinstance(document, dict) else None
        return store is not None and store(document)
