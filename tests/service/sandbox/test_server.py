import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from service.sandbox.outcome import FhirError
from service.sandbox.request_log import RecordedRequest, RequestLog
from service.sandbox.server import Sandbox, create_sandbox
from service.sandbox.store import ResourceStore

PATIENT = {"resourceType": "Patient", "id": "ada", "birthDate": "1980-02-29"}


def issue(response_json: dict[str, object]) -> dict[str, str]:
    assert response_json["resourceType"] == "OperationOutcome"
    issues = response_json["issue"]
    assert isinstance(issues, list)
    only: dict[str, str] = issues[0]
    return only


def test_read(client: FlaskClient) -> None:
    response = client.get("/fhir/Patient/ada")
    assert response.status_code == 200
    assert response.content_type == "application/fhir+json; charset=utf-8"
    assert response.get_json(force=True)["name"][0]["family"] == "Núñez"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir/Patient/nobody", 404, "not-found"),
        ("GET", "/fhir/Spaceship/1", 404, "not-supported"),
        ("GET", "/fhir/Spaceship?name=x", 404, "not-supported"),
        ("GET", "/fhir/Patient/ada/_history/1", 404, "not-found"),
        ("GET", "/elsewhere", 404, "not-found"),
        ("POST", "/fhir/Spaceship/_search", 415, "not-supported"),
        ("POST", "/fhir/Patient", 405, "not-supported"),
        ("PUT", "/fhir/Patient/ada", 405, "not-supported"),
        ("DELETE", "/fhir/Patient/ada", 405, "not-supported"),
        ("GET", "/fhir//Patient", 404, "not-found"),
    ],
)
def test_every_error_is_an_operation_outcome(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.content_type.startswith("application/fhir+json")
    assert issue(response.get_json(force=True))["code"] == code


def test_a_refused_method_names_the_allowed_ones(client: FlaskClient) -> None:
    assert "GET" in client.delete("/fhir/Patient/ada").headers["Allow"]


def test_a_failure_tells_nothing_about_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_sandbox([PATIENT])

    def fail(*arguments: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(ResourceStore, "read", fail)
    response = app.test_client().get("/fhir/Patient/ada")
    assert response.status_code == 500
    assert issue(response.get_json(force=True))["code"] == "exception"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/json+fhir", 200),
        ("application/json", 200),
        ("text/html, */*;q=0.1", 200),
        ("application/fhir+xml", 406),
        ("application/json;q=0", 406),
    ],
)
def test_only_json_is_spoken(client: FlaskClient, accept: str, status: int) -> None:
    assert client.get("/fhir/Patient/ada", headers={"Accept": accept}).status_code == status


@pytest.mark.parametrize(("wanted", "status"), [("json", 200), ("application/fhir%2Bjson", 200), ("xml", 406)])
def test_the_format_may_be_a_parameter(client: FlaskClient, wanted: str, status: int) -> None:
    assert client.get(f"/fhir/Patient?_format={wanted}").status_code == status


def test_browsers_of_any_origin_may_read(client: FlaskClient) -> None:
    for path in ("/fhir/Patient/ada", "/fhir/Patient/nobody"):
        assert client.get(path).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("path", "method"), [("/fhir/Patient/ada", "GET"), ("/fhir/Observation/_search", "POST")])
def test_a_preflight_is_answered_without_the_token(path: str, method: str) -> None:
    client = create_sandbox([PATIENT], access_token="sesame").test_client()
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": method}
    response = client.options(path, headers={**asked, "Access-Control-Request-Headers": "authorization,prefer"})
    assert response.status_code == 200
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "prefer", "content-type"} <= set(allowed)
    assert method in response.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic c2VzYW1l", "Bearer sésame"])
