from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from service.sandbox.search_parameters import SEARCH_PARAMETERS
from service.sandbox.server import create_sandbox


def search(client: FlaskClient, url: str, **headers: str) -> dict[str, Any]:
    response = client.get(f"/fhir/{url}", headers=headers)
    assert response.status_code == 200, response.text
    bundle: dict[str, Any] = response.get_json(force=True)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    return bundle


def ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), None)


def refused(client: FlaskClient, url: str, **headers: str) -> str:
    response = client.get(f"/fhir/{url}", headers=headers)
    assert response.status_code == 400
    outcome = response.get_json(force=True)
    assert outcome["resourceType"] == "OperationOutcome"
    diagnostics: str = outcome["issue"][0]["diagnostics"]
    return diagnostics


def test_all_of_a_type(client: FlaskClient) -> None:
    bundle = search(client, "Observation")
    assert ids(bundle) == ["o1", "o2", "o3", "o4", "o5"]
    assert bundle["total"] == 5
    assert bundle["entry"][0]["fullUrl"] == "http://localhost/fhir/Observation/o1"


def test_different_parameters_and_repeated_ones_must_all_match(client: FlaskClient) -> None:
    assert ids(search(client, "Observation?patient=ada&code=751-8")) == ["o1", "o3"]
    assert ids(search(client, "Observation?date=ge2026-02&date=lt2026-03")) == ["o3"]
    assert ids(search(client, "Observation?code=751-8&code=777-3")) == []


def test_values_joined_by_commas_are_alternatives(client: FlaskClient) -> None:
    assert ids(search(client, "Observation?patient=Patient/ada&code=http://loinc.org|777-3,2160-0")) == ["o2", "o5"]


def test_by_id(client: FlaskClient) -> None:
    assert ids(search(client, "Observation?_id=o4,o1")) == ["o1", "o4"]


def test_nothing_found_is_a_bundle_without_entries(client: FlaskClient) -> None:
    bundle = search(client, "Observation?patient=nobody")
    assert bundle["total"] == 0
    assert "entry" not in bundle


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("date", ["o5", "o3", "o1", "o2", "o4"]),
        ("-date", ["o4", "o1", "o2", "o3", "o5"]),
        ("code,-date", ["o5", "o4", "o1", "o3", "o2"]),
        ("-_id", ["o5", "o4", "o3", "o2", "o1"]),
        ("-status,date", ["o3", "o5", "o1", "o2", "o4"]),
    ],
)
def test_sort(client: FlaskClient, sort: str, expected: list[str]) -> None:
    assert ids(search(client, f"Observation?_sort={sort}")) == expected


def test_sort_by_string_ignores_accents(client: FlaskClient) -> None:
    assert ids(search(client, "Patient?_sort=family")) == ["ada", "ben"]
    assert ids(search(client, "Patient?_sort=-family")) == ["ben", "ada"]


@pytest.mark.parametrize("sort", ["authoredon", "-authoredon"])
def test_whatever_has_no_value_is_sorted_last(client: FlaskClient, sort: str) -> None:
    assert ids(search(client, f"MedicationRequest?_sort={sort}")) == ["r1", "r2"]


def test_include(client: FlaskClient) -> None:
    bundle = search(client, "MedicationRequest?patient=ada&_include=MedicationRequest:medication")
    assert ids(bundle) == ["r1", "r2"]
    assert ids(bundle, "include") == ["m1"]
    assert bundle["total"] == 2


def test_include_brings_a_resource_once_and_only_of_the_target_type(client: FlaskClient) -> None:
    assert ids(search(client, "MedicationRequest?_include=MedicationRequest:patient"), "include") == ["ada"]
    url = "MedicationRequest?_include=MedicationRequest:subject:{}"
    assert ids(search(client, url.format("Patient")), "include") == ["ada"]
    assert ids(search(client, url.format("Group")), "include") == []


def test_pages_are_followed_to_the_end(client: FlaskClient) -> None:
    url: str | None = "http://localhost/fhir/Observation?_sort=-date&_count=2"
    seen: list[str] = []
    pages = 0
    while url:
        response = client.get(url)
        bundle = response.get_json(force=True)
        assert bundle["total"] == 5
        seen += ids(bundle)
        pages += 1
        url = link(bundle, "next")
    assert pages == 3
    assert seen == ["o4", "o1", "o2", "o3", "o5"]


