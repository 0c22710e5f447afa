"""Settings: environment variables `LENCDS_…`, and the clients in the file `LENCDS_CONFIG`.

Whatever is not understood refuses to start, and everything that is wrong is said at once.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from difflib import get_close_matches
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

import platformdirs
import sqlalchemy

from service.addresses import Address, is_loopback
from service.auth.clients import Client, local_client, read_clients

REQUEST_THREADS = 8
"""Calls one worker process answers at the same time; sizes its pools of threads and connections."""

_PREFIX = "LENCDS_"
_INJECTED_BY_KUBERNETES = ("LENCDS_SERVICE_", "LENCDS_PORT")
_SHORTEST_TOKEN = 16
_SHORTEST_AUDIT_KEY = 32

_CLIENT_EXAMPLE = """\
LENCDS_AUTH is 'required', and no client may call yet. Write a file such as

    [[client]]
    name = "st-elsewhere"
    issuer = "https://ehr.example.org/fhir"          # iss of its tokens
    jwks_url = "https://ehr.example.org/jwks"        # its public keys
    fhir_servers = ["https://ehr.example.org/fhir"]

and name it in LENCDS_CONFIG. To try the service on this machine without tokens, set LENCDS_AUTH=off."""


class ConfigurationError(Exception):
    """The service must not start like this; the message tells a person what to write instead."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def _data_folder() -> Path:
    return platformdirs.user_data_path("lenalidomide-cds", appauthor=False)


