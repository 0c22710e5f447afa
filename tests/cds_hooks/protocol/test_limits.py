"""One request may hold only so much; what is refused is told the limit, and nothing of the request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.protocol.limits import (
    DEEPEST,
    MOST_DRAFTS,
    MOST_RESOURCES,
    has_too_many_resources,
    is_json_too_deep,
    is_too_deep,
)
from cds_hooks.protocol.request import HookRequest, RequestError, parse_request


def nested(levels: int, kind: str = "list") -> Any:
    value: Any = "Smith"
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


def body(drafts: list[Any], prefetch: Any = None) -> bytes:
    context = {"userId": "Practitioner/1", "patientId": "p", "draftOrders": {"entry": drafts}}
    return json.dumps(
        {"hook": "order-sign", "hookInstance": "i", "context": context, "prefetch": prefetch}, check_circular=False
    ).encode()


def draft(**members: Any) -> dict[str, Any]:
    return {"resource": {"resourceType": "MedicationRequest", **members}}


def read(request: HookRequest) -> None:
    request.check_depth()
    request.prefetch()


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_depth(kind: str) -> None:
    assert not is_too_deep("text")
    assert not is_too_deep(nested(DEEPEST, kind))
    assert is_too_deep(nested(DEEPEST + 1, kind))
    assert is_too_deep([1, "x", {"wide": [nested(5), nested(DEEPEST)]}])


MARKS = st.text(st.sampled_from('[]{}":,\\ \nxü'))
VALUES = st.recursive(
    MARKS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MARKS, inner, max_size=4),
    max_leaves=40,
)


@given(VALUES, st.integers(0, 8), st.booleans(), st.sampled_from([None, 1]))
def test_the_text_is_as_deep_as_the_value(value: Any, deepest: int, ascii_only: bool, indent: int | None) -> None:
    """Brackets, quotes and backslashes inside strings count for nothing."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert is_json_too_deep(text, deepest) == is_too_deep(value, deepest)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        (rb'"\\"', 0),
        (rb'["[", "]]", "\"]"]', 1),
        (rb'["\\\\\"[[", [], "\\"]', 2),
        (rb'{"[\"[": {"]\\": []}}', 3),
        (rb'["", "", {"": ""}, "[", "]"]', 2),
        (b"[" * DEEPEST + b"]" * DEEPEST, DEEPEST),
    ],
)
def test_depth_of_texts(text: bytes, levels: int) -> None:
    json.loads(text)
    assert not is_json_too_deep(text, levels)
    assert levels == 0 or is_json_too_deep(text, levels - 1)


@pytest.mark.parametrize("levels", [DEEPEST + 1, 300, 900, 20_000, 200_000])
@pytest.mark.parametrize("place", ["draft", "prefetch"])
def test_deep_requests_are_refused_with_the_limit(levels: int, place: str) -> None:
    deep = b"[" * levels + b'"Smith"' + b"]" * levels
    sent = body([draft(x="HERE")]) if place == "draft" else body([draft()], {"patient": {"x": "HERE"}})
    with pytest.raises(RequestError, match=f"nested deeper than {DEEPEST} levels") as refusal:
        read(parse_request(sent.replace(b'"HERE"', deep)))
    assert "Smith" not in str(refusal.value)


def test_what_is_just_not_too_deep_is_read() -> None:
    read(parse_request(body([draft(x=nested(DEEPEST - 2))], {"patient": {"x": nested(DEEPEST - 2)}})))


def test_the_number_of_drafts_is_limited() -> None:
    parse_request(body([draft()] * MOST_DRAFTS))
    with pytest.raises(RequestError, match=f"has more than {MOST_DRAFTS} entries") as refusal:
        parse_request(body([draft()] * (MOST_DRAFTS + 1)))
    assert refusal.value.path == "$.context.draftOrders.entry"


def test_the_number_of_prefetched_resources_is_limited_in_all() -> None:
    half = {"resourceType": "Bundle", "entry": [{}] * (MOST_RESOURCES // 2)}
    read(parse_request(body([draft()], {"labs": half, "medications": half})))
    with pytest.raises(RequestError, match=f"holds more than {MOST_RESOURCES} resources"):
        read(parse_request(body([draft()], {"labs": half, "medications": half, "more": {"entry": [{}]}})))
    assert not has_too_many_resources({"odd": 7, "null": None, "list": [1], "text": {"entry": "x"}})


HUGE = ["1e400", "-1e400", "9" * 5000, "9" * 400, "1" + "0" * 310 + ".5", "NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("number", HUGE, ids=lambda number: f"{number[:6]}, {len(number)} characters")
@pytest.mark.parametrize("place", ["draft", "prefetch"])
def test_numbers_beyond_every_measure_are_refused_or_harmless(number: str, place: str) -> None:
    sent = body([draft(x="HERE")]) if place == "draft" else body([draft()], {"patient": {"x": "HERE"}})
    try:
        request = parse_request(sent.replace(b'"HERE"', number.encode()))
        request.prefetch()
    except RequestError as error:
        assert "JSON" in str(error)
        return
    value = request.drafts[0]["x"] if place == "draft" else (request.prefetch() or {})["patient"]["x"]
    assert value == int(number)  # whole, not infinite


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"])
def test_only_utf8_is_read(encoding: str) -> None:
    text = body([draft(note="HERE")]).decode().replace("HERE", "Müller")
    with pytest.raises(RequestError, match="JSON"):
        parse_request(text.encode(encoding))


def test_of_a_member_given_twice_the_last_counts_everywhere() -> None:
    """The same reading as that of every other JSON library the EHR may use, and one reading for all parts of ours."""
    sent = body([draft()]).replace(b'"patientId": "p"', b'"patientId": "other", "patientId": "p"')
    assert parse_request(sent).patient_id == "p"
