from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from benchmarks.load import http_request
from benchmarks.workload import irrelevant, relevant, without_prefetch
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.prefetch import read_prefetch
from cds_hooks.protocol.request import parse_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("size", [6_000, 90_000, 170_000])
@pytest.mark.parametrize("make", [irrelevant, relevant])
def test_a_body_has_the_size_it_says(make: object, size: int) -> None:
    body = make(size, NOW).body  # type: ignore[operator]
    assert 0.9 * size < len(body) <= size
    assert make(size, NOW).body == body  # type: ignore[operator]


@pytest.mark.parametrize("size", [6_000, 90_000])
def test_everything_the_service_asks_for_is_prefetched(size: int) -> None:
    needs = make_reader(load_knowledge()).needs
    request = parse_request(relevant(size, NOW).body)
    read = read_prefetch(request.prefetch(), needs, patient_id=request.patient_id, aliases={}, now=NOW)
    assert read.covered == needs.keys()
    assert not read.failed


def test_without_prefetch_there_is_a_server_and_a_record_to_ask_for() -> None:
    workload = without_prefetch("http://127.0.0.1:1/fhir", NOW)
    request = parse_request(workload.body)
    assert request.prefetch() is None
    assert request.fhir_server == "http://127.0.0.1:1/fhir"
    assert {"Patient", "Observation", "Condition", "MedicationRequest"} <= {
        one["resourceType"] for one in workload.resources
    }


def test_a_request_announces_the_length_of_its_body() -> None:
    head, _, body = http_request("/x", b'{"a":1}', token="t").partition(b"\r\n\r\n")
    assert b"Content-Length: 7" in head
    assert b"Authorization: Bearer t" in head
    assert orjson.loads(body) == {"a": 1}