def test_without_the_token_nothing_is_shown(header: str | None) -> None:
    client = create_sandbox([PATIENT], access_token="sesame").test_client()
    response = client.get("/fhir/Patient/ada", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert issue(response.get_json(force=True))["code"] == "login"


def test_the_token_opens_and_the_capabilities_are_always_open() -> None:
    client = create_sandbox([PATIENT], access_token="sesame").test_client()
    assert client.get("/fhir/Patient/ada", headers={"Authorization": "Bearer sesame"}).status_code == 200
    assert client.get("/fhir/metadata").status_code == 200


def test_latency() -> None:
    client = create_sandbox([PATIENT], latency_s=0.05).test_client()
    start = time.perf_counter()
    client.get("/fhir/Patient/ada")
    assert time.perf_counter() - start >= 0.05


@pytest.mark.parametrize("base_path", ["", "/", "/r4", "/deep/path/"])
def test_the_base_path_is_free(base_path: str) -> None:
    client = create_sandbox([PATIENT], base_path=base_path).test_client()
    base = base_path.rstrip("/")
    bundle = client.get(f"{base}/Patient").get_json(force=True)
    assert bundle["entry"][0]["fullUrl"] == f"http://localhost{base}/Patient/ada"
    assert client.get(f"{base}/metadata").status_code == 200
    assert client.post(f"{base}/", json={"resourceType": "Bundle", "type": "batch"}).status_code == 200


def test_requests_are_recorded_without_their_values() -> None:
    app = create_sandbox([PATIENT])
    client = app.test_client()
    client.get("/fhir/Patient/ada")
    client.get("/fhir/Observation?patient=ada&code=751-8&code=777-3")
    client.post("/fhir/Observation/_search", data={"patient": "ada"})
    requests = app.extensions["sandbox"].requests
    assert requests.count == 3
    assert requests.entries == (
        ("GET", "/fhir/Patient/ada"),
        ("GET", "/fhir/Observation?patient&code"),
        ("POST", "/fhir/Observation/_search"),
    )
    requests.clear()
    assert (requests.count, requests.entries) == (0, ())


def test_the_log_counts_on_when_it_forgets_the_oldest() -> None:
    log = RequestLog(kept=2)
    for path in ("/1", "/2", "/3"):
        log.add(RecordedRequest("GET", path))
    assert log.count == 3
    assert [entry.path for entry in log.entries] == ["/2", "/3"]


def test_the_log_counts_from_many_threads() -> None:
    app = create_sandbox([PATIENT])
    log: RequestLog = app.extensions["sandbox"].requests

    def ask() -> None:
        for _ in range(20):
            app.test_client().get("/fhir/Patient/ada")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.count == 160


def test_the_served_resources_cannot_be_changed_from_outside() -> None:
    mine = {**PATIENT}
    client = create_sandbox([mine]).test_client()
    mine["birthDate"] = "2000-01-01"
    assert client.get("/fhir/Patient/ada").get_json(force=True)["birthDate"] == "1980-02-29"


@pytest.mark.parametrize(
    "resources",
    [
        [{"resourceType": "Patient"}],
        [{"resourceType": "Patient", "id": ""}],
        [PATIENT, PATIENT],
        [{"resourceType": "Spaceship", "id": "1"}],
        [{"id": "1"}],
    ],
)
def test_resources_that_cannot_be_served_are_refused_at_the_start(resources: list[dict[str, str]]) -> None:
    with pytest.raises(ValueError, match=r"sandbox|id|twice"):
        create_sandbox(resources)


def test_it_can_be_asked_without_http(sandbox: Flask) -> None:
    inside: Sandbox = sandbox.extensions["sandbox"]
    base = "http://sandbox/fhir"
    assert inside.get("Patient/ada", base_url=base)["id"] == "ada"
    assert inside.get(f"{base}/Patient?name=ben", base_url=base)["total"] == 1
    for url in ("http://elsewhere/fhir/Patient/ada", "//elsewhere/Patient/ada", "http://[", "", "Patient/nobody"):
        with pytest.raises(FhirError):
            inside.get(url, base_url=base)


@pytest.fixture
def server_url(sandbox: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, sandbox, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir"
    server.shutdown()
    thread.join()


def test_over_a_real_socket(server_url: str) -> None:
    with urllib.request.urlopen(f"{server_url}/Observation?patient=ada&_sort=-date&_count=3") as response:
        assert response.status == HTTPStatus.OK
        first = json.load(response)
    next_url = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert next_url.startswith(server_url)
    with urllib.request.urlopen(next_url) as response:
        second = json.load(response)
    assert [entry["resource"]["id"] for entry in first["entry"] + second["entry"]] == ["o1", "o2", "o3", "o5"]
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{server_url}/Patient/nobody")
    assert issue(json.load(refusal.value))["code"] == "not-found"
    refusal.value.close()
