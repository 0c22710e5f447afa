"""Reading the envelope of a hook call."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cds_hooks.protocol.request import RequestError, parse_request

SIGN: dict[str, Any] = {
    "hook": "order-sign",
    "hookInstance": "3f1dde72-162b-11ec-99e8-0050568b7be6",
    "context": {
        "patientId": "p1",
        "userId": "Practitioner/d1",
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationRequest"}}]},
    },
}


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def changed(path: str, value: Any = None, *, remove: bool = False) -> bytes:
    document = copy.deepcopy(SIGN)
    *parents, last = path.split(".")
    node = document
    for parent in parents:
        node = node[parent]
    if remove:
        del node[last]
    else:
        node[last] = value
    return body(document)


def test_a_complete_request_is_read() -> None:
    request = parse_request(body({**SIGN, "fhirServer": "https://ehr.example.org/fhir"}))
    assert (request.hook, request.patient_id, request.user_id) == ("order-sign", "p1", "Practitioner/d1")
    assert request.fhir_server == "https://ehr.example.org/fhir"
    assert request.access_token is None
    assert request.prefetch() is None
    assert [draft["resourceType"] for draft in request.drafts] == ["MedicationRequest"]


@pytest.mark.parametrize(
    ("given_body", "path"),
    [
        (changed("hook", remove=True), "$.hook"),
        (changed("hook", 7), "$.hook"),
        (changed("hook", ""), "$.hook"),
        (changed("hookInstance", remove=True), "$.hookInstance"),
        (changed("hookInstance", None), "$.hookInstance"),
        (changed("hookInstance", ""), "$.hookInstance"),
        (changed("context", remove=True), "$.context"),
        (changed("context", []), "$.context"),
        (changed("context.patientId", remove=True), "$.context.patientId"),
        (changed("context.patientId", 12), "$.context.patientId"),
        (changed("context.patientId", ""), "$.context.patientId"),
        (changed("context.patientId", "Patient/"), "$.context.patientId"),
        (changed("context.draftOrders", remove=True), "$.context.draftOrders"),
        (changed("context.draftOrders", []), "$.context.draftOrders"),
        (changed("context.draftOrders", {"entry": {}}), "$.context.draftOrders.entry"),
        (changed("fhirServer", 5), "$.fhirServer"),
        (changed("fhirAuthorization", {"access_token": "t"}), "$"),
    ],
)
def test_a_missing_or_mistyped_member_is_named(given_body: bytes, path: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(given_body)
    assert caught.value.path == path


def test_order_select_needs_selections() -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(changed("hook", "order-select"))
    assert caught.value.path == "$.context.selections"


def test_the_error_never_quotes_a_value() -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(changed("context.patientId", {"secret-name": "Maria Planted"}))
    assert "Planted" not in str(caught.value)
    assert "secret-name" not in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"hook": NaN}',
        body(SIGN).decode().encode("utf-16"),
        body(SIGN).replace(b"p1", b"\xff\xfe"),
        b'{"hook":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["empty", "null", "array", "cut off", "NaN", "UTF-16", "bad UTF-8", "nested too deep"],
)
def test_what_is_not_json_in_utf8_is_refused(broken: bytes) -> None:
    with pytest.raises(RequestError):
        parse_request(broken)


@pytest.mark.parametrize(
    "tolerated",
    [
        b"\xef\xbb\xbf" + body(SIGN),
        changed("hookInstance", "not-a-uuid"),
        changed("context.userId", remove=True),
        changed("context.surprise", {"x": 1}),
        changed("context.draftOrders", {"resourceType": "Bundle"}),
        body({**SIGN, "unknown": [1, 2], "fhirServer": None, "fhirAuthorization": None, "prefetch": None}),
    ],
    ids=["BOM", "odd hookInstance", "no userId", "unknown context", "no entry", "nulls"],
)
def test_harmless_oddities_are_tolerated(tolerated: bytes) -> None:
    assert parse_request(tolerated).patient_id == "p1"


def test_the_patient_prefix_is_taken_off() -> None:
    assert parse_request(changed("context.patientId", "Patient/abc.D-1")).patient_id == "abc.D-1"


def test_the_prefetch_is_decoded_only_when_asked_for() -> None:
    broken = body(SIGN)[:-1] + b', "prefetch": {"labs": "\xc3\x28"}}'
    with pytest.raises(RequestError):
        parse_request(broken)
    late = body(SIGN)[:-1] + b', "prefetch": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}"
    try:
        request = parse_request(late)
    except RequestError:
        return
    with pytest.raises(RequestError) as caught:
        request.prefetch()
    assert caught.value.path == "$.prefetch"


@pytest.mark.parametrize("value", [[], "x", 3, True])
def test_a_prefetch_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(body({**SIGN, "prefetch": value})).prefetch()
    assert caught.value.path == "$.prefetch"


def test_the_access_token_stays_out_of_the_text_form() -> None:
    document = {**SIGN, "fhirServer": "https://x.example", "fhirAuthorization": {"access_token": "planted-token"}}
    request = parse_request(body(document))
    assert request.access_token == "planted-token"
    assert "planted-token" not in repr(request)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(document=json_values)
def test_any_json_is_read_or_refused(document: Any) -> None:
    with suppress(RequestError):
        parse_request(body(document))


@settings(max_examples=200)
@given(member=st.sampled_from(["hook", "hookInstance", "context", "fhirServer", "prefetch"]), value=json_values)
def test_any_value_in_any_member_is_read_or_refused(member: str, value: Any) -> None:
    with suppress(RequestError):
        parse_request(body({**SIGN, member: value})).prefetch()


@pytest.mark.parametrize(
    ("full_url", "identity"),
    [("urn:uuid:6b2d7b0e", "urn:uuid:6b2d7b0e"), ("https://ehr.example.org/fhir/Medication/m1", "m1")],
)
def test_a_medication_without_id_is_known_by_the_address_of_its_entry(full_url: str, identity: str) -> None:
    entries = [
        {"fullUrl": full_url, "resource": {"resourceType": "Medication"}},
        {"fullUrl": full_url, "resource": {"resourceType": "Medication", "id": "own"}},
        {"fullUrl": full_url, "resource": {"resourceType": "MedicationRequest"}},
    ]
    drafts = parse_request(changed("context.draftOrders", {"entry": entries})).drafts
    assert [draft.get("id") for draft in drafts] == [identity, "own", None]


MEMBERS = ["hook", "hookInstance", "fhirServer", "fhirAuthorization", "context"] + [
    f"context.{name}"
    for name in ("patientId", "userId", "encounterId", "selections", "draftOrders", "draftOrders.entry")
]
VALUES = st.sampled_from(
    [None, "", "x", "order-select", "a/b", "Patient/p1", 7, True, [], [1], ["MedicationRequest/1"], {}]
) | st.fixed_dictionaries({}, optional={"access_token": st.sampled_from(["", "t", None, 3]), "entry": st.just([])})


@given(st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=3), st.sets(st.sampled_from(MEMBERS), max_size=2))
def test_the_types_demand_what_the_schema_demands(changes: dict[str, Any], removed: set[str]) -> None:
    document = copy.deepcopy(SIGN)
    for path, value in [*changes.items(), *((path, ...) for path in sorted(removed))]:
        *parents, last = path.split(".")
        node: Any = document
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict):
            if value is ...:
                node.pop(last, None)
            else:
                node[last] = copy.deepcopy(value)  # the same list or object may be drawn twice
    schema = json.loads(files("cds_hooks.protocol").joinpath("schemas/request.json").read_text(encoding="utf-8"))
    tolerated = {key: document[key] for key in document if not (key.startswith("fhir") and document[key] is None)}
    is_valid = Draft202012Validator(schema).is_valid(tolerated)
    try:
        parse_request(body(document))
    except RequestError:
        assert not is_valid
    else:
        assert is_valid
