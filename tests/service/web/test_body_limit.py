"""Bodies that are too long, compressed, cut off or too slow are refused."""

from __future__ import annotations

import gzip
import http.client
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from service.web import body_limit

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


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, identity"])
def test_compressed_bodies_are_refused_unread(web: FlaskClient, coding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    response = web.post(PATH, data=bomb, headers={"Content-Encoding": coding})
    assert response.status_code == 415
    assert response.headers["Accept-Encoding"] == "identity"
    assert response.json is not None
    assert "compressed" in response.json["issue"][0]["diagnostics"]


def test_a_body_that_says_it_is_not_compressed_is_read(web: FlaskClient) -> None:
    assert web.post(PATH, data=b"{}", headers={"Content-Encoding": "identity"}).status_code == 200


def test_a_body_that_was_cut_off_is_refused(web: FlaskClient) -> None:
    announced = {"CONTENT_LENGTH": "100", "wsgi.input": io.BytesIO(b'{"cards": []}')}
    assert web.post(PATH, environ_overrides=announced).status_code == 400


def test_form_data_is_limited_too(make_app: Any, load_settings: Any) -> None:
    app: Flask = make_app(load_settings(LENCDS_MAX_BODY_BYTES=str(LIMIT)))
    app.add_url_rule("/form", view_func=lambda: request.form.get("a", ""), methods=["POST"])
    web = app.test_client()
    assert web.post("/form", data={"a": "b"}).text == "b"
    assert web.post("/form", data={"a": "b" * LIMIT}).status_code == 413


def test_when_others_are_slow_a_call_waits_only_a_moment(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.web.body_limit.LONGEST_WAIT_S", 0.1)
    monkeypatch.setattr("service.web.body_limit._READERS", threading.BoundedSemaphore(1))
    arrives = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            arrives.wait(10)
            return super().read(size)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(web.post, PATH, environ_overrides={"CONTENT_LENGTH": "2", "wsgi.input": Slow(b"{}")})
        while body_limit._READERS._value:
            time.sleep(0.005)
        refused = web.post(PATH, data=b"{}")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert web.get("/livez").status_code == 200
        arrives.set()
        assert slow.result(10).status_code == 200
    assert web.post(PATH, data=b"{}").status_code == 200
