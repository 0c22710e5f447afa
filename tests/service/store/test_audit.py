"""A recorded row is in the database or on its way there, whatever happens."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from service.store.audit import AuditUnavailableError
from service.store.database import WRITE_LIMIT_S, Database, DatabaseUnavailableError
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
    counted: list[str] = []
    log = make_audit(on_spooled=counted.append)
    with blocked():
        started = time.monotonic()
        log.record(row(), limit_s=WRITE_LIMIT_S)
        log.record(row(), limit_s=WRITE_LIMIT_S)
        assert time.monotonic() - started < 5
    assert waiting(tmp_path) == 2
    assert counted == ["audit", "audit"]
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
        log.record(row(), limit_s=WRITE_LIMIT_S)
    log.record(row())
    drained(database)
    assert len(stored(database)) == 2
    assert waiting(tmp_path) == 0


def test_rows_left_behind_by_a_dead_process_are_taken_over(
    database: Database, make_audit: Any, row: Any, blocked: Any, tmp_path: Path
) -> None:
    dead = make_audit()
    with blocked():
        dead.record(row(), limit_s=WRITE_LIMIT_S)
        dead._backlog.spool.close()  # what the system does with its lock
        alive = make_audit()
        alive.record(row(), limit_s=WRITE_LIMIT_S)
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
            log.record(row(), limit_s=WRITE_LIMIT_S)
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
        log.record(row(), limit_s=WRITE_LIMIT_S)
        log.record(row(), limit_s=WRITE_LIMIT_S)
    (file,) = (tmp_path / "spool").glob("*.jsonl")
    first, second = file.read_bytes().splitlines()
    torn = second[:50]
    file.write_bytes(first.replace(b'"critical"', b'"info"') + b"\n" + second + b"\n" + torn)
    assert log.replay_spool() == 1
    (damaged,) = (tmp_path / "spool").glob("*.damaged")
    assert len(damaged.read_bytes().splitlines()) == 2
    assert waiting(tmp_path) == 0
    assert {found["topics"]["neutropenia"] for found in stored(database)} == {"critical"}


def test_spool_files_are_private(make_audit: Any, row: Any, blocked: Any, tmp_path: Path) -> None:
    log = make_audit()
    with blocked():
        log.record(row(), limit_s=WRITE_LIMIT_S)
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
            log.record(row(), limit_s=WRITE_LIMIT_S)


def test_a_half_written_line_is_taken_back(
    make_audit: Any, row: Any, blocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_audit()
    write = os.write
    with blocked():
        log.record(row(), limit_s=WRITE_LIMIT_S)

        def fills_up(descriptor: int, data: bytes) -> int:
            if len(data) < 60:
                raise OSError(28, "No space left on device")
            return write(descriptor, data[:50])

        monkeypatch.setattr(os, "write", fills_up)
        with pytest.raises(AuditUnavailableError):
            log.record(row(), limit_s=WRITE_LIMIT_S)
        monkeypatch.undo()
        log.record(row(), limit_s=WRITE_LIMIT_S)
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
    assert "row 1 changed" in changed
    assert "row 3 missing" in missing


def test_checking_the_chains_keeps_nobody_from_writing(make_audit: Any, row: Any) -> None:
    log = make_audit()
    for _ in range(3):
        log.record(row())
    read: list[int] = []

    def write_meanwhile() -> None:
        read.append(1)
        if len(read) == 1:
            log.record(row())
            assert not log.spooling

    assert list(log.breaks(write_meanwhile)) == []
    assert len(read) == 3


def test_pseudonyms(make_audit: Any) -> None:
    log = make_audit()
    assert log.pseudonym("st-elsewhere", "123") == make_audit().pseudonym("st-elsewhere", "123")
    assert log.pseudonym("st-elsewhere", "123") != log.pseudonym("mercy", "123")
    assert log.pseudonym("a", "bc") != log.pseudonym("ab", "c")
    assert "123" not in log.pseudonym("st-elsewhere", "123")
