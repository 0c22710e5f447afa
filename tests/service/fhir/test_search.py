"""Making a search simpler without changing what it asks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cds_hooks.data_needs import data_needs
from service.fhir.search import as_form, dispensable, named_in, parameter_names, without
from service.fhir.versions import FHIR_VERSIONS, spelled_for

URL = "Observation?patient=p1&code=1-2,3-4&_sort=-date&_count=50&date=ge2026-01-01"


@pytest.mark.parametrize("version", sorted(FHIR_VERSIONS))
def test_patient_and_codes_are_never_dispensable(version: str) -> None:
    for need in data_needs({}).values():
        spelled = spelled_for(version, need)
        if spelled is not None and not spelled.is_read:
            url = spelled.search("p1", datetime(2026, 6, 15, tzinfo=UTC))
            left = without(url, dispensable(url, spelled))
            assert {"patient", "subject"} & set(parameter_names(left))
            assert ("code" in parameter_names(url)) == ("code" in parameter_names(left))
            assert not {name for name in parameter_names(left) if name.startswith("_")}


def test_leaving_out() -> None:
    assert without(URL, {"_sort", "date"}) == "Observation?patient=p1&code=1-2,3-4&_count=50"
    assert without("Condition?_count=1", {"_count"}) == "Condition"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("Unknown search parameter '_count'", {"_count"}),
        ("Invalid sort: _sort:desc=datewritten", {"_sort", "_sort:desc"}),
        ("date and _count are not supported", {"date", "_count"}),
        ("The birthdate, a pre-date and update are fine", set()),
        ("", set()),
    ],
)
def test_what_a_server_speaks_of(words: str, named: set[str]) -> None:
    assert named_in(words, ("patient", "code", "_sort", "_sort:desc", "_count", "date")) == named


def test_by_post() -> None:
    assert as_form(URL) == ("Observation/_search", URL.partition("?")[2].encode())
