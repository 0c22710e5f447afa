"""Nothing acknowledged is lost when a worker process is killed, at whatever moment, with and without the database."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from service.config import Settings
from service.store.database import Database
from service.store.store import open_store
from service.store.tables import audit, feedback

WRITER = """
import sys
import time
from datetime import UTC, datetime
from cds_hooks.protocol.feedback import FeedbackItem
from service.config import Settings
from service.store.audit import AuditRow
from service.store.store import open_store

url, spool = sys.argv[1:]
settings = Settings.load({"LENCDS_AUTH": "off", "LENCDS_DATABASE_URL": url, "LENCDS_AUDIT_KEY": "k" * 32,
                          "LENCDS_SPOOL_DIR": spool}, serving=False)
now = lambda: datetime.now(UTC)
store = open_store(settings, clock=now)
print("ready", flush=True)
while True:
    row = AuditRow(time=now(), client="c", service_id="s", hook="h", hook_instance="i", patient_hmac="",
                   outcome="cards", cards={})
    store.audit.record(row, limit_s=0.03)
    print("call", row.id, flush=True)
    item = FeedbackItem(card=row.id, outcome="accepted", outcome_time=now())
    store.feedback.record("c", "s", [item], now())
    print("feedback", row.id, flush=True)
    time.sleep(0.005)
"""


class Writer:
    """A process that records calls and feedback until it is killed, and says after each that it is stored."""

    def __init__(self, settings: Settings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, settings.database_url, str(settings.spool_dir)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.acknowledged: list[tuple[str, str]] = []
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            kind, _, name = line.strip().partition(" ")
            if kind == "ready":
                self.ready.set()
            elif line.endswith("\n") and len(name) == 36:
                self.acknowledged.append((kind, name))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self._reader.join(30)


def ids(database: Database, column: Any) -> set[str]:
    with database.engine.connect() as connection:
        return set(connection.execute(sqlalchemy.select(column)).scalars())


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_was_acknowledged_is_stored_after_all(
    store_settings: Settings, database: Database, blocked: Any, clock: Any, seed: int
) -> None:
    moments = random.Random(seed)
    writers = [Writer(store_settings) for _ in range(2)]
    for writer in writers:
        assert writer.ready.wait(60)
    time.sleep(moments.uniform(0.05, 0.3))
    with blocked():  # from now on everything goes to the spool
        time.sleep(moments.uniform(0.05, 0.5))
        if moments.random() < 0.5:
            writers[0].kill()
    time.sleep(moments.uniform(0.0, 0.3))  # what waits is moved while new rows come
    for writer in writers:
        writer.kill()
    heir = open_store(store_settings, clock=clock)
    deadline = time.monotonic() + 60
    while heir.backlog.spool.has_files():
        heir.backlog.replay_if_any()
        assert time.monotonic() < deadline
    acknowledged = [one for writer in writers for one in writer.acknowledged]
    assert len(acknowledged) > 4
    assert {name for kind, name in acknowledged if kind == "call"} <= ids(database, audit.c.id)
    assert {name for kind, name in acknowledged if kind == "feedback"} <= ids(database, feedback.c.card)
    assert heir.audit.find_breaks() == []
    assert not list(Path(store_settings.spool_dir).glob("*.jsonl"))
    heir.close()


def test_a_process_killed_while_it_moves_the_spool_loses_nothing(
    store_settings: Settings, database: Database, blocked: Any, clock: Any
) -> None:
    writer = Writer(store_settings)
    assert writer.ready.wait(60)
    with blocked():
        time.sleep(1)
        writer.kill()
    mover = subprocess.Popen(
        [
            sys.executable,
            "-c",
            WRITER.replace("while True:", "store.backlog.replay()\nwhile True:"),
            store_settings.database_url,
            str(store_settings.spool_dir),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert mover.stdout is not None
    assert mover.stdout.readline().strip() == "ready"
    time.sleep(0.01)
    mover.kill()
    mover.wait(30)
    heir = open_store(store_settings, clock=clock)
    heir.backlog.replay()
    assert {name for kind, name in writer.acknowledged if kind == "call"} <= ids(database, audit.c.id)
    assert heir.audit.find_breaks() == []
    heir.close()
