"""No request leaves for an address that is not the client's, and no token for another origin; over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from cds_hooks.cases.moment import NOW
from service.app import create_app
from service.config import Settings
from tests import planted

SIGN = "/cds-services/lenalidomide-order-sign"
PATIENT = {
    "resourceType": "Patient",
    "id": planted.PATIENT_ID,
    "name": planted.NAME,
    "identifier": planted.IDENTIFIER,
    "address": planted.ADDRESS,
    "gender": "female",
    "birthDate": "1980-01-01",
}
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": f"{planted.FAMILY} {planted.MRN}"}],
}


def fhir(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/fhir+json")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, fhir_host: Any, other_host: Any) -> Iterator[FlaskClient]:
    """The real application; its client may use the first host below /fhir, and nothing else."""
    folder = tmp_path_factory.mktemp("leaves")
    file = folder / "clients.toml"
    file.write_text(f'[[client]]\nname = "local"\nfhir_servers = ["{fhir_host.url}/fhir"]\n')
    settings = Settings.load(
        {
            "LENCDS_AUTH": "off",
            "LENCDS_CONFIG": str(file),
            "LENCDS_LOG_LEVEL": "debug",
            "LENCDS_DEADLINE_MS": "5000",
            "LENCDS_AUDIT_KEY": planted.AUDIT_KEY,
            "LENCDS_ADMIN_TOKEN": planted.ADMIN_TOKEN,
            "LENCDS_METRICS_TOKEN": planted.METRICS_TOKEN,
            "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'x.sqlite3'}",
            "LENCDS_SPOOL_DIR": str(folder / "spool"),
        },
        sandbox_url=fhir_host.url + "/fhir",
    )
    app = create_app(settings, clock=lambda: NOW)
    yield app.test_client()
    app.extensions["lencds"].close()


@pytest.fixture
def hosts(fhir_host: Any, other_host: Any) -> tuple[Any, Any]:
    for host in (fhir_host, other_host):
        host.requests.clear()
        host.answer = lambda _request: Response("nothing", 404)
    return fhir_host, other_host


Call = Callable[..., TestResponse]


@pytest.fixture
def call(web: FlaskClient) -> Call:
    def call(fhir_server: str, **changes: Any) -> TestResponse:
        order = {
            "resourceType": "MedicationRequest",
            "id": "o",
            "subject": {"reference": f"Patient/{planted.PATIENT_ID}"},
            "medicationCodeableConcept": {"text": "lenalidomide 25 mg capsule"},
        }
        context = {
            "userId": "Practitioner/1",
            "patientId": planted.PATIENT_ID,
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
        }
        token = {"access_token": planted.ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "x"}
        body = {"hook": "order-sign", "hookInstance": "i", "fhirServer": fhir_server, "fhirAuthorization": token}
        return web.post(SIGN, json={**body, "context": context, "prefetch": {"patient": PATIENT}, **changes})

    return call


def topics(response: TestResponse) -> set[str]:
    assert response.json is not None
    return {card["source"]["topic"]["code"] for card in response.json["cards"]}


@pytest.mark.parametrize(
    "server",
    [
        "{other}/fhir",
        "{host}",
        "{host}/fhirx",
        "{host}/fhir/../admin",
        "{host}/fhir%2f..%2fadmin",
        "{host}@{other}/fhir",
        "http://localhost:{port}/fhir",
        "http://10.0.0.5/fhir",
        "https://10.0.0.5/fhir",
        "https://192.168.1.1/fhir",
        "http://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/fhir",
        "https://ehr.example.org/fhir",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "{host}/fhir?x={other}",
        "{host}/fhir#x",
    ],
)
def test_a_fhir_server_that_is_not_the_clients_counts_as_none(call: Call, hosts: tuple[Any, Any], server: str) -> None:
    host, other = hosts
    named = server.format(host=host.url, other=other.url.removeprefix("http://"), port=host.url.rpartition(":")[2])
    response = call(named)
    assert response.status_code == 200
    assert "checkIncomplete" in topics(response)
    assert not other.requests
    assert not [one for one in host.requests if not one.path.startswith("/fhir")]


def test_next_links_redirects_and_references_elsewhere_are_not_followed(call: Call, hosts: tuple[Any, Any]) -> None:
    host, other = hosts

    def answer(request: Request) -> Response:
        if request.path.endswith("/Observation"):
            return redirect(f"{other.url}/fhir/Observation", 307)
        if request.path.endswith("/Condition"):
            return redirect(f"{host.url}/admin", 302)
        links = [{"relation": "next", "url": f"{other.url}/fhir/page2"}]
        return fhir({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": []})

    host.answer = answer
    response = call(host.url + "/fhir")
    assert response.status_code == 200
    assert "checkIncomplete" in topics(response)
    assert host.requests
    assert all(one.path.startswith("/fhir") for one in host.requests)
    assert all(one.headers["Authorization"] == f"Bearer {planted.ACCESS_TOKEN}" for one in host.requests)
    assert not other.requests


def test_nothing_of_a_patient_or_token_is_in_errors_metrics_log_or_database(
    web: FlaskClient,
    call: Call,
    hosts: tuple[Any, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through everything that can go wrong on the way, with servers that quote what they must not."""
    host, _ = hosts
    base = host.url + "/fhir"
    errors: list[str] = []

    def note(response: TestResponse) -> None:
        if response.status_code != 200:
            errors.append(response.text)

    for answer in (
        lambda _: fhir(OUTCOME, 500),
        lambda _: fhir(OUTCOME, 401),
        lambda _: fhir(OUTCOME),
        lambda _: Response(f"<p>{planted.FAMILY}</p>", 200, mimetype="text/html"),
        lambda _: Response(f'{{"resourceType": "{planted.FAMILY}', 200),
        lambda request: redirect(f"{request.path}/{planted.MRN}", 302),
        lambda _: fhir({"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": planted.FAMILY}]}),
    ):
        host.answer = answer
        note(call(base))
        note(call(base, prefetch=None))
    note(call(f"https://{planted.FAMILY}.example.org/fhir"))
    note(call(base, prefetch={"patient": {**PATIENT, "id": "another"}}))
    note(call(base, prefetch=f"{planted.FAMILY}"))
    note(call(base, prefetch={"patient": PATIENT, planted.MRN: [planted.FAMILY]}))
    note(call(base, context={"patientId": f"{planted.PATIENT_ID} {planted.MRN}", planted.FAMILY: 1}))
    note(call(base, hook=planted.FAMILY))
    note(call(base, fhirAuthorization={planted.MRN: planted.ACCESS_TOKEN}))
    note(call(base, context={"patientId": planted.PATIENT_ID, "draftOrders": {"entry": [planted.FAMILY]}}))
    note(web.post(SIGN, data=f'{{"hook": "{planted.FAMILY}'))
    note(web.post(f"/cds-services/{planted.MRN}", data=b"{}"))
    note(web.get(f"/{planted.FAMILY}?name={planted.GIVEN}"))
    note(web.post(f"{SIGN}/feedback", json={"feedback": [{"card": planted.MRN, planted.FAMILY: 1}]}))

    def fails(*_arguments: Any, **_options: Any) -> Any:
        raise ValueError(f"{planted.FAMILY} {planted.ACCESS_TOKEN}")

    with monkeypatch.context() as patch:
        patch.setattr("service.order_check.build_chart", fails)
        note(call(base))
    services = web.application.extensions["lencds"]
    with monkeypatch.context() as patch:
        patch.setattr(services.audit, "record", fails)
        note(call(base))
    written = capsys.readouterr()
    metrics = web.get("/metrics").text
    with services.database.engine.connect() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        rows = "".join(str(connection.execute(text(f"SELECT * FROM {name}")).all()) for name in tables)
    spooled = "".join(file.read_text() for file in Path(services.settings.spool_dir).rglob("*") if file.is_file())
    assert len(errors) > 10
    assert "unforeseen error" in written.err
    assert "lencds_calls" in metrics
    assert "lenalidomide-order-sign" in rows
    for place in ("".join(errors), written.err, written.out, metrics, rows, spooled):
        assert [value for value in planted.VALUES if value in place] == []
