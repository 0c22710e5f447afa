"""The service on a real socket, a faulty FHIR server in another process, and what a call leaves behind."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cds_hooks.cases.case import BASE_CHARTS, CASES_FOLDER, load_cases
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.resources import case_resources
from cds_hooks.cases.run import hook_request
from service.app import create_app
from service.clinical import Clinical
from service.commands.local_server import served
from service.config import Settings
from tests.faults.answered import PATH, Answered, post
from tests.faults.callers import CALLER_FAULTS, TOKEN_LIFETIME_S, CallerFault
from tests.faults.certificates import AUTHORITY, make_certificates
from tests.faults.table import FAULTS
from tests.faults.traces import Traces

DEADLINE_MS = 450
TOLERANCE_MS = 50
ROOT = Path(__file__).parents[2]
SCOPES = {
    "one": "one search",
    "all": "whole server",
    "sent": "whole server, Patient sent along",
}
"""Scope → how the table calls it."""

_NO_SUCH_HOST = "no-such-host.invalid"
_SLOW_HOST = "slow-lookup.example"
_OPEN = f"""
[[client]]
name = "local"
ca_file = "{{ca_file}}"
fhir_servers = ["https://{_NO_SUCH_HOST}", "https://{_SLOW_HOST}"]
"""
_AUTHORIZATION = {
    "access_token": "the-token-of-this-call",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "user/*.rs",
    "subject": "lenalidomide-cds",
}
_BASE_URL = "https://cds.example.org"
_MAY_LINGER = ("name-lookup", "access-token", "database-later_0")
"""A lookup that hangs in the operating system cannot be ended, and a token request has a limit of its own: one thread
for each host and client, whoever else asks. The database has one thread for what can wait."""

_SETTLES_IN_S = 6.0
"""A server that is still dripping after this time has had its thread let go, or the thread counts as stuck."""


class Stage:
    """A running service and a running faulty server.

    Args:
        folder: for certificates, resources and the database.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = count()
        self._stack = ExitStack()

    def __enter__(self) -> Stage:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        folder, stack = self._folder, self._stack
        make_certificates(folder)
        self.clinical = Clinical(request_threads=4)
        self.clinical.warm_up(folder / AUTHORITY)
        self.clinical.warm_up(None)
        knowledge = self.clinical.order_check.reader.knowledge
        shutil.copy(CASES_FOLDER / BASE_CHARTS, folder)
        shutil.copy(Path(__file__).parent / "patient.yaml", folder)
        (case,) = load_cases(folder)
        resources = list(chain.from_iterable(case_resources(case, knowledge).values()))
        (folder / "resources.json").write_text(json.dumps(resources))
        self.expected = dict(case.expect)
        self._request = hook_request(case, knowledge, with_prefetch=False)
        self._patient = next(one for one in resources if one["resourceType"] == "Patient")
        self._server = stack.enter_context(_process(folder))
        assert self._server.stdout is not None
        self._ports: dict[str, int] = json.loads(self._server.stdout.readline())
        self._service = self._serve("off", _OPEN.format(ca_file=folder / AUTHORITY))
        self._guarded = self._serve("required", self._clients())
        release = threading.Event()
        stack.callback(release.set)
        stack.enter_context(patch.object(socket, "getaddrinfo", _slow_lookup(socket.getaddrinfo, release)))
        for _ in range(3):
            assert self.call("none", "all").status == 200
            assert self.call_of(CALLER_FAULTS["own-token"]).status == 200

    def _serve(self, auth: str, clients: str) -> str:
        """Serve the application, and return its address."""
        config = self._folder / f"{auth}.toml"
        config.write_text(clients)
        settings = Settings.load(
            {
                "LENCDS_AUTH": auth,
                "LENCDS_BASE_URL": _BASE_URL,
                "LENCDS_CONFIG": str(config),
                "LENCDS_DATABASE_URL": f"sqlite:///{self._folder / f'{auth}.sqlite3'}",
                "LENCDS_SPOOL_DIR": str(self._folder / f"spool-{auth}"),
                "LENCDS_DEADLINE_MS": str(DEADLINE_MS),
            }
        )
        app = create_app(settings, clock=lambda: NOW, clinical=self.clinical)
        self._stack.callback(app.extensions["lencds"].close)
        return self._stack.enter_context(served(app))

    def _clients(self) -> str:
        """Return the configuration of one client for each fault of a caller."""
        self._key = ec.generate_private_key(ec.SECP384R1())
        key_file = self._folder / "signing-key.pem"
        key_file.write_bytes(
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key_file.chmod(0o600)
        public = jwt.get_algorithm_by_name("ES384").to_jwk(self._key.public_key(), as_dict=True)
        jwks = json.dumps({"keys": [{**public, "kid": "k"}]}).replace(":", " =")
        tables = []
        for fault in CALLER_FAULTS.values():
            tables += ["[[client]]", f'name = "{fault.key}"', f'issuer = "{_issuer(fault)}"', f"jwks = {jwks}"]
            tables.append(f'fhir_servers = ["http://127.0.0.1:{self._ports["http"]}"]')
            if fault.token_fault:
                port = self._ports["refused" if fault.token_fault == "refused" else "http"]
                url = f"http://127.0.0.1:{port}/{fault.token_fault}/all/{fault.key}/token"
                tables += ["[client.backend_services]", 'client_id = "us"', 'kid = "k"', f'key_file = "{key_file}"']
                tables.append(f'token_url = "{url}"')
        return "\n".join(tables)

    def call(self, fault: str, scope: str) -> Answered:
        """Sign the order once while a server has a fault.

        Args:
            fault: key of the table; `none` for a server without fault.
            scope: key of `SCOPES`.
        """
        body = {
            **self._request,
            "fhirServer": self._base(fault, "one" if scope == "one" else "all"),
            "fhirAuthorization": _AUTHORIZATION,
        }
        if scope == "sent":
            body["prefetch"] = {"patient": self._patient}
        return post(self._service, body)

    def call_of(self, fault: CallerFault) -> Answered:
        """Sign the order once, with a token of the client, while its FHIR server has no fault.

        The Patient is sent along, so that there is an answer without the FHIR server.
        """
        body = {**self._request, "fhirServer": self._base("none", "all"), "prefetch": {"patient": self._patient}}
        if not fault.token_fault:
            body["fhirAuthorization"] = _AUTHORIZATION
        issued = int(NOW.timestamp()) + fault.clock_ahead_s
        claims = {
            "iss": _issuer(fault),
            "aud": _BASE_URL + PATH,
            "iat": issued,
            "exp": issued + TOKEN_LIFETIME_S,
            "jti": str(uuid.uuid4()),
        }
        token = jwt.encode(claims, self._key, algorithm="ES384", headers={"kid": "k"})
        return post(self._guarded, body, token)

    def tokens_elsewhere(self) -> int:
        """Return how many requests carried a token to the other origin so far."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write("?\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def send_token_elsewhere(self) -> None:
        """Do what the service must never do."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports["elsewhere"], timeout=10)
        connection.request("GET", "/none/all/0/fhir/metadata", headers={"Authorization": "Bearer x"})
        connection.getresponse().read()
        connection.close()

    def settled(self) -> Traces:
        """Close idle connections, wait until the work of late threads has ended, and return what is left.

        Raises:
            TimeoutError: work that should have ended long ago has not.
        """
        ends = time.monotonic() + _SETTLES_IN_S
        while self.clinical.workers.busy:
            if time.monotonic() > ends:
                raise TimeoutError("a thread is still busy with a FHIR server")
            time.sleep(0.01)
        self.clinical.transport.close()
        return Traces.now()

    def leftovers(self, before: Traces) -> list[str]:
        """Return what was not there before and does not go away: threads, connections, open files."""
        ends = time.monotonic() + _SETTLES_IN_S
        while True:
            now = self.settled()
            threads = [name for name in now.threads if name not in _MAY_LINGER]
            found = [f"thread {name}" for name in set(threads) if threads.count(name) > before.threads.count(name)]
            found += [f"{now.connections} connections"] if now.connections > before.connections else []
            found += [f"{now.files} open files"] if now.files > before.files else []
            if not found or time.monotonic() > ends:
                return found
            time.sleep(0.05)

    def _base(self, fault: str, scope: str) -> str:
        server = FAULTS[fault].server if fault in FAULTS else "http"
        path = f"/{fault}/{scope}/{next(self._runs)}/fhir"
        match server:
            case "dns":
                return f"https://{_NO_SUCH_HOST}{path}"
            case "slow-dns":
                return f"https://{_SLOW_HOST}{path}"
            case "https-deaf" | "https-http":
                return f"https://127.0.0.1:{self._ports[server.removeprefix('https-')]}{path}"
            case "http" | "refused" | "deaf":
                return f"http://127.0.0.1:{self._ports[server]}{path}"
        return f"https://127.0.0.1:{self._ports[server]}{path}"


def _issuer(fault: CallerFault) -> str:
    return f"https://{fault.key}.example.org"


@contextmanager
def _process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.server", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _slow_lookup(real: Any, release: threading.Event) -> Any:
    """Return a resolver that hangs at one name, as one does whose servers do not answer."""

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == _SLOW_HOST:
            release.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return real(host, *args, **kwargs)

    return look_up
