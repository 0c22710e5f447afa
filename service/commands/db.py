"""`lencds db`: the database of audit rows and feedback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from service.config import ConfigurationError, Settings
from service.store.anchors import Anchors, compare
from service.store.audit_key import load_audit_key
from service.store.database import DatabaseUnavailableError, open_database
from service.store.schema import SchemaState, upgrade
from service.store.store import Store, open_store
from service.wiring import utc_now

_UPGRADED = {
    SchemaState.BEHIND: "The database was brought up to date.",
    SchemaState.CURRENT: "The database is up to date.",
    SchemaState.AHEAD: "The database was upgraded by a newer version; this version works on it as it is.",
}


@click.group(epilog="\b\nExample:\n  LENCDS_DATABASE_URL=postgresql://lencds@db/lencds lencds db upgrade")
def db() -> None:
    """Look after the database (LENCDS_DATABASE_URL): its tables, its age, its integrity."""


@db.command("upgrade", epilog="Example, in a deployment: run `lencds db upgrade` once, then start the new version.")
def upgrade_command() -> None:
    """Create or update the tables.

    Needed on PostgreSQL before the first start and after each new version; `lencds serve` does it by itself on SQLite.
    Several may run at once: they take turns. The version before still runs on the result, so instances can be
    replaced one by one, and a rollback needs nothing but the old program.
    """
    settings = Settings.load(serving=False)
    with closing(open_database(settings.database_url)) as database:
        before = upgrade(settings, database)
    load_audit_key(settings)
    click.echo(_UPGRADED[before])


@db.command("prune", epilog="\b\nExample:\n  LENCDS_RETENTION_DAYS=365 lencds db prune --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say how much would be deleted.")
def prune_command(dry_run: bool) -> None:
    """Delete calls and feedback older than LENCDS_RETENTION_DAYS.

    The running service does so once a day at LENCDS_PRUNE_AT (UTC), in one process of all that share the database.
    Set LENCDS_PRUNE_AT=off if this command is run by a scheduler instead.
    """
    with _store() as store:
        due = store.retention.due()
        if dry_run:
            click.echo(f"{due.calls} calls and {due.feedback} feedback items would be deleted.")
            return
        with _progress() as progress:
            task = progress.add_task("Deleting", total=due.calls + due.feedback)
            pruned = store.retention.prune(lambda count: progress.advance(task, count))
        click.echo(f"{pruned.calls} calls and {pruned.feedback} feedback items deleted.")


@db.command("verify", epilog="\b\nExample:\n  lencds db verify --against last-week.json --save this-week.json")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the ends of the chains to a file.")
@click.option(
    "--against", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file written by --save before."
)
@click.pass_context
def verify_command(context: click.Context, save: Path | None, against: Path | None) -> None:
    """Check that no audit row was changed, moved, taken out or cut off since it was written.

    Says which rows, and ends with exit code 1 if there are any. Rows deleted for their age are not missed. Somebody
    who can write to the database and kept an old copy of it can put that back unseen, unless the ends of the chains
    are saved elsewhere from time to time (--save) and compared (--against).
    """
    earlier = _read_anchors(against)
    with _store() as store:
        with _progress() as progress:
            task = progress.add_task("Checking", total=store.audit.count())
            breaks = [str(one) for one in store.audit.breaks(lambda: progress.advance(task))]
        present = Anchors.take(store.database, store.key)
        if earlier is not None:
            breaks += compare(store.database, store.key, earlier)
    for sentence in breaks:
        click.echo(sentence)
    if breaks:
        context.exit(1)
    if save is not None:
        save.write_bytes(present.to_json())
    click.echo(f"{len(present.digests)} audit chains are intact.")


def _read_anchors(file: Path | None) -> Anchors | None:
    if file is None:
        return None
    try:
        return Anchors.from_json(file.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise ConfigurationError(f"{file} was not written by lencds db verify --save") from error


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def _store() -> Iterator[Store]:
    """Provide the store without moving what waits in the spool: that is for the service."""
    settings = Settings.load(serving=False)
    store = open_store(settings, clock=utc_now)
    try:
        yield store
    except DatabaseUnavailableError as error:
        raise ConfigurationError(f"The database did not answer ({error}). Try again later.") from error
    finally:
        store.backlog.spool.close()
        store.database.close()
