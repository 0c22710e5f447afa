"""Rows that were changed, moved, taken out or cut off are found, whoever did it; rows deleted for their age are not
missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from service.cli import lencds
from service.store.anchors import Anchors, compare
from service.store.audit import AuditLog
from service.store.audit_key import AuditKey
from service.store.chain import Chain, Link
from service.store.chain_marks import ChainMark, move_floor
from service.store.database import Database
from service.store.retention import Pruned, Retention
from service.store.tables import audit, audit_chain, card
from service.store.verify import Break, BreakKind, find_breaks

KEY = AuditKey(b"k" * 32)


def chain_of(length: int, name: str = "c") -> list[tuple[Link, bytes]]:
    chain = Chain(KEY, name)
    return [(chain.append(content), content) for content in (b"%d" % number for number in range(length))]


def breaks(rows: list[tuple[Link, bytes]], mark: ChainMark | None, waiting: Any = frozenset()) -> list[Break]:
    return list(find_breaks(KEY, rows, {mark.chain: mark} if mark else {}, waiting))


class TestChains:
    """Every way to tamper, on chains in memory."""

    @given(length=st.integers(1, 12), data=st.data())
    def test_every_removed_row_is_named(self, length: int, data: Any) -> None:
        rows = chain_of(length)
        gone = data.draw(st.sets(st.integers(0, length - 1)))
        left = [row for row in rows if row[0].position not in gone]
        found = breaks(left, ChainMark("c", length - 1))
        named = {position for one in found for position in range(one.first, one.last + 1)}
        assert named == gone

    @given(length=st.integers(1, 12), data=st.data())
    def test_a_row_with_other_content_is_named(self, length: int, data: Any) -> None:
        rows = chain_of(length)
        place = data.draw(st.integers(0, length - 1))
        rows[place] = (rows[place][0], b"other")
        assert breaks(rows, ChainMark("c", length - 1)) == [Break("c", BreakKind.CHANGED, place, place)]

    @given(data=st.data())
    def test_rows_that_changed_places_are_named(self, data: Any) -> None:
        rows = chain_of(6)
        one, other = data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=2, unique=True))
        moved = rows.copy()
        for here, there in ((one, other), (other, one)):
            link = rows[there][0]
            moved[here] = (Link("c", here, link.previous, link.digest), rows[there][1])
        found = {found.first for found in breaks(moved, ChainMark("c", 5))}
        assert {one, other} <= found

    @given(length=st.integers(2, 12), data=st.data())
    def test_a_floor_explains_what_is_below_it_and_nothing_else(self, length: int, data: Any) -> None:
        rows = chain_of(length)
        floor = data.draw(st.integers(1, length))
        assert breaks(rows[floor:], ChainMark("c", length - 1, floor)) == []
        if floor < length:
            (found,) = breaks(rows[floor + 1 :], ChainMark("c", length - 1, floor))
            assert (found.first, found.last) == (floor, floor)

    def test_rows_that_wait_in_the_spool_are_not_missing(self) -> None:
        rows = chain_of(6)
        waiting = {("c", 2), ("c", 5), ("other", 3)}
        left = [row for row in rows if row[0].position not in (2, 3, 5)]
        assert breaks(left, ChainMark("c", 5), waiting) == [Break("c", BreakKind.MISSING, 3, 3)]

    def test_a_chain_without_mark_or_with_a_forged_one_is_named(self) -> None:
        rows = chain_of(3)
        assert [one.kind for one in breaks(rows, None)] == [BreakKind.MARK_MISSING]
        assert [one.kind for one in breaks(rows, ChainMark("c", 2, head_intact=False))] == [BreakKind.MARK_CHANGED]

    def test_a_chain_whose_rows_are_all_gone_is_named(self) -> None:
        assert str(breaks([], ChainMark("c", 4))[0]) == "chain c: rows 0 to 4 missing at the end"
        assert breaks([], ChainMark("c", 4, 5)) == []

    def test_a_row_made_with_another_key_is_named(self) -> None:
        forged = Chain(AuditKey(b"x" * 32), "c")
        assert breaks([(forged.append(b"0"), b"0")], ChainMark("c", 0)) == [Break("c", BreakKind.CHANGED, 0, 0)]


@pytest.fixture
def log(make_audit: Any, row: Any) -> AuditLog:
    """Two chains, of five and two rows."""
    first: AuditLog = make_audit()
    for _ in range(5):
        first.record(row())
    other = make_audit()
    for _ in range(2):
        other.record(row())
    return first


def chain_id(database: Database, rows: int) -> str:
    count = sqlalchemy.func.count()
    query = sqlalchemy.select(audit.c.chain).group_by(audit.c.chain).having(count == rows)
    with database.engine.connect() as connection:
        return str(connection.execute(query).scalar_one())


def execute(database: Database, *statements: Any) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


class TestDatabase:
    """The same on a database."""

    def test_all_is_well(self, log: AuditLog) -> None:
        assert log.find_breaks() == []
        assert log.count() == 7

    def test_rows_cut_off_at_the_end(self, log: AuditLog, database: Database) -> None:
        chain = chain_id(database, 5)
        execute(database, audit.delete().where(audit.c.chain == chain, audit.c.position >= 3))
        assert log.find_breaks() == [f"chain {chain}: rows 3 to 4 missing at the end"]

    def test_a_mark_set_back_by_hand(self, log: AuditLog, database: Database) -> None:
        chain = chain_id(database, 5)
        execute(
            database,
            audit.delete().where(audit.c.chain == chain, audit.c.position >= 3),
            audit_chain.update().where(audit_chain.c.chain == chain).values(head=2),
        )
        (found,) = log.find_breaks()
        assert "mark of beginning and end was changed" in found

    def test_a_whole_chain(self, log: AuditLog, database: Database) -> None:
        chain = chain_id(database, 2)
        execute(database, audit.delete().where(audit.c.chain == chain))
        assert log.find_breaks() == [f"chain {chain}: rows 0 to 1 missing at the end"]

    @pytest.mark.parametrize(
        "change",
        [
            {"rules": {"neutropenia": "passed"}},
            {"rules": None},
            {"topics": {}},
            {"total_ms": 0.5},
            {"patient_hmac": "1" * 64},
            {"version": None},
        ],
    )
    def test_every_column_is_sealed(self, log: AuditLog, database: Database, change: dict[str, Any]) -> None:
        chain = chain_id(database, 5)
        execute(database, audit.update().where(audit.c.chain == chain, audit.c.position == 2).values(**change))
        assert log.find_breaks() == [f"chain {chain}: row 2 changed since written"]

    def test_a_database_set_back_to_an_old_copy_shows_against_saved_ends(
        self, log: AuditLog, database: Database, key: AuditKey
    ) -> None:
        chain = chain_id(database, 5)
        with database.engine.connect() as connection:
            old = connection.execute(sqlalchemy.select(audit_chain).where(audit_chain.c.chain == chain)).one()
        saved = Anchors.from_json(Anchors.take(database, key).to_json())
        assert compare(database, key, saved) == []
        execute(database, audit.delete().where(audit.c.chain == chain, audit.c.position >= 4))
        seal = key.seal_mark("head", chain, 3)  # as it stood in the copy
        execute(database, audit_chain.update().where(audit_chain.c.chain == chain).values(head=3, head_seal=seal))
        assert old.head == 4
        assert log.find_breaks() == []
        assert compare(database, key, saved) == [
            f"chain {chain}: row 4 was there when the ends were saved, and is missing"
        ]


class TestRetention:
    @pytest.fixture
    def retention(self, database: Database, key: AuditKey, clock: Any) -> Retention:
        return Retention(database, key, period=timedelta(days=30), clock=clock)

    def test_old_rows_go_with_their_cards_and_are_not_missed(
        self, log: AuditLog, row: Any, clock: Any, database: Database, retention: Retention
    ) -> None:
        clock.advance(days=31)
        log.record(row(time=clock()))
        assert retention.due() == Pruned(calls=7)
        deleted: list[int] = []
        assert retention.prune(deleted.append) == Pruned(calls=7)
        assert sum(deleted) == 7
        assert log.find_breaks() == []
        with database.engine.connect() as connection:
            assert len(connection.execute(sqlalchemy.select(card)).all()) == 1
        assert retention.prune() == Pruned()

    def test_what_is_taken_out_by_hand_is_missed_all_the_same(
        self, log: AuditLog, row: Any, clock: Any, database: Database, retention: Retention
    ) -> None:
        clock.advance(days=31)
        for _ in range(3):
            log.record(row(time=clock()))
        retention.prune()
        chain = chain_id(database, 3)
        execute(database, audit.delete().where(audit.c.position == 5))
        assert log.find_breaks() == [f"chain {chain}: row 5 missing"]

    def test_many_rows_go_in_portions(
        self, make_audit: Any, row: Any, clock: Any, retention: Retention, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("service.store.retention._BATCH", 3)
        log = make_audit()
        for _ in range(8):
            log.record(row())
        clock.advance(days=31)
        portions: list[int] = []
        retention.prune(portions.append)
        assert portions == [3, 3, 2]
        assert log.find_breaks() == []

    def test_a_floor_does_not_go_back(self, log: AuditLog, database: Database, key: AuditKey) -> None:
        chain = chain_id(database, 5)
        assert log.find_breaks() == []
        with database.engine.begin() as connection:
            move_floor(connection, key, chain, 3)
            move_floor(connection, key, chain, 1)
            floor = sqlalchemy.select(audit_chain.c.floor).where(audit_chain.c.chain == chain)
            assert connection.execute(floor).scalar() == 3


def test_the_command_says_what_is_wrong_and_fails(
    log: AuditLog, database: Database, database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENCDS_DATABASE_URL", database_url)
    monkeypatch.setenv("LENCDS_AUDIT_KEY", "k" * 32)
    monkeypatch.setenv("LENCDS_SPOOL_DIR", str(tmp_path / "spool"))
    saved = str(tmp_path / "ends.json")
    good = CliRunner().invoke(lencds, ["db", "verify", "--save", saved])
    assert (good.exit_code, good.stdout.strip()) == (0, "2 audit chains are intact.")
    assert CliRunner().invoke(lencds, ["db", "verify", "--against", saved]).exit_code == 0
    execute(database, audit.delete().where(audit.c.position == 1))
    bad = CliRunner().invoke(lencds, ["db", "verify"])
    assert bad.exit_code == 1
    assert bad.stdout.count("missing") == 2
