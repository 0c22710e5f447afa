"""The first look answers calls about other drugs as Flask would, and keeps nothing back from Flask of the others."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import EnvironBuilder, run_wsgi_app

from service.app import create_app
from service.clinical import Clinical
from service.config import Settings

SIGN = "/cds-services/lenalidomide-order-sign"
IRRELEVANT = orjson.dumps({
    "hook": "order-sign",
    "hookInstance": "7d9e3f6a-2b7c-4a45-9d53-1f1f6c7f4b52",
    "context": {
        "userId": "Practitioner/1",
        "patientId": "p1",
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [
                {
                    "resource": {
                        "resourceType": "MedicationRequest",
                        "id": "d1",
                        "status": "draft",
                        "subject": {"reference": "Patient/p1"},
                        "medicationCodeableConcept": {"text": "Amoxicillin 500 mg capsule"},
                    }
                }
            ],
        },
    },
    "prefetch": {"patient": {"resourceType": "Patient", "id": "p1"}},
})  # fmt: skip
RELEVANT = IRRELEVANT.replace(b"Amoxicillin 500 mg", b"Lenalidomide 25 mg")


@pytest.fixture
def start(clock: Any, clinical: Clinical) -> Iterator[Callable[[Settings], Flask]]:
    apps: list[Flask] = []

    def start(settings: Settings) -> Flask:
        apps.append(create_app(settings, clock=clock, clinical=clinical))
        return apps[-1]

    yield start
    for app in apps:
        app.extensions["lencds"].store.close()


@pytest.fixture
def app(start: Any, load_settings: Any) -> Flask:
    app: Flask = start(load_settings())
    return app


def send(
    app: Flask, body: bytes = IRRELEVANT, *, path: str = SIGN, **environ: Any
) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of the answer."""
    sent = EnvironBuilder(path, "http://127.0.0.1:8080", method="POST", data=body).get_environ()
    sent |= {"REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "application/json", **environ}
    content, status, headers = run_wsgi_app(app.wsgi_app, sent)
    return status, dict(headers), b"".join(content)


def calls(app: Flask) -> dict[str, float]:
    """Outcome → how many calls were counted."""
    text = app.test_client().get("/metrics").text
    family = next(one for one in text_string_to_metric_families(text) if one.name == "lencds_calls")
    return {one.labels["outcome"]: one.value for one in family.samples if one.name == "lencds_calls_total"}


def test_flask_is_not_asked_about_other_drugs(app: Flask) -> None:
    asked = []
    app.before_request(lambda: asked.append("flask"))
    assert send(app)[2] == b'{"cards":[]}'
    assert asked == []
    send(app, RELEVANT)
    assert asked == ["flask"]


@pytest.mark.parametrize("https", [False, True])
def test_the_answer_is_that_of_flask(start: Any, load_settings: Any, https: bool) -> None:
    app = start(load_settings(**({"LENCDS_BASE_URL": "https://cds.example.org"} if https else {})))
    ours = send(app)
    # Calls of web pages are left to Flask, here those of a page of this machine.
    assert ours == send(app, HTTP_ORIGIN="http://127.0.0.1:8080")
    assert ours[0] == "200 OK"
    assert ("Strict-Transport-Security" in ours[1]) is https


def test_calls_are_counted_alike(app: Flask) -> None:
    send(app)
    send(app, HTTP_ORIGIN="http://127.0.0.1:8080")
    assert calls(app) == {"irrelevant": 2}


BROKEN: dict[str, tuple[bytes, dict[str, str], str]] = {
    "no JSON": (b"{", {}, "400"),
    "no member": (b"{}", {}, "400"),
    "other hook": (IRRELEVANT.replace(b'"order-sign"', b'"order-review"'), {}, "400"),
    "compressed": (IRRELEVANT, {"HTTP_CONTENT_ENCODING": "gzip"}, "415"),
    "cut off": (IRRELEVANT, {"CONTENT_LENGTH": str(len(IRRELEVANT) + 1)}, "400"),
    "too long": (b" " * 5_000, {}, "413"),
    "forwarded from elsewhere": (IRRELEVANT, {"HTTP_X_FORWARDED_FOR": "192.0.2.1"}, "403"),
    "other machine": (IRRELEVANT, {"REMOTE_ADDR": "192.0.2.1"}, "403"),
    "other page": (IRRELEVANT, {"HTTP_ORIGIN": "https://elsewhere.example"}, "403"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_refusals_are_those_of_flask(start: Any, load_settings: Any, what: str) -> None:
    body, environ, status = BROKEN[what]
    app = start(load_settings(LENCDS_MAX_BODY_BYTES="4096"))
    answer = send(app, body, **environ)
    assert answer[0].startswith(status)
    assert orjson.loads(answer[2])["resourceType"] == "OperationOutcome"
    assert answer[1]["X-Content-Type-Options"] == "nosniff"
    assert calls(app) == {}


def test_an_unforeseen_error_is_answered_by_flask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_body: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("service.web.hook_call.parse_request", fail)
    assert send(app)[0].startswith("500")


@pytest.mark.parametrize("body", [IRRELEVANT, RELEVANT])
def test_a_token_is_needed_and_used_once(start: Any, load_guarded_settings: Any, bearer: Any, body: bytes) -> None:
    """The token is looked at once a call: a second look at a token that is good once would refuse it."""
    app = start(load_guarded_settings())
    authorization = bearer(SIGN)["Authorization"]
    assert send(app, body)[0].startswith("401")
    assert send(app, body, HTTP_AUTHORIZATION=authorization)[0].startswith("200")
    assert send(app, body, HTTP_AUTHORIZATION=authorization)[0].startswith("401")


def test_strangers_are_refused_before_their_body_is_read(start: Any, load_guarded_settings: Any) -> None:
    class Untouched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002
            raise AssertionError

    app = start(load_guarded_settings())
    unread: dict[str, Any] = {"wsgi.input": Untouched()}
    assert send(app, IRRELEVANT, **unread)[0].startswith("401")


@pytest.mark.parametrize("path", ["/cds-services/other", SIGN + "/", SIGN + "/feedback", "/livez", "/cds-services"])
def test_other_addresses_are_left_to_flask(app: Flask, path: str) -> None:
    assert send(app, path=path)[0][:3] in ("400", "404", "405")


def test_other_methods_are_left_to_flask(app: Flask) -> None:
    web: FlaskClient = app.test_client()
    assert web.get(SIGN).status_code == 405
    assert web.options(SIGN).status_code == 200
