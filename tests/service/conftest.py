"""What the tests of the service share: a clock that stands still, keys, tokens, settings."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from service.auth.clients import Client, read_clients
from service.config import Settings
from service.store.database import Database

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
            "jti": uuid.uuid4().hex,
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


@dataclass
class KeyHost:
    """A real HTTP server that publishes whatever it is told to."""

    url: str
    answer: Callable[[Request], Response]
    requests: list[Request] = field(default_factory=list)

    def publish(self, *jwks: dict[str, Any]) -> None:
        body = json.dumps({"keys": jwks})
        self.answer = lambda _request: Response(body, mimetype="application/json")


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    """A server on a free port of this machine."""

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
