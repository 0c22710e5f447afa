"""The service keeps what its OpenAPI document promises, whatever is sent; tried by schemathesis from that document.

What schemathesis makes up by itself is hardly ever about lenalidomide. A good half of the calls is therefore about a
demo patient, with parts of the made-up call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.openapi.document import openapi_document
from tests.fuzz.depth import examples
from tests.fuzz.stage import PATIENTS, Stage

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SERVICE, FEEDBACK = "/cds-services/{id}", "/cds-services/{id}/feedback"
OPERATIONS = [
    (path, method.upper())
    for path, item in openapi_document()["paths"].items()
    for method in item
    if method != "parameters"
]
BODIES = [(SERVICE, "POST"), (FEEDBACK, "POST")]


@pytest.fixture(scope="module")
def document(stage: Stage) -> schemathesis.BaseSchema:
    """The document as it is served, with the application that serves it."""
    return schemathesis.openapi.from_wsgi("/openapi.json", from_this_machine(stage.client.application))


def from_this_machine(app: Flask) -> Callable[..., Any]:
    """Without authentication the service answers its own machine only; schemathesis names no peer."""
    return lambda environ, start_response: app({**environ, "REMOTE_ADDR": "127.0.0.1"}, start_response)


def send(case: Case, tally: Counter[str]) -> None:
    response = case.call_and_validate(checks=CHECKS)
    with_cards = response.content.startswith(b'{"cards":[{')
    tally[f"{response.status_code} with cards" if with_cards else str(response.status_code)] += 1


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), BODIES)
def test_made_up_calls(
    document: schemathesis.BaseSchema, tally: Counter[str], path: str, method: str, mode: GenerationMode
) -> None:
    @examples(15)
    @given(document[path][method].as_strategy(mode))
    def run(case: Case) -> None:
        send(case, tally)

    run()


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if one not in BODIES])
def test_addresses_without_a_body(
    document: schemathesis.BaseSchema, tally: Counter[str], path: str, method: str
) -> None:
    operation = document[path][method]
    send(operation.Case(), tally)
    send(operation.Case(query={"_format": "xml"}, headers={"Accept": "text/html"}), tally)
    assert set(tally) == {"200"}


@pytest.mark.parametrize(("path", "method"), BODIES)
def test_the_examples_of_the_document(
    document: schemathesis.BaseSchema, tally: Counter[str], path: str, method: str
) -> None:
    operation = document[path][method]
    content = operation.definition.raw["requestBody"]["content"]["application/json"]
    names = [example["$ref"].rpartition("/")[2] for example in content["examples"].values()]
    for name in names:
        body = openapi_document()["components"]["examples"][name]["value"]
        case = operation.Case(
            path_parameters={"id": "lenalidomide-order-sign"}, body=body, media_type="application/json"
        )
        send(case, tally)
    assert tally.total() == len(names) >= 2
    assert {kind[:3] for kind in tally} == {"200"}


def test_calls_about_lenalidomide(document: schemathesis.BaseSchema, stage: Stage, tally: Counter[str]) -> None:
    def about(case: Case, patient_id: str, kept: set[str], lost: set[str]) -> Case:
        """Put a patient's drafts and prefetch into a made-up call; of its context, only what is in `kept` stays."""
        real = stage.call(patient_id)
        made_up: dict[str, Any] = case.body
        context = {name: value for name, value in made_up["context"].items() if name in kept}
        prefetch = {name: value for name, value in real["prefetch"].items() if name not in lost}
        case.path_parameters["id"] = f"lenalidomide-{PATIENTS[patient_id].hook}"
        case.body = {
            **{name: value for name, value in made_up.items() if name != "fhirServer"},
            **real,
            "hookInstance": made_up["hookInstance"],
            "context": {**real["context"], **context},
            "prefetch": {**made_up.get("prefetch", {}), **prefetch},
        }
        case.body.pop("fhirAuthorization", None)
        return case

    calls = st.builds(
        about,
        document[SERVICE]["POST"].as_strategy(GenerationMode.POSITIVE),
        st.sampled_from(sorted(PATIENTS)),
        st.sets(st.sampled_from(["userId", "encounterId", "extension"])),
        st.sets(st.sampled_from(sorted(stage.call("steady-cycle-six")["prefetch"])), max_size=3),
    )

    @examples(30)
    @given(calls)
    def run(case: Case) -> None:
        send(case, tally)

    run()
    assert tally["200 with cards"] > tally.total() / 2


@pytest.mark.parametrize(("path", "method"), BODIES)
def test_compressed_bodies(document: schemathesis.BaseSchema, tally: Counter[str], path: str, method: str) -> None:
    operation = document[path][method]
    address, headers = {"id": "lenalidomide-order-sign"}, {"Content-Encoding": "gzip"}
    send(operation.Case(path_parameters=address, headers=headers, body={}, media_type="application/json"), tally)
    assert set(tally) == {"415"}


def test_methods_that_an_address_does_not_take(document: schemathesis.BaseSchema, stage: Stage) -> None:
    for path, method in OPERATIONS:
        for other in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - {method}:
            response = stage.client.open(path.replace("{id}", "lenalidomide-order-sign"), method=other)
            assert response.status_code == 405
            assert method in response.headers["Allow"]
            assert response.json["resourceType"] == "OperationOutcome"


def test_the_checks_would_notice(document: schemathesis.BaseSchema, stage: Stage, tmp_path: Path) -> None:
    """A document that promises something else is caught, so the tests above can fail."""
    wrong = openapi_document() | {
        "paths": openapi_document()["paths"] | {"/livez": openapi_document()["paths"]["/readyz"]}
    }
    schema = schemathesis.openapi.from_dict(wrong)
    schema.app = from_this_machine(stage.client.application)
    with pytest.raises(BaseException, match="alive"):
        send(schema["/livez"]["GET"].Case(), Counter())
