"""Databases are brought up to date by whoever comes first, also those made before there were migrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.config import ConfigurationError, Settings
from service.store.audit import AuditRow
from service.store.audit_key import AuditKey
from service.store.database import Database, ServerDatabase, open_database
from service.store.migrations import known_revisions
from service.store.schema import SchemaState, make_ready, revision_of, schema_state, upgrade
from service.store.store import open_store
from service.store.tables import audit_chain, metadata

OLD_TABLES = Path(__file__).parent / "before_migrations"
UPGRADE = "from service.cli import main; import sys; sys.argv = ['lencds', 'db', 'upgrade']; main()"


@pytest.fixture
def settings(empty_database_url: str, load_settings: Any) -> Settings:
    loaded: Settings = load_settings(LENCDS_DATABASE_URL=empty_database_url, LENCDS_AUDIT_KEY="k" * 32)
    return loaded


@pytest.fixture
def empty(settings: Settings) -> Any:
    database = open_database(settings.database_url)
    yield database
    database.close()


def state(database: Database) -> SchemaState:
    with database.engine.connect() as connection:
        return schema_state(connection)


def differences(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))


def create_old_tables(database: Database) -> None:
    script = (OLD_TABLES / f"{database.engine.dialect.name}.sql").read_text(encoding="utf-8")
    with database.engine.begin() as connection:
        for statement in filter(None, (part.strip() for part in script.split(";"))):
            connection.exec_driver_sql(statement)


def test_migrations_make_what_the_tables_say(settings: Settings, empty: Database) -> None:
    assert upgrade(settings, empty) is SchemaState.BEHIND
    assert state(empty) is SchemaState.CURRENT
    assert differences(empty) == []
    assert upgrade(settings, empty) is SchemaState.CURRENT


def test_a_missing_migration_would_be_noticed(settings: Settings, empty: Database) -> None:
    upgrade(settings, empty)
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE feedback DROP COLUMN comment")
    assert differences(empty) != []


def test_the_steps_are_one_line_and_numbered(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", "service.store:migrations")
    script = ScriptDirectory.from_config(config)
    steps = [step.revision for step in script.walk_revisions()]
    assert tuple(reversed(steps)) == known_revisions()
    assert script.get_heads() == [known_revisions()[-1]]


def test_what_was_added_may_be_left_out_by_the_version_before() -> None:
    """The version before must still be able to write."""
    old = {"id", "time", "client", "tenant", "service_id", "hook", "hook_instance", "patient_hmac", "outcome",
           "topics", "cards", "knowledge_hash", "sources", "fhir_requests", "fhir_ms", "total_ms", "chain", "position",
           "previous", "digest"}  # fmt: skip
    added = [column for column in metadata.tables["audit"].columns if column.name not in old]
    assert added
    assert all(column.nullable or column.server_default is not None for column in added)


def test_a_database_made_before_migrations_is_taken_over(settings: Settings, empty: Database) -> None:
    create_old_tables(empty)
    key = AuditKey(b"k" * 32)
    digest = key.seal(b"old-chain", b"4", b"previous", b"content")
    with empty.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO audit VALUES ('i', '2026-03-01 12:00:00+00:00', 'c', '', 's', 'h', 'x', '', 'cards', '{}',"
            f" '{{}}', 'k', '{{}}', 0, 0, 1, 'old-chain', 4, 'previous', '{digest}')"
        )
    assert state(empty) is SchemaState.BEHIND
    upgrade(settings, empty)
    assert differences(empty) == []
    with empty.engine.connect() as connection:
        assert [(one.chain, one.head, one.floor) for one in connection.execute(sqlalchemy.select(audit_chain))] == [
            ("old-chain", 4, 4)
        ]


def test_rows_sealed_before_a_column_was_added_stay_intact(settings: Settings, empty: Database, clock: Any) -> None:
    upgrade(settings, empty)
    store = open_store(settings, clock=clock)
    row = AuditRow(
        time=clock(), client="c", service_id="s", hook="h", hook_instance="i", patient_hmac="", outcome="cards"
    )
    columns = row.columns()
    for added in ("rules", "version"):
        columns[added] = None
    monkeyed = type("OldRow", (), {"columns": lambda _self: columns})()
    store.audit.record(monkeyed, limit_s=20)
    assert store.audit.find_breaks() == []
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit SET version = 'forged'")
    assert len(store.audit.find_breaks()) == 1
    store.close()


def test_two_upgrades_at_once_take_turns(settings: Settings, empty: Database, tmp_path: Path) -> None:
    environ = {
        "PATH": "/usr/bin:/bin",
        "LENCDS_AUTH": "off",
        "LENCDS_DATABASE_URL": settings.database_url,
        "LENCDS_AUDIT_KEY": "k" * 32,
        "LENCDS_SPOOL_DIR": str(tmp_path / "spool"),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], ended
    said = sorted(out.strip() for out, _ in ended)
    assert said == ["The database is up to date."] * 2 + ["The database was brought up to date."]
    assert differences(empty) == []


def test_an_upgrade_happens_wholly_or_not_at_all(
    settings: Settings, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_old_tables(empty)

    def fail(*_: Any) -> None:
        raise sqlalchemy.exc.OperationalError("x", None, Exception())

    monkeypatch.setattr("service.store.schema.mark_unmarked", fail)
    with pytest.raises(ConfigurationError, match="cannot be brought up to date"):
        upgrade(settings, empty)
    monkeypatch.undo()
    with empty.engine.connect() as connection:
        assert revision_of(connection) == ""
    upgrade(settings, empty)
    assert differences(empty) == []


def test_a_database_that_is_ahead_is_used_as_it_is(settings: Settings, empty: Database) -> None:
    upgrade(settings, empty)
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert upgrade(settings, empty) is SchemaState.AHEAD
    make_ready(settings, empty)


def test_sqlite_is_migrated_by_the_service_and_a_server_is_not(settings: Settings, empty: Database) -> None:
    if settings.uses_sqlite:
        make_ready(settings, empty)
        assert state(empty) is SchemaState.CURRENT
        assert settings.sqlite_file is not None
        assert settings.sqlite_file.stat().st_mode & 0o077 == 0
    else:
        with pytest.raises(ConfigurationError, match="lencds db upgrade"):
            make_ready(settings, empty)
        assert state(empty) is SchemaState.BEHIND


def test_a_service_starts_while_another_process_writes(sqlite_template: Path, load_settings: Any) -> None:
    settings = load_settings(LENCDS_DATABASE_URL=f"sqlite:///{sqlite_template}")
    blocker = sqlalchemy.create_engine(settings.database_url, isolation_level="AUTOCOMMIT").connect()
    blocker.exec_driver_sql("BEGIN IMMEDIATE")
    database = open_database(settings.database_url)
    make_ready(settings, database)
    blocker.exec_driver_sql("ROLLBACK")
    blocker.close()
    database.close()


def test_the_folder_of_a_new_file_is_private(load_settings: Any, tmp_path: Path) -> None:
    settings = load_settings(LENCDS_DATABASE_URL=f"sqlite:///{tmp_path / 'new' / 'folder' / 'x.sqlite3'}")
    database = open_database(settings.database_url)
    upgrade(settings, database)
    assert settings.sqlite_file.parent.stat().st_mode & 0o077 == 0
    database.close()


def test_upgrade_says_which_database_it_cannot_open(load_settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = load_settings(LENCDS_DATABASE_URL=f"sqlite:///{tmp_path / 'file' / 'x.sqlite3'}")
    with pytest.raises(ConfigurationError, match=r"LENCDS_DATABASE_URL: sqlite:///.*x\.sqlite3 cannot be brought up"):
        upgrade(settings, open_database(settings.database_url))


def test_a_password_is_not_shown(load_settings: Any) -> None:
    settings = load_settings(
        LENCDS_DATABASE_URL="postgresql://u:secret@127.0.0.1:9/x?connect_timeout=1", LENCDS_AUDIT_KEY="k" * 32
    )
    with pytest.raises(ConfigurationError, match=r"u:\*\*\*@127") as refusal:
        upgrade(settings, open_database(settings.database_url))
    assert "secret" not in str(refusal.value)


def test_a_server_that_is_down_does_not_keep_the_service_from_starting(load_settings: Any, tmp_path: Path) -> None:
    settings = load_settings(LENCDS_DATABASE_URL="postgresql://db/x", LENCDS_AUDIT_KEY="k" * 32)
    make_ready(settings, ServerDatabase(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'no' / 'folder' / 'x'}")))
