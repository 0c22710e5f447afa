"""The real server: granian with worker processes, and a stub in place of the hook endpoint."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

STUB = """
import time
from flask import Blueprint, request
from service.app import create_app

def hooks(services):
    blueprint = Blueprint("hooks", __name__)

    @blueprint.post("/cds-services/<service_id>")
    def hook(service_id):
        services.metrics.call("local", "order-sign", "cards", 0.01)
        return {"cards": [], "length": len(request.get_data()), "remote": request.remote_addr}

    return blueprint

def application():
    time.sleep(0.3)
    return create_app(hooks=hooks)
"""
RUN = """
import sys
from service.commands import serve
serve.APPLICATION = "stub:application"
from service.cli import main
sys.argv = ["lencds", "serve", "--port", sys.argv[1], "--workers", "2", "--drain", "2"]
main()
"""
PATH = "/cds-services/lenalidomide-order-sign"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("serve")
    (folder / "stub.py").write_text(STUB)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LENCDS_", "PROMETHEUS_"))},
        "PYTHONPATH": str(folder),
        "LENCDS_AUTH": "off",
        "LENCDS_MAX_BODY_BYTES": "2048",
        "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'x.sqlite3'}",
        "LENCDS_SPOOL_DIR": str(folder / "spool"),
    }
    port = free_port()
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen([sys.executable, "-c", RUN, str(port)], env=environ, stdout=output, stderr=output)
        deadline = time.monotonic() + 60
        while not answers(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield port
        server.send_signal(signal.SIGTERM)
        # Told to stop, it first says so and still answers, so that a load balancer can send calls elsewhere.
        while server.poll() is None and (said := call(port, "GET", "/readyz")) != (503, b'{"status":"stopping"}'):
            assert said[0] == 200
            assert time.monotonic() < deadline + 120
        assert call(port, "POST", PATH, b"{}")[0] == 200
        assert server.wait(60) == 0, log.read_text()
    for line in log.read_text().splitlines()[1:]:
        json.loads(line)


def call(port: int, method: str, path: str, body: bytes | None = None, *, chunked: bool = False) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    content = iter([body]) if chunked and body is not None else body
    with suppress(BrokenPipeError, ConnectionResetError):  # a body that is too long is refused before its end is sent
        connection.request(method, path, body=content, encode_chunked=chunked, headers={})
    response = connection.getresponse()
    result = response.status, response.read()
    connection.close()
    return result


def test_when_the_port_opens_the_service_is_ready(port: int) -> None:
    assert call(port, "GET", "/readyz") == (200, b'{"status":"ready"}')


def test_calls_come_from_this_machine(port: int) -> None:
    status, body = call(port, "POST", PATH, b"{}")
    assert (status, json.loads(body)["remote"]) == (200, "127.0.0.1")


@pytest.mark.parametrize(("length", "status"), [(2048, 200), (2049, 413), (50_000, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_body_limit(port: int, length: int, status: int, chunked: bool) -> None:
    assert call(port, "POST", PATH, b" " * length, chunked=chunked)[0] == status


def test_metrics_are_summed_over_the_workers(port: int) -> None:
    def counted() -> float:
        lines = call(port, "GET", "/metrics")[1].decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("lencds_calls_total{"))

    before = counted()
    for _ in range(10):
        call(port, "POST", PATH, b"{}")
    assert counted() == before + 10
