"""Judging answers never raises, and a missing record type is told from a refused query."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.prefetch import FailureCause
from service.fhir.answers import Refusal, batch_outcomes, decode, judge

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.sampled_from(["Bundle", "OperationOutcome"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceType", "entry", "issue", "code", "diagnostics", "response", "status", "resource"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


def complaint(text: str, code: str = "processing") -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "diagnostics": text}]}


@pytest.mark.parametrize(
    "text",
    [
        "Unknown resource type 'AdverseEvent' - Server knows how to handle: [Patient]",
        "Resource type ResearchSubject is not supported",
        "The resource type AdverseEvent is not implemented on this server",
        "Unsupported resource",
        "Invalid resource type: AdverseEvent",
    ],
)
@pytest.mark.parametrize("status", [400, 422, 501])
def test_servers_say_in_many_ways_that_they_lack_a_type(text: str, status: int) -> None:
    judged = judge(status, complaint(text), "Bundle")
    assert (judged.cause if isinstance(judged, Refusal) else judged) is FailureCause.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Search parameter effective-time is not supported", "not-supported"),
        ("Unknown search parameter '_sort' for resource type Procedure", "processing"),
        ("Sorting (_sort=-date) is not possible", "not-supported"),
        ("_include of MedicationRequest:medication", "not-supported"),
        ("Invalid date", "invalid"),
        ("", "processing"),
    ],
)
def test_a_complaint_about_the_query_is_no_lack_of_the_type(text: str, code: str) -> None:
    assert judge(400, complaint(text, code), "Bundle") == Refusal(FailureCause.REJECTED, text)


def test_only_a_search_can_lack_its_type() -> None:
    assert judge(404, None, "Patient") is FailureCause.NOT_FOUND
    assert judge(400, complaint("", "not-supported"), "Patient") is FailureCause.REJECTED


@given(st.integers(100, 999), JSON, st.sampled_from(["Bundle", "Patient"]))
def test_judging_never_raises_and_accepts_only_what_was_asked_for(status: int, content: Any, expected: str) -> None:
    outcome = judge(status, content, expected)
    if not isinstance(outcome, FailureCause):
        if isinstance(outcome, Refusal):
            assert expected == "Bundle"
            return
        assert status == 200
        assert outcome["resourceType"] == expected


@given(JSON, st.integers(0, 4))
def test_taking_a_batch_apart_never_raises(content: Any, count: int) -> None:
    outcomes = batch_outcomes(content, ("Bundle",) * count)
    assert outcomes is None or len(outcomes) == count


def test_what_a_server_says_shows_in_no_text() -> None:
    judged = judge(400, complaint("no patient p1"), "Bundle")
    assert isinstance(judged, Refusal)
    assert judged.words == "no patient p1"
    assert "p1" not in repr(judged)


@given(st.binary(max_size=60))
def test_decoding_never_raises(body: bytes) -> None:
    decode(body)
