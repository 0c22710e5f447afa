"""Parts of authentication, put together for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.auth.authenticator import Authenticator
from service.auth.key_ring import KeyRing
from service.auth.replay import ReplayGuard
from service.store.database import Database, open_database
from service.store.tables import metadata


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'auth.sqlite3'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def authenticator_for(database: Database, clock: Any) -> Callable[..., Authenticator]:
    """Makes an authenticator for some clients."""

    def make(*clients: Any, **ring: Any) -> Authenticator:
        return Authenticator(
            clients=clients,
            base_url="https://cds.example.org/base",
            keys=KeyRing(clients, **ring),
            replay=ReplayGuard(database, clock=clock),
            clock=clock,
        )

    return make
