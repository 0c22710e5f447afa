"""What only the real server can show: granian with two worker processes, real sockets, authentication required."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from service.config import REQUEST_THREADS
from tests import planted

WORKERS = 2
HEADER_TIMEOUT_S = 3
BASE = "https://cds.example.org"
PATH = "/cds-services/lenalidomide-order-sign"
ISSUER, DEAD, SLOW = (f"https://{name}.example.org" for name in ("ehr", "dead", "slow"))
STUB = """
from flask import Blueprint, request
from service.app import create_app
from service.web.authentication import authenticated_caller

def hooks(services):
    blueprint = Blueprint("stub", __name__)

    @blueprint.post("/cds-services/<service_id>")
    def hook(service_id):
        authenticated_caller(services)
        return {"cards": [], "length": len(request.get_data())}

    return blueprint

def application():
    return create_app(hooks=hooks)
"""
RUN = f"""
import sys
from service.commands import serve
serve.APPLICATION = "stub:application"
serve.HEADER_TIMEOUT_MS = {HEADER_TIMEOUT_S * 1000}
from service.cli import main
sys.argv = ["lencds", "serve", "--port", sys.argv[1], "--workers", "{WORKERS}"]
main()
"""


@dataclass(frozen=True)
class Server:
    port: int
    token: Callable[..., str]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def post(self, token: str, body: bytes = b"{}") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", PATH, body, {"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
        connection.close()
        return status

    def begin(self, token: str, sent: bytes = b"{", length: int = 100) -> socket.socket:
        """Send the headers of a call and only a part of its body."""
        head = f"POST {PATH} HTTP/1.1\r\nHost: cds\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
        connection = self.connect()
        connection.sendall(head.encode() + sent)
        return connection


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """A host that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, silent_port: int) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("real")
    key = ec.generate_private_key(ec.SECP384R1())
    jwk = {**jwt.get_algorithm_by_name("ES384").to_jwk(key.public_key(), as_dict=True), "kid": "k"}
    jwks = json.dumps({"keys": [jwk]}).replace('":', '" =')
    (folder / "stub.py").write_text(STUB)
    (folder / "clients.toml").write_text(
        f'[[client]]\nname = "ehr"\nissuer = "{ISSUER}"\njwks = {jwks}\n'
        f'[[client]]\nname = "dead"\nissuer = "{DEAD}"\njwks_url = "http://127.0.0.1:{free_port()}/jwks"\n'
        f'[[client]]\nname = "slow"\nissuer = "{SLOW}"\njwks_url = "http://127.0.0.1:{silent_port}/jwks"\n'
    )
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LENCDS_", "PROMETHEUS_"))},
        "PYTHONPATH": str(folder),
        "LENCDS_BASE_URL": BASE,
        "LENCDS_CONFIG": str(folder / "clients.toml"),
        "LENCDS_AUDIT_KEY": planted.AUDIT_KEY,
        "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'x.sqlite3'}",
        "LENCDS_SPOOL_DIR": str(folder / "spool"),
    }

    def token(issuer: str = ISSUER, **changes: Any) -> str:
        now = int(time.time())
        good = {"iss": issuer, "aud": BASE + PATH, "iat": now, "exp": now + 300}
        claims = {**good, "jti": f"{planted.TOKEN_ID}-{uuid.uuid4()}", **changes}
        return jwt.encode(claims, key, algorithm="ES384", headers={"kid": "k"})

    port, log = free_port(), folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", RUN, str(port)], env=environ, stdout=output, stderr=output)
        deadline = time.monotonic() + 90
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Server(port, token)
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_token_sent_to_all_workers_at_once_is_good_once(server: Server) -> None:
    """While the database is slower than a call may wait, each worker remembers for itself; so more than one round."""
    rounds = []
    for _ in range(5):
        token = server.token()
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(server.post, [token] * 8))
        assert set(statuses) == {200, 401}
        assert statuses.count(200) <= WORKERS
        assert server.post(token) == 401
        rounds.append(statuses.count(200))
    assert rounds.count(1) >= 3


def test_slow_and_dead_key_hosts_keep_nobody_else_waiting(server: Server) -> None:
    with ThreadPoolExecutor(2 * WORKERS * REQUEST_THREADS) as pool:
        stuck = [
            pool.submit(server.post, server.token(issuer)) for issuer in (SLOW, DEAD) * (WORKERS * REQUEST_THREADS)
        ]
        assert [server.post(server.token()) for _ in range(10)] == [200] * 10
        assert {one.result(30) for one in stuck} == {401}


def test_behind_a_proxy_of_this_machine_nobody_is_trusted_for_being_here(server: Server) -> None:
    """The service listens here alone and is called under a public address: whoever comes is the proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 403
    connection.close()


def test_a_stranger_cannot_hold_a_thread(server: Server) -> None:
    """The token is looked at before the body is waited for."""
    held = [server.begin("nonsense") for _ in range(3 * WORKERS * REQUEST_THREADS)]
    for connection in held:
        assert b" 401 " in connection.recv(100)
        connection.close()
    assert server.post(server.token()) == 200


def test_clients_that_send_no_headers_block_nobody_and_are_cut_off(server: Server) -> None:
    held = [server.connect() for _ in range(100)]
    for number, connection in enumerate(held):
        connection.sendall((b"", b"POST ", f"POST {PATH} HTTP/1.1\r\nX: ".encode())[number % 3])
    assert server.post(server.token()) == 200
    for connection in held:
        assert not connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.close()


def test_clients_that_stop_within_the_body_leave_threads_for_others(server: Server) -> None:
    """What ends them is their own leaving, or the proxy that should receive bodies first (docs/mutual-tls.md)."""
    held = [server.begin(server.token()) for _ in range(2 * WORKERS * REQUEST_THREADS)]
    time.sleep(0.5)
    for _ in range(10):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
    assert server.post(server.token()) == 503
    for one in held:
        one.close()
    deadline = time.monotonic() + 30
    while server.post(server.token()) != 200:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", {400}),
        (b"Content-Length: -1\r\n\r\n{}", {400}),
        (b"Content-Length: 99999999999999999999\r\n\r\n{}", {400, 413}),
        (b"Content-Length: 20000000\r\n\r\n{}", {413}),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", {415}),
    ],
    ids=["two lengths", "negative", "beyond every integer", "too long", "compressed"],
)
def test_lies_about_the_body(server: Server, sent: bytes, statuses: set[int]) -> None:
    with server.connect() as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: cds\r\nAuthorization: Bearer {server.token()}\r\n"
        connection.sendall(head.encode() + sent)
        assert int(connection.recv(100).split()[1]) in statuses


def test_a_body_that_ends_early_is_refused(server: Server) -> None:
    with server.begin(server.token(), b"{}", 100) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(100)
