"""Bodies that are too long are refused, announced or not."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

LIMIT = 2048
PATH = "/cds-services/lenalidomide-order-sign"


@pytest.fixture
def port(make_app: Any, load_settings: Any) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, make_app(load_settings(LENCDS_MAX_BODY_BYTES=str(LIMIT))), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()


@pytest.mark.parametrize(("length", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (100 * LIMIT, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_limit(port: int, length: int, status: int, chunked: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    body = b" " * length
    connection.request("POST", PATH, body=iter([body]) if chunked else body, encode_chunked=chunked, headers={})
    response = connection.getresponse()
    assert response.status == status
    assert response.getheader("Content-Type") == "application/json"
    connection.close()
