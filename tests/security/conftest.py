"""Hosts that note what reaches them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response


@dataclass
class Host:
    """A real HTTP server on a free port of this machine."""

    url: str
    answer: Callable[[Request], Response]
    requests: list[Request] = field(default_factory=list)


@contextmanager
def _host() -> Iterator[Host]:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        host.requests.append(request)
        return host.answer(request)(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    host = Host(f"http://127.0.0.1:{server.server_port}", lambda _request: Response("nothing", 404))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield host
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def fhir_host() -> Iterator[Host]:
    with _host() as host:
        yield host


@pytest.fixture(scope="module")
def other_host() -> Iterator[Host]:
    with _host() as host:
        yield host
