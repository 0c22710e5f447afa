"""URLs relative to the base of a FHIR server."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.data_needs import DataNeed, data_needs
from cds_hooks.knowledge.loader import load_knowledge
from service.fhir.access import FhirServer

BASES = ("https://ehr.example.org/fhir", "https://ehr.example.org/fhir/", "http://127.0.0.1:8080")
NEEDS = data_needs(load_knowledge().analytes)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def server(base: str) -> FhirServer:
    return FhirServer(base=base, allowed=lambda _url: True)


@given(
    st.sampled_from(BASES),
    st.from_regex(r"(?:[A-Za-z/.:]{0,12}\?)?[ -~]{0,40}", fullmatch=True)
    | st.sampled_from(["Observation?a=/../b", "Observation?a=b#c", "Observation?", "//elsewhere.example/x?y", "?a=b"]),
)
def test_references_are_joined_as_the_standard_says(base: str, reference: str) -> None:
    try:
        expected = urljoin(base.rstrip("/") + "/", reference)
    except ValueError:
        expected = ""
    assert server(base).url(reference) == expected


@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_every_search_says_what_the_need_says(need: DataNeed) -> None:
    url = urlsplit(server(BASES[0]).url(need.search("a&b c/é", NOW)))

    if need.is_read:
        assert url.path == "/fhir/Patient/a%26b%20c%2F%C3%A9"
        return
    assert url.path == f"/fhir/{need.resource_type}"
    sent = parse_qsl(url.query, strict_parsing=True)
    assert sent[: len(need.parameters) + 1] == [(need.patient_parameter, "a&b c/é"), *need.parameters]
    assert ("_include" in dict(sent)) is bool(need.include)
    assert (need.date_parameter in dict(sent)) is bool(need.date_parameter)