def _default_database_url() -> str:
    return f"sqlite:///{_data_folder() / 'lencds.sqlite3'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process is to run. Secrets are kept out of its text form.

    Attributes:
        auth: whether callers need a token.
        allow_insecure: `auth="off"` also for callers from other machines.
        base_url: public address of the service without slash at the end; `aud` and links are built from it.
        database_url: SQLAlchemy URL.
        audit_key: key of the patient-id HMAC; None means the file beside the SQLite database.
        spool_dir: where audit rows wait while the database is down.
        retention_days: how long audit rows and feedback are kept.
        prune_at: time of the day, UTC, at which older ones are deleted; None means never, an outside job does it.
        knowledge: folder of the clinical knowledge; None means the one that is shipped.
        log_level: `debug`, `info`, `warning` or `error`.
        trusted_proxies: networks whose `X-Forwarded-For` is believed when a refused call is logged.
        deadline_ms: time for one call in all.
        cors_origins: origins of browser clients, or `*` alone.
        max_body_bytes: longest request body.
        admin_token: opens component detail and console to other machines; None means loopback only.
        metrics_token: opens the metrics to other machines; None means loopback only.
        clients: the `[[client]]` tables.
        sandbox_url: FHIR server of the demo; set by code, not by the environment.
    """

    auth: Literal["required", "off"] = "required"
    allow_insecure: bool = False
    base_url: str = "http://127.0.0.1:8080"
    database_url: str = field(default_factory=_default_database_url, repr=False)
    audit_key: bytes | None = field(default=None, repr=False)
    spool_dir: Path = field(default_factory=lambda: _data_folder() / "spool")
    retention_days: int = 730
    prune_at: time | None = time(3, 0)
    knowledge: Path | None = None
    log_level: str = "info"
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    deadline_ms: int = 450
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 10 * 1024 * 1024
    admin_token: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    clients: tuple[Client, ...] = ()
    sandbox_url: Address | None = None

    @classmethod
    def load(
        cls, environ: Mapping[str, str] | None = None, *, serving: bool = True, sandbox_url: str | None = None
    ) -> Settings:
        """Read the settings.

        Args:
            environ: the environment; None means that of the process.
            serving: whether calls will be answered. Commands that only need the database or the knowledge pass False
                and are not asked for clients and base URL.
            sandbox_url: FHIR server of the demo.

        Raises:
            ConfigurationError: something is unknown, unreadable, missing or unsafe.
        """
        environ = os.environ if environ is None else environ
        values, problems = _read_environment(environ)
        clients, problems_of_file = _read_file(environ.get("LENCDS_CONFIG", ""))
        problems += problems_of_file
        if problems:
            raise ConfigurationError(*problems)
        settings = cls(**values, clients=clients, sandbox_url=Address.parse(sandbox_url) if sandbox_url else None)
        problems = settings._problems(base_url_given="base_url" in values, serving=serving)
        if problems:
            raise ConfigurationError(*problems)
        return settings

    def check_bind(self, host: str) -> None:
        """Refuse to listen for other machines while authentication is off.

        Args:
            host: address or name the server is about to listen on.

        Raises:
            ConfigurationError: other machines could call without a token.
        """
        if self.auth == "off" and not self.allow_insecure and not is_loopback(host):
            raise ConfigurationError(
                f"LENCDS_AUTH=off answers everybody who can reach {host}. Bind to 127.0.0.1 (--host 127.0.0.1),"
                " configure clients with LENCDS_AUTH=required, or set LENCDS_ALLOW_INSECURE=1 if the network itself is"
                " closed."
            )

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return sqlalchemy.make_url(self.database_url).get_backend_name() == "sqlite"

    @property
    def sqlite_file(self) -> Path | None:
        """The SQLite file, None for another database."""
        url = sqlalchemy.make_url(self.database_url)
        return Path(url.database).absolute() if url.get_backend_name() == "sqlite" and url.database else None

    @property
    def local_client(self) -> Client:
        """The client that every caller is while authentication is off."""
        return local_client(self.clients, self.sandbox_url)

    def _problems(self, *, base_url_given: bool, serving: bool) -> list[str]:
        problems = []
        url = sqlalchemy.make_url(self.database_url)
        if self.uses_sqlite and url.database in (None, "", ":memory:"):
            problems.append("LENCDS_DATABASE_URL must name a file (sqlite:////folder/lencds.sqlite3): workers share it")
        if not self.uses_sqlite and self.audit_key is None:
            problems.append(
                "LENCDS_AUDIT_KEY is required with this database, the same for all instances; write for example the"
                " output of: openssl rand -hex 32"
            )
        if serving and self.auth == "required":
            if not any(client.issuer for client in self.clients):
                problems.append(_CLIENT_EXAMPLE)
            if not base_url_given:
                problems.append(
                    "LENCDS_BASE_URL is missing: the address under which clients call, such as https://cds.example.org;"
                    " their tokens are made out to it"
                )
        return problems


def _read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    insecure = environ.get("LENCDS_AUTH") == "off" and environ.get("LENCDS_ALLOW_INSECURE", "") not in ("", "0")
    for name, text in sorted(environ.items()):
        if not name.startswith(_PREFIX) or name.startswith(_INJECTED_BY_KUBERNETES) or name == "LENCDS_CONFIG":
            continue
        if (reader := _READERS.get(name)) is None:
            near = get_close_matches(name, _READERS, n=1)
            hint = f"did you mean {near[0]}?" if near else "settings are " + ", ".join(sorted(_READERS))
            problems.append(f"{name} is not a setting; {hint}")
        elif text:
            if name == "LENCDS_BASE_URL" and insecure:
                reader = partial(_base_url, plain_http=True)
            try:
                values[name.removeprefix(_PREFIX).lower()] = reader(text.strip())
            except ValueError as error:
                problems.append(f"{name} {error}")
    return values, problems


def _read_file(name: str) -> tuple[tuple[Client, ...], list[str]]:
    if not name:
        return (), []
    try:
        with Path(name).open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        return (), [f"LENCDS_CONFIG: {name} cannot be read: {error.strerror}"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return (), [f"LENCDS_CONFIG: {name} is not TOML: {error}"]
    problems = [
        f"LENCDS_CONFIG: unknown key '{key}' in {name}; the file holds [[client]] tables, everything else is an"
        " environment variable"
        for key in document
        if key != "client"
    ]
    tables = document.get("client", [])
    if not isinstance(tables, list):
        return (), [*problems, f"LENCDS_CONFIG: write [[client]] with two brackets in {name}"]
    clients, problems_of_clients = read_clients(tables)
    return clients, problems + [f"LENCDS_CONFIG: {name}: {problem}" for problem in problems_of_clients]


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(repr(word) for word in allowed)}, not '{text}'")
        return text

    return read


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
            raise ValueError(f"must be a whole number from {lowest} to {highest}, not '{text}'")
        return int(text)

    return read


def _secret(shortest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) < shortest or not text.isascii() or not text.isprintable():
            raise ValueError(f"must be at least {shortest} printable ASCII characters: openssl rand -hex 32")
        return text

    return read


def read_audit_key(text: str) -> bytes:
    """Return the audit key written in a setting or a file; raises ValueError if it is too short or not plain text."""
    return _secret(_SHORTEST_AUDIT_KEY)(text).encode("ascii")


def _flag(text: str) -> bool:
    return _choice("0", "1")(text) == "1"


def _database_url(text: str) -> str:
    try:
        url = sqlalchemy.make_url(text)
        backend = url.get_backend_name()
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ValueError("is not an SQLAlchemy URL such as sqlite:////folder/lencds.sqlite3") from None
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if backend == "postgresql" and url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


def _base_url(text: str, *, plain_http: bool = False) -> str:
    address = Address.parse(text, plain_http=plain_http)
    if address.query:
        raise ValueError("has a query; write scheme, host and path only")
    return address.url.rstrip("/")


def _origins(text: str) -> tuple[str, ...]:
    if text == "*":
        return ("*",)
    addresses = [Address.parse(origin) for origin in text.replace(",", " ").split()]
    if any(address.path or address.query for address in addresses):
        raise ValueError("takes origins without path (https://ehr.example.org), separated by commas, or * alone")
    return tuple(address.origin for address in addresses)


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError("takes IP addresses and networks (10.0.0.0/8), separated by commas") from None


def _time_or_off(text: str) -> time | None:
    if text == "off":
        return None
    try:
        return datetime.strptime(text, "%H:%M").replace(tzinfo=UTC).time()
    except ValueError:
        raise ValueError("takes a time of the day in UTC such as 03:00, or off") from None


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError(f"names a folder that does not exist: {text}")
    return path


_READERS: Mapping[str, Callable[[str], Any]] = {
    "LENCDS_AUTH": _choice("required", "off"),
    "LENCDS_ALLOW_INSECURE": _flag,
    "LENCDS_BASE_URL": _base_url,
    "LENCDS_DATABASE_URL": _database_url,
    "LENCDS_AUDIT_KEY": read_audit_key,
    "LENCDS_SPOOL_DIR": Path,
    "LENCDS_RETENTION_DAYS": _number(1, 36_500),
    "LENCDS_PRUNE_AT": _time_or_off,
    "LENCDS_KNOWLEDGE": _folder,
    "LENCDS_LOG_LEVEL": _choice("debug", "info", "warning", "error"),
    "LENCDS_TRUSTED_PROXIES": _networks,
    "LENCDS_DEADLINE_MS": _number(50, 60_000),
    "LENCDS_CORS_ORIGINS": _origins,
    "LENCDS_MAX_BODY_BYTES": _number(1024, 1024**3),
    "LENCDS_ADMIN_TOKEN": _secret(_SHORTEST_TOKEN),
    "LENCDS_METRICS_TOKEN": _secret(_SHORTEST_TOKEN),
}