@pytest.mark.parametrize(("size", "more"), [(4, True), (5, False), (6, False)])
def test_there_is_a_next_page_only_if_something_is_left(client: FlaskClient, size: int, more: bool) -> None:
    assert (link(search(client, f"Observation?_count={size}"), "next") is not None) is more


def test_the_self_link_tells_what_was_used(client: FlaskClient) -> None:
    bundle = search(client, "Observation?code=http://loinc.org|751-8&shoe-size=44&_count=1&_pretty=true")
    parts = urlsplit(link(bundle, "self") or "")
    assert parts.path == "/fhir/Observation"
    assert parse_qs(parts.query) == {"code": ["http://loinc.org|751-8"], "_count": ["1"]}


def test_an_unknown_parameter_is_ignored_and_reported(client: FlaskClient) -> None:
    bundle = search(client, "Observation?patient=ada&shoe-size=44")
    assert bundle["total"] == 4
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert outcome["resource"]["issue"][0]["severity"] == "warning"
    assert "shoe-size" in outcome["resource"]["issue"][0]["diagnostics"]


def test_strict_handling_refuses_an_unknown_parameter(client: FlaskClient) -> None:
    assert "shoe-size" in refused(client, "Observation?shoe-size=44", Prefer="return=minimal; handling=strict")


@pytest.mark.parametrize(
    "query",
    [
        "code:not=751-8",
        "patient:Patient=ada",
        "patient.name=ada",
        "_id:missing=true",
        "_sort=weight",
        "_sort=",
        "_count=-1",
        "_count=ten",
        "_count=99999999999999",
        "_count=²",
        "_offset=x",
        "_summary=true",
        "_include=*",
        "_include=Patient:link",
        "_include=Observation:code",
        "_include:iterate=Observation:patient",
        "patient=",
    ],
)
def test_what_cannot_be_done_is_refused(client: FlaskClient, query: str) -> None:
    refused(client, f"Observation?{query}")


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
def test_count_only(client: FlaskClient, query: str) -> None:
    bundle = search(client, f"Observation?code=751-8&{query}")
    assert bundle["total"] == 3
    assert "entry" not in bundle
    assert link(bundle, "next") is None


def test_a_page_beyond_the_end_is_empty(client: FlaskClient) -> None:
    bundle = search(client, "Observation?_offset=50")
    assert ids(bundle) == []
    assert link(bundle, "next") is None


def test_a_search_by_post_is_the_same_search(client: FlaskClient) -> None:
    by_post = client.post("/fhir/Observation/_search?patient=ada", data={"code": "751-8", "_sort": "date"})
    assert (
        by_post.get_json(force=True)["entry"]
        == search(client, "Observation?patient=ada&code=751-8&_sort=date")["entry"]
    )


def test_a_search_by_post_has_its_next_page_by_get(client: FlaskClient) -> None:
    first = client.post("/fhir/Observation/_search", data={"_count": "3"}).get_json(force=True)
    second = client.get(link(first, "next") or "").get_json(force=True)
    assert ids(first) + ids(second) == ["o1", "o2", "o3", "o4", "o5"]


def test_the_page_size_has_a_default_and_a_limit() -> None:
    resources = [{"resourceType": "Medication", "id": f"m{number}"} for number in range(600)]
    client = create_sandbox(resources, page_size=7).test_client()
    assert len(ids(search(client, "Medication"))) == 7
    assert len(ids(search(client, "Medication?_count=1000"))) == 500


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, table in SEARCH_PARAMETERS.items() for name in table]
)
def test_every_parameter_of_the_table_filters_and_sorts(client: FlaskClient, kind: str, name: str) -> None:
    value = "2026-01-01" if SEARCH_PARAMETERS[kind][name].type == "date" else "none-such"
    assert search(client, f"{kind}?{name}={value}&_sort={name},-{name}", Prefer="handling=strict")["total"] == 0


@given(
    st.sampled_from(sorted(SEARCH_PARAMETERS)),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["code", "patient", "date", "name", "_sort", "_count", "_offset", "_include", "x", "_id:y"]
            ),
            st.text(),
        )
    ),
)
def test_no_query_makes_the_server_fail(kind: str, parameters: list[tuple[str, str]]) -> None:
    response = _FUZZED.get(f"/fhir/{kind}", query_string=parameters)
    assert response.status_code in (200, 400)
    assert response.get_json(force=True)["resourceType"] in ("Bundle", "OperationOutcome")


_FUZZED = create_sandbox([]).test_client()
