"""Recording the examples of the OpenAPI document: the service answers real calls about a demo patient.

`python -m service.openapi.record` writes them; a test tells when they are old.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from flask.testing import FlaskClient

from service.app import create_app
from service.clinical import Clinical
from service.config import Settings
from service.openapi.document import EXAMPLES_FILE
from service.sandbox.hook_request import PRESCRIBER, fill_prefetch, hook_request
from service.sandbox.patients import load_patients
from service.sandbox.server import Sandbox, create_sandbox

Examples = dict[str, dict[str, Any]]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When the recorded calls were made."""

_PATIENT = "severe-renal-impairment"
_SERVICE = "/cds-services/lenalidomide-order-sign"
_FHIR_SERVER = "https://ehr.example.org/fhir"
_NAMESPACE = uuid.UUID("6f0f43fc-4a0e-5b0c-9d0a-3f5c1c1d7a11")
_DEADLINE_MS = 20_000


def record() -> Examples:
    """Make the calls and return the examples by name, as OpenAPI Example Objects; the same ones each time."""
    with TemporaryDirectory(prefix="lencds-examples-") as folder:
        settings = Settings(
            auth="off",
            database_url=f"sqlite:///{Path(folder) / 'examples.sqlite3'}",
            spool_dir=Path(folder) / "spool",
            deadline_ms=_DEADLINE_MS,
            log_level="error",
        )
        clinical = Clinical()
        clinical.order_check.new_uuid = _numbered_uuids()
        app = create_app(settings, clock=lambda: NOW, clinical=clinical)
        try:
            return _examples(app.test_client())
        finally:
            app.extensions["lencds"].close()


def _examples(client: FlaskClient) -> Examples:
    discovery = _answer(client.get("/cds-services"), 200)
    sign = _order_sign(discovery["services"][0]["prefetch"])
    other_drug = _other_drug(sign)
    unknown_patient = _without(sign, "prefetch")
    incomplete = _without(other_drug, "context", "patientId")
    cards = _answer(client.post(_SERVICE, json=sign), 200)
    card = next(card for card in cards["cards"] if card.get("suggestions"))
    accepted = _feedback(card, {"outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]})
    reason = {"reason": card["overrideReasons"][0], "userComment": "Creatinine of the dialysis unit is 1.1 mg/dL."}
    overridden = _feedback(card, {"outcome": "overridden", "overrideReason": reason})
    _answer(client.post(f"{_SERVICE}/feedback", json=accepted), 200)
    return {
        "Discovery": _example("Both services", discovery),
        "OrderSignRequest": _example("25 mg of lenalidomide at a creatinine clearance of 29 mL/min", sign),
        "OrderSignResponse": _example("The dose is too high, and how much is right", cards),
        "OtherDrugRequest": _example("An order that has nothing to do with lenalidomide", other_drug),
        "OtherDrugResponse": _example("Nothing to say", _answer(client.post(_SERVICE, json=other_drug), 200)),
        "AcceptedFeedback": _example("The suggested dose was taken", accepted),
        "OverriddenFeedback": _example("The card was overridden, and why", overridden),
        "ReceivedFeedback": _example(
            "One report was read", _answer(client.post(f"{_SERVICE}/feedback", json=overridden), 200)
        ),
        "MemberMissing": _example("No patient", _answer(client.post(_SERVICE, json=incomplete), 400)),
        "UnknownService": _example("No such service", _answer(client.post("/cds-services/other", json=sign), 404)),
        "PatientMissing": _example(
            "Neither sent nor found", _answer(client.post(_SERVICE, json=unknown_patient), 412)
        ),
    }  # fmt: skip


def _order_sign(templates: dict[str, str]) -> dict[str, Any]:
    patient = next(one for one in load_patients(NOW) if one.id == _PATIENT)
    sandbox: Sandbox = create_sandbox(patient.resources).extensions["sandbox"]
    return hook_request(
        patient,
        hook="order-sign",
        fhir_server=_FHIR_SERVER,
        prefetch=fill_prefetch(templates, patient, lambda url: sandbox.get(url, base_url=_FHIR_SERVER)),
        hook_instance=str(uuid.uuid5(_NAMESPACE, "order-sign")),
        access_token="opaque-to-the-service",  # noqa: S106  no secret, an example
    )


def _other_drug(sign: dict[str, Any]) -> dict[str, Any]:
    """The same patient gets amoxicillin; no prefetch is needed for the answer."""
    order = {
        "resourceType": "MedicationRequest",
        "id": "draft-amoxicillin",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Amoxicillin 500 mg oral capsule"},
        "subject": {"reference": f"Patient/{sign['context']['patientId']}"},
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    return {
        "hook": "order-sign",
        "hookInstance": str(uuid.uuid5(_NAMESPACE, "other-drug")),
        "context": {"userId": PRESCRIBER, "patientId": sign["context"]["patientId"], "draftOrders": bundle},
    }


def _feedback(card: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
    return {"feedback": [{"card": card["uuid"], **outcome, "outcomeTimestamp": NOW.isoformat()}]}


def _without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return a copy of a request without one of its members."""
    rest = copy.deepcopy(body)
    holder = rest
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return rest


def _answer(response: Any, status: int) -> Any:
    if response.status_code != status:
        raise RuntimeError(f"an example was answered with {response.status_code} instead of {status}")
    return orjson.loads(response.data)


def _example(summary: str, value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}


def _numbered_uuids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: str(uuid.uuid5(_NAMESPACE, str(next(numbers))))


def main() -> None:
    """Write the examples beside this module."""
    file = Path(__file__).with_name(EXAMPLES_FILE)
    file.write_bytes(orjson.dumps(record(), option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
