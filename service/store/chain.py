"""One hash chain per worker process: a row that is changed, moved or taken out later does not go unnoticed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from service.store.audit_key import AuditKey


@dataclass(frozen=True, slots=True)
class Link:
    """Place of a row in its chain.

    Attributes:
        chain: id of the chain.
        position: 0 for the first row of the chain.
        previous: digest of the row before, "" for the first.
        digest: keyed hash over place, previous digest and content.
    """

    chain: str
    position: int
    previous: str
    digest: str


class Chain:
    """The chain this process writes; threads may share it."""

    def __init__(self, key: AuditKey, chain_id: str) -> None:
        self.id = chain_id
        self._key = key
        self._lock = threading.Lock()
        self._position, self._previous = 0, ""

    def append(self, content: bytes) -> Link:
        """Return the link for the next row."""
        with self._lock:
            digest = _digest(self._key, self.id, self._position, self._previous, content)
            link = Link(self.id, self._position, self._previous, digest)
            self._position, self._previous = self._position + 1, digest
        return link


def is_intact(key: AuditKey, link: Link, content: bytes) -> bool:
    """Whether a row still has the place and content it was sealed with."""
    return _digest(key, link.chain, link.position, link.previous, content) == link.digest


def _digest(key: AuditKey, chain: str, position: int, previous: str, content: bytes) -> str:
    return key.seal(chain.encode(), str(position).encode(), previous.encode(), content)
