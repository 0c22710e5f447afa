"""A recorded row is in the database or on its way there, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from service.store.audit import AuditUnavailableError
from service.store.database import Database, DatabaseUnavailableError, open_database
from service.store.tables import audit, card


def stored(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(audit).order_by(audit.c.position)).mappings())


def waiting(tmp_path: Path) -> int:
    return sum(len(file.read_bytes().splitlines()) for file in (tmp_path / "spool").glob("*.jsonl"))


def test_a_row_and_its_cards_are_stored(database: Database, make_audit: Any, row: Any, clock: Any) -> None:
    written = row()
    make_audit().record(written)
    (found,) = stored(database)
    assert found["time"] == clock()
    assert found["topics"] == {"neutropenia": "critical", "cbcOverdue": "warning"}
    assert found["fhir_ms"] == 12.346
    with database.engine.connect() as connection:
        (shown,) = connection.execute(sqlalchemy.select(card)).mappings()
    assert (shown["uuid"], shown["topic"], shown["indicator"]) == (next(iter(written.cards)), "neutropenia", "critical")
    assert shown["client"] == "st-elsewhere"


def test_texts_from_outside_fit_every_database(database: Database, make_audit: Any, row: Any) -> None:
    make_audit().record(row(hook_instance="a\0b\ud800" + "c" * 1000))
    assert stored(database)[0]["hook_instance"].startswith("ab?c")
    assert len(stored(database)[0]["hook_instance"]) == 255


def test_while_the_database_is_blocked_rows_wait_on_disk(
    database: Database, make_audit: Any, row: Any, blocked: Any, tmp_path: Path
) -> None:
    counted: list[int] = []
    log = make_audit(on_spooled=lambda: counted.append(1))
    with blocked():
        started = time.monotonic()
        log.record(row())
        log.record(row())
        assert time.monotonic() - started < 0.45
    assert waiting(tmp_path) == 2
    assert len(counted) == 2
    assert log.spooling
    assert log.replay_spool() == 2
    assert [found["position"] for found in stored(database)] == [0, 1]
    assert waiting(tmp_path) == 0
    assert not log.spooling
    assert log.find_breaks() == []


def test_the_next_row_that_goes_through_brings_the_waiting_ones_along(
    database: Database, make_audit: Any, row: Any, blocked: Any, tmp_path: Path, drained: Any
) -> None:
    log = make_audit()
    with blocked():
        log.record(row())
    log.record(row())
    drained(database)
    assert len(stored(database)) == 2
    assert waiting(tmp_path) == 0


def test_rows_left_behind_by_a_dead_process_are_taken_over(
    database: Database, make_audit: Any, row: Any, blocked: Any, tmp_path: Path
) -> None:
    dead = make_audit()
    with blocked():
        dead.record(row())
        dead._spool.close()  # what the system does with its lock
        alive = make_audit()
        alive.record(row())
    heir = make_audit()
    assert heir.replay_spool() == 1
    assert waiting(tmp_path) == 1  # that of the process that still lives
    assert alive.replay_spool() == 1


def test_a_replay_that_is_interrupted_stores_nothing_twice(
    database: Database, make_audit: Any, row: Any, blocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_audit()
    with blocked():
        for _ in range(3):
            log.record(row())
    run, calls = database.run_unhurried, []

    def failing_at_the_third(work: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise DatabaseUnavailableError
        return run(work)

    monkeypatch.setattr(database, "run_unhurried", failing_at_the_third)
    with pytest.raises(DatabaseUnavailableError):
        log.replay_spool()
    assert log.spooling
    monkeypatch.undo()
    log.replay_spool()
    assert [found["position"] for found in stored(database)] == [0, 1, 2]


def test_a_changed_line_in_the_spool_is_kept_apart(
    database: Database, make_audit: Any, row: Any, blocked: Any, tmp_path: Path
) -> None:
    log = make_audit()
    with blocked():
        log.record(row())
        log.record(row())
    (file,) = (tmp_path / "spool").glob("*.jsonl")
    first, second = file.read_bytes().splitlines()
    torn = second[:50]
    file.write_bytes(first.replace(b'"critical"', b'"info"') + b"\n" + second + b"\n" + torn)
    assert log.replay_spool() == 1
    (damaged,) = (tmp_path / "spool").glob("*.damaged")
    assert len(damaged.read_bytes().splitlines()) == 2
    assert waiting(tmp_path) == 0
    assert len(stored(database)) == 1


def test_spool_files_are_private(make_audit: Any, row: Any, blocked: Any, tmp_path: Path) -> None:
    log = make_audit()
    with blocked():
        log.record(row())
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "spool").iterdir()} == {0}


def test_when_neither_takes_the_row_the_caller_is_told(
    make_audit: Any, row: Any, blocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_audit()

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with blocked():
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(AuditUnavailableError):
            log.record(row())


def test_a_half_written_line_is_taken_back(
    make_audit: Any, row: Any, blocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_audit()
    write = os.write
    with blocked():
        log.record(row())

        def fills_up(descriptor: int, data: bytes) -> int:
            if len(data) < 60:
                raise OSError(28, "No space left on device")
            return write(descriptor, data[:50])

        monkeypatch.setattr(os, "write", fills_up)
        with pytest.raises(AuditUnavailableError):
            log.record(row())
        monkeypatch.undo()
        log.record(row())
    assert log.replay_spool() == 2


def test_changes_and_gaps_show(database: Database, make_audit: Any, row: Any) -> None:
    log = make_audit()
    for _ in range(5):
        log.record(row())
    assert log.find_breaks() == []
    with database.engine.begin() as connection:
        connection.execute(audit.update().where(audit.c.position == 1).values(outcome="no cards"))
        connection.execute(audit.delete().where(audit.c.position == 3))
    changed, missing = log.find_breaks()
    assert "row 1 was changed" in changed
    assert "between 2 and 4" in missing


def test_checking_the_chains_keeps_nobody_from_writing(
    make_audit: Any, row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_audit()
    for _ in range(3):
        log.record(row())
    from_chain = sys.modules["service.store.audit"].find_breaks

    def slow(key: Any, rows: Any) -> Any:
        first = next(rows)
        log.record(row())
        assert not log.spooling
        return from_chain(key, iter([first, *rows]))

    monkeypatch.setattr("service.store.audit.find_breaks", slow)
    assert log.find_breaks() == []


def test_old_rows_are_deleted_with_their_cards(
    database: Database, make_audit: Any, row: Any, clock: Any, drained: Any
) -> None:
    log = make_audit()
    log.record(row())
    clock.advance(days=31)
    log.record(row(time=clock()))  # the first row of a day purges in the background
    drained(database)
    with database.engine.connect() as connection:
        assert len(connection.execute(sqlalchemy.select(card)).all()) == 1
    assert [found["position"] for found in stored(database)] == [1]
    assert log.find_breaks() == []


def test_pseudonyms(make_audit: Any) -> None:
    log = make_audit()
    assert log.pseudonym("st-elsewhere", "123") == make_audit().pseudonym("st-elsewhere", "123")
    assert log.pseudonym("st-elsewhere", "123") != log.pseudonym("mercy", "123")
    assert log.pseudonym("a", "bc") != log.pseudonym("ab", "c")
    assert "123" not in log.pseudonym("st-elsewhere", "123")


WRITER = """
import sys, uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from service.store.audit import AuditLog, AuditRow
from service.store.audit_key import AuditKey
from service.store.chain import Chain
from service.store.database import open_database
from service.store.spool import Spool

file, spool = sys.argv[1:]
key, process = AuditKey(b"k" * 32), str(uuid.uuid4())
log = AuditLog(open_database(f"sqlite:///{file}"), Spool(Path(spool), process), Chain(key, process), key,
               retention=timedelta(days=30), clock=lambda: datetime.now(UTC))
while True:
    row = AuditRow(time=datetime.now(UTC), client="c", service_id="s", hook="h", hook_instance="i", patient_hmac="",
                   outcome="cards")
    log.record(row)
    print(row.id, flush=True)
"""


def test_acknowledged_rows_survive_sigkill(
    database: Database, make_audit: Any, row: Any, file: Path, tmp_path: Path, blocked: Any
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
    with blocked():  # from now on rows go to the spool
        acknowledged += [writer.stdout.readline().strip() for _ in range(5)]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    acknowledged += [line for line in writer.stdout.read().splitlines() if len(line) == 36]
    fresh = open_database(f"sqlite:///{file}")
    heir = make_audit(database=fresh)
    heir.replay_spool()
    assert {found["id"] for found in stored(fresh)} >= set(acknowledged)
    assert heir.find_breaks() == []
    fresh.close()
