"""`lencds db`: the database of audit rows and feedback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import click

from service.config import Settings
from service.store.audit import AuditLog
from service.store.audit_key import load_audit_key
from service.store.chain import Chain
from service.store.database import open_database
from service.store.schema import make_ready, upgrade
from service.store.spool import Spool
from service.wiring import utc_now


@click.group()
def db() -> None:
    """Look after the database (LENCDS_DATABASE_URL)."""


@db.command("upgrade")
def upgrade_command() -> None:
    """Create or update the tables. Do this before the first start on PostgreSQL, and after each new version."""
    settings = Settings.load(serving=False)
    with closing(open_database(settings.database_url)) as database:
        upgrade(settings, database)
    load_audit_key(settings)
    click.echo("The database is up to date.")


@db.command("purge")
def purge_command() -> None:
    """Delete rows older than LENCDS_RETENTION_DAYS. The running service does so by itself once a day."""
    with _audit_log() as audit:
        click.echo(f"{audit.purge()} audit rows deleted.")


@db.command("verify")
@click.pass_context
def verify_command(context: click.Context) -> None:
    """Check that no audit row was changed or taken out since it was written; exit code 1 if one was."""
    with _audit_log() as audit:
        breaks = audit.find_breaks()
    for sentence in breaks:
        click.echo(sentence)
    if breaks:
        context.exit(1)
    click.echo("The audit chains are intact.")


@contextmanager
def _audit_log() -> Iterator[AuditLog]:
    settings = Settings.load(serving=False)
    key = load_audit_key(settings)
    with closing(open_database(settings.database_url)) as database:
        make_ready(settings, database)
        spool = Spool(settings.spool_dir, "command")
        yield AuditLog(
            database,
            spool,
            Chain(key, "command"),
            key,
            retention=timedelta(days=settings.retention_days),
            clock=utc_now,
        )
