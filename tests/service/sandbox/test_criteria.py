from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sandbox.criteria import criterion, fold
from service.sandbox.outcome import FhirError
from service.sandbox.search_parameters import SEARCH_PARAMETERS

BASE = "http://127.0.0.1:9/fhir"


def selects(kind: str, name: str, value: str, resource: dict[str, Any]) -> bool:
    return criterion(SEARCH_PARAMETERS[kind][name], value, BASE)(resource)


CODED = {"code": {"coding": [{"system": "urn:a", "code": "1"}, {"system": "urn:b", "code": "2"}, {"code": "3"}]}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("9", False),
        ("urn:a|1", True),
        ("urn:b|1", False),
        ("urn:b|", True),
        ("urn:c|", False),
        ("|3", True),
        ("|1", False),
        ("9,urn:b|2", True),
        ("9,8", False),
    ],
)
def test_token(value: str, expected: bool) -> None:
    assert selects("Observation", "code", value, CODED) is expected


def test_a_token_with_separators_in_it_can_be_escaped() -> None:
    resource = {"code": {"coding": [{"system": "urn:a|b", "code": "1,2"}]}}
    assert selects("Observation", "code", r"urn:a\|b|1\,2", resource)
    assert not selects("Observation", "code", "urn:a|b|1,2".replace("|b|", "|"), resource)


def test_a_code_element_has_an_implied_system() -> None:
    assert selects("Observation", "status", "final", {"status": "final"})
    assert selects("Observation", "status", "http://hl7.org/fhir/observation-status|final", {"status": "final"})
    assert not selects("Observation", "status", "Final", {"status": "final"})


def test_an_identifier_is_a_token() -> None:
    patient = {"identifier": [{"system": "urn:mrn", "value": "77"}]}
    assert selects("Patient", "identifier", "urn:mrn|77", patient)
    assert not selects("Patient", "identifier", "urn:other|77", patient)


def test_text_without_coding_is_no_token() -> None:
    assert not selects("Observation", "code", "anc", {"code": {"text": "anc"}})


def referring(reference: str) -> dict[str, Any]:
    return {"subject": {"reference": reference}}


@pytest.mark.parametrize("stored", ["Patient/7", f"{BASE}/Patient/7", "Patient/7/_history/2"])
@pytest.mark.parametrize("value", ["7", "Patient/7", f"{BASE}/Patient/7", "8,7"])
@pytest.mark.parametrize("name", ["patient", "subject"])
def test_a_reference_to_this_server_may_be_written_in_any_way(name: str, value: str, stored: str) -> None:
    assert selects("Observation", name, value, referring(stored))


@pytest.mark.parametrize("value", ["8", "Patient/8", "Patient", "http://elsewhere/fhir/Patient/7", "Group/7"])
def test_a_reference_to_something_else_does_not_match(value: str) -> None:
    assert not selects("Observation", "patient", value, referring("Patient/7"))


def test_a_reference_elsewhere_matches_only_in_full() -> None:
    elsewhere = referring("http://elsewhere/fhir/Patient/7")
    assert selects("Observation", "patient", "http://elsewhere/fhir/Patient/7", elsewhere)
    assert not selects("Observation", "patient", "7", elsewhere)


def test_patient_means_patients_while_subject_means_anything() -> None:
    assert not selects("Observation", "patient", "7", referring("Group/7"))
    assert selects("Observation", "subject", "7", referring("Group/7"))


def test_a_reference_by_identifier_matches_nothing() -> None:
    assert not selects("Observation", "patient", "7", {"subject": {"identifier": {"value": "7"}}})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-05", True),
        ("eq2026-03-05", True),
        ("2026-03", True),
        ("2026-03-05T09:00", False),
        ("ne2026-03-05", False),
        ("gt2026-03-05", False),
        ("ge2026-03-05", True),
        ("gt2026-03-05T08:00", True),
        ("lt2026-03-05T08:30Z", False),
        ("le2026-03-05T08:30Z", True),
        ("sa2026-03-04", True),
        ("sa2026-03-05", False),
        ("sa2026-03-05T08:29Z", True),
        ("eb2026-03-06", True),
        ("eb2026-03-05T08:30:01Z", True),
        ("eb2026-03-05T08:30:00Z", False),
        ("2026-03-05T09:30:00+01:00", True),
        ("2026-03-05T09:30:00 01:00", True),
        ("2020,2026", True),
    ],
)
def test_date(value: str, expected: bool) -> None:
    assert selects("Observation", "date", value, {"effectiveDateTime": "2026-03-05T08:30:00Z"}) is expected


def test_a_date_may_be_a_period() -> None:
    resource = {"effectivePeriod": {"start": "2026-03-01"}}
    assert selects("Observation", "date", "ge2030", resource)
    assert not selects("Observation", "date", "2026-03", resource)
    assert not selects("Observation", "date", "lt2026-02", resource)


@pytest.mark.parametrize("value", ["ap2026", "xx2026", "tomorrow", "ge", "2026-02-30", "2026-03-05,"])
def test_a_date_that_cannot_be_understood_is_refused(value: str) -> None:
    with pytest.raises(FhirError) as refusal:
        selects("Observation", "date", value, {})
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("name", "nun", True),
        ("name", "NÚÑ", True),
        ("name", "mar", True),
        ("name", "ñez", False),
        ("family", "ada", False),
        ("given", "ada", True),
        ("name", "zoe,ada", True),
    ],
)
def test_string(name: str, value: str, expected: bool) -> None:
    patient = {"name": [{"family": "Núñez", "given": ["Ada", "María"]}]}
    assert selects("Patient", name, value, patient) is expected


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Patient", "name"), ("Observation", "code"), ("Observation", "patient"), ("Observation", "date")],
)
@pytest.mark.parametrize("value", ["", "a\\,b,", ","])
def test_an_empty_value_is_refused_because_ignoring_it_would_widen_the_search(kind: str, name: str, value: str) -> None:
    with pytest.raises(FhirError):
        selects(kind, name, value, {})


@pytest.mark.parametrize("value", ["|", "a|b|c"])
def test_a_malformed_token_is_refused(value: str) -> None:
    with pytest.raises(FhirError):
        selects("Observation", "code", value, {})


def escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in "\\,|$" else character for character in text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_every_code_and_system_can_be_searched_for(system: str, code: str) -> None:
    resource = {"code": {"coding": [{"system": system, "code": code}]}}
    assert selects("Observation", "code", f"{escaped(system)}|{escaped(code)}", resource)
    assert selects("Observation", "code", f"none,{escaped(code)}", resource)


@given(st.text(min_size=1), st.text())
def test_every_string_starts_with_its_own_beginning(start: str, rest: str) -> None:
    if fold(start):
        assert selects("Patient", "family", escaped(start), {"name": [{"family": start + rest}]})
