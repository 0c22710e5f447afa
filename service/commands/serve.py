"""`lencds serve`: the service itself, on granian."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from service.addresses import Address, is_loopback
from service.config import REQUEST_THREADS, ConfigurationError, Settings
from service.stopping import STOPPING_MARK, DelayedStop

APPLICATION = "service.worker:application"
"""What every worker runs: module and factory."""

_KILL_AFTER_S = 10
HEADER_TIMEOUT_MS = 30_000
"""How long a client may take for the headers of a request, and how long an idle connection is kept open."""


@click.command(
    epilog="Settings come from environment variables LENCDS_…; a wrong one is named and refused.\n\n\b\nExamples:\n"
    "  LENCDS_AUTH=off lencds serve\n"
    "  LENCDS_CONFIG=clients.toml LENCDS_BASE_URL=https://cds.example.org lencds serve --host 0.0.0.0 --drain 5"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Worker processes.")
@click.option(
    "--drain",
    default=0,
    show_default=True,
    type=click.IntRange(0, 300),
    help="Seconds to go on answering after SIGTERM while /readyz says 'stopping'; behind a load balancer about 5.",
)
def serve(host: str, port: int, workers: int, drain: int) -> None:
    """Answer CDS Hooks calls.

    The port opens when everything is loaded; what is wrong with the configuration is said before that.
    """
    settings = _settings(host, port)
    _check_knowledge(settings)
    _prepare_database(settings)
    _refuse_taken_port(host, port)
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    guard = "LENCDS_AUTH=off: no tokens needed" if settings.auth == "off" else f"{len(settings.clients)} client(s)"
    click.echo(f"lencds: {where}/cds-services ({guard}); stop with Ctrl-C", err=True)
    with _shared_folder() as folder:
        stop = DelayedStop(folder / STOPPING_MARK, drain)
        run_server(host, port, workers, settings, application=APPLICATION, stop=stop)


def _settings(host: str, port: int) -> Settings:
    if os.environ.get("LENCDS_AUTH") == "off" and not os.environ.get("LENCDS_BASE_URL"):
        name = "127.0.0.1" if host in ("0.0.0.0", "::", "::1") else host  # noqa: S104  a comparison, not a bind
        os.environ["LENCDS_BASE_URL"] = f"http://{name}:{port}"
    settings = _behind_the_proxy_of_this_machine(Settings.load(), host)
    settings.check_bind(host)
    return settings


def _behind_the_proxy_of_this_machine(settings: Settings, host: str) -> Settings:
    """Trust nobody for being on this machine when everybody comes through a proxy on this machine.

    A service that listens here alone and is called under a public address is reached through such a proxy. If that
    sends no header that gives it away, its clients would all pass for this machine.
    """
    public = not Address.parse(settings.base_url, plain_http=True).is_loopback
    if public and is_loopback(host) and not settings.trusted_proxies:
        os.environ["LENCDS_TRUSTED_PROXIES"] = "127.0.0.0/8, ::1"
        return Settings.load()
    return settings


def _check_knowledge(settings: Settings) -> None:
    """Load the knowledge once before the workers do, so that a fault is said once and clearly."""
    from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, KnowledgeError, load_knowledge  # noqa: PLC0415

    try:
        load_knowledge(settings.knowledge or KNOWLEDGE_FOLDER)
    except KnowledgeError as error:
        raise ConfigurationError(f"The knowledge cannot be used: {error}") from error


def _prepare_database(settings: Settings) -> None:
    """Bring the database up to date before the workers start, so that a fault is said once and clearly."""
    from service.store.audit_key import load_audit_key  # noqa: PLC0415
    from service.store.database import open_database  # noqa: PLC0415
    from service.store.schema import make_ready  # noqa: PLC0415
    from service.store.spool import check_spool_folder  # noqa: PLC0415

    with closing(open_database(settings.database_url)) as database:
        make_ready(settings, database)
    load_audit_key(settings)
    check_spool_folder(settings.spool_dir)


def _refuse_taken_port(host: str, port: int) -> None:
    """Refuse a port in use: workers share theirs, so a second service would silently take half of the calls."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(f"Port {port} on {host} is in use; choose another with --port.") from error
            raise ConfigurationError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error


@contextmanager
def _shared_folder() -> Iterator[Path]:
    """Give the workers an empty folder to sum their metrics in; it must be named before they import the library."""
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    folder = Path(given or tempfile.mkdtemp(prefix="lencds-metrics-"))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    try:
        yield folder
    finally:
        if not given:
            shutil.rmtree(folder, ignore_errors=True)


def run_server(
    host: str,
    port: int,
    workers: int,
    settings: Settings,
    *,
    application: str = APPLICATION,
    stop: DelayedStop | None = None,
) -> None:
    """Serve a WSGI application until interrupted.

    Args:
        host: address to listen on.
        port: port to listen on.
        workers: worker processes.
        settings: how to run.
        application: module and factory of the application.
        stop: how SIGTERM stops it; None means at once.
    """
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415
    from granian.server import Server  # noqa: PLC0415

    server = Server(
        application,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=REQUEST_THREADS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_AFTER_S,
        log_access=False,
        log_level=LogLevels.warning if settings.log_level in ("warning", "error") else LogLevels.info,
        log_dictconfig={
            "formatters": {"json": {"()": "service.logs.LibraryFormatter"}},
            "handlers": {
                "console": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}
            },
            "loggers": {"_granian": {"handlers": ["console"], "propagate": False}},
        },
    )
    if stop is not None:
        server.on_startup(stop.install)  # by then the server's own handlers are in place
    server.serve()
