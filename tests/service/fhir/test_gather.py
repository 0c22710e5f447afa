"""Filling the gaps: at once, under one deadline, and saying what is missing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest

from cds_hooks.data_needs import DataNeed
from cds_hooks.prefetch import FailureCause, Prefetched, read_prefetch
from service.fhir.access import Access, FhirServer
from service.fhir.breaker import BreakerRegistry
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.gather import Gatherer
from service.fhir.plan import Gathered, Plan
from service.fhir.workers import Workers

Handler: TypeAlias = Callable[[Mapping[str, Any], Callable[[bytes], None]], Any]
Serve: TypeAlias = Callable[[Handler], str]
MakePlan: TypeAlias = Callable[..., Plan]
Needs: TypeAlias = Mapping[str, DataNeed]
Resource: TypeAlias = dict[str, Any]

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PATIENT: Resource = {"resourceType": "Patient", "id": "p1"}
LONG = 10.0


def bundle(*resources: Resource, next_link: str = "") -> Resource:
    links = {"link": [{"relation": "self", "url": "x"}, {"relation": "next", "url": next_link}]} if next_link else {}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **links}


def resource(kind: str, identity: str, patient: str = "p1", **more: Any) -> Resource:
    return {"resourceType": kind, "id": identity, "subject": {"reference": f"Patient/{patient}"}, **more}


def typical(path: str) -> Any:
    """One record of each kind, as a friendly server has it."""
    kind = urlsplit(path).path.removeprefix("/fhir/")
    if kind.startswith("Patient/"):
        return 200, PATIENT
    return 200, bundle(resource(kind, f"{kind}-1"))


def references(gathered: Gathered) -> list[str]:
    return sorted(f"{one['resourceType']}/{one['id']}" for one in gathered.resources)


def test_everything_is_asked_for_and_used(gatherer: Gatherer, serve: Serve, plan: MakePlan, needs: Needs) -> None:
    paths: list[str] = []

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        paths.append(request["path"])
        return typical(request["path"])

    gathered = gatherer.gather(plan(serve(answer)))
    assert references(gathered) == [
        "AdverseEvent/AdverseEvent-1",
        "AllergyIntolerance/AllergyIntolerance-1",
        "Condition/Condition-1",
        "MedicationRequest/MedicationRequest-1",
        "Observation/Observation-1",
        "Patient/p1",
        "Procedure/Procedure-1",
    ]
    assert gathered.patient == PATIENT
    assert gathered.causes == {}
    assert gathered.requests == len(needs) == len(paths)
    assert gathered.received_bytes > 0
    assert 0 < gathered.elapsed_ms < LONG * 1000
    assert "/fhir/Observation?patient=p1&_sort=-date&date=ge2026-03-07" in paths
    assert "/fhir/AdverseEvent?subject=p1" in paths


def test_searches_run_at_the_same_time(gatherer: Gatherer, serve: Serve, plan: MakePlan, needs: Needs) -> None:
    together = threading.Barrier(6)

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        # Nobody gets an answer before all six have asked.
        together.wait(timeout=LONG / 2)
        return typical(request["path"])

    keys = [key for key in needs if key != "patient"]
    assert gatherer.gather(plan(serve(answer), *keys)).causes == {}
    assert not together.broken


def test_calls_at_the_same_time_do_not_mix(gatherer: Gatherer, serve: Serve, needs: Needs) -> None:
    def answer(request: Mapping[str, Any], _: Any) -> Any:
        parts = urlsplit(request["path"])
        patient = parse_qs(parts.query).get("patient") or parse_qs(parts.query).get("subject") or [parts.path[-2:]]
        if request["headers"]["authorization"] != f"Bearer {patient[0]}":
            return 401, b""
        kind = parts.path.split("/")[2]
        found = {"resourceType": "Patient", "id": patient[0]}
        return 200, found if kind == "Patient" else bundle(resource(kind, f"{kind}-{patient[0]}", patient[0]))

    base = serve(answer)

    def call(patient: str) -> Gathered:
        access = Access(FhirServer(base, lambda url: url.startswith(base)), token=patient)
        return gatherer.gather(Plan(list(needs.values()), Prefetched(), patient, NOW, Deadline(LONG), access))

    patients = [f"p{number % 4}" for number in range(24)]
    with ThreadPoolExecutor(4) as request_threads:
        for patient, gathered in zip(patients, request_threads.map(call, patients), strict=True):
            assert gathered.causes == {}
            assert gathered.patient == {"resourceType": "Patient", "id": patient}
            assert all(one["id"].endswith(patient) for one in gathered.resources)
            assert gathered.requests == len(needs)


def test_only_gaps_are_asked_for(gatherer: Gatherer, serve: Serve, plan: MakePlan, needs: Needs) -> None:
    paths: list[str] = []

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        paths.append(urlsplit(request["path"]).path)
        return typical(request["path"])

    error = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    prefetch = {"patient": PATIENT, "conditions": None, "procedures": bundle(), "allergies": error}
    prefetched = read_prefetch(prefetch, needs, patient_id="p1", aliases={})
    gathered = gatherer.gather(plan(serve(answer), prefetched=prefetched))
    assert sorted(paths) == ["/fhir/AdverseEvent", "/fhir/MedicationRequest", "/fhir/Observation"]
    assert gathered.patient is None
    assert gathered.causes == {}


def test_nothing_to_ask_needs_no_server(gatherer: Gatherer, closed_port: int, plan: MakePlan, needs: Needs) -> None:
    prefetched = Prefetched(covered=frozenset(needs))
    gathered = gatherer.gather(plan(f"http://127.0.0.1:{closed_port}/fhir", prefetched=prefetched))
    assert gathered.causes == {}
    assert gathered.requests == 0


class TestFailures:
    def test_no_server(self, gatherer: Gatherer, plan: MakePlan, needs: Needs) -> None:
        gathered = gatherer.gather(plan(None))
        assert gathered.causes == dict.fromkeys(needs, FailureCause.NO_FHIR_SERVER)
        assert gathered.patient is None

    def test_a_server_that_is_not_listed_counts_as_none(
        self, gatherer: Gatherer, closed_port: int, needs: Needs
    ) -> None:
        server = FhirServer(f"http://127.0.0.1:{closed_port}/fhir", lambda _: False)
        gathered = gatherer.gather(
            Plan(list(needs.values()), Prefetched(), "p1", NOW, Deadline(LONG), Access(server, "t"))
        )
        assert set(gathered.causes.values()) == {FailureCause.NO_FHIR_SERVER}
        assert gathered.requests == 0

    def test_each_need_has_its_own_cause(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        error = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
        answers: dict[str, Any] = {
            "Condition": (403, error),
            "Procedure": (503, b"busy"),
            "AllergyIntolerance": (404, b""),
            "AdverseEvent": (404, b""),
            "Observation": (200, b"<html>"),
            "MedicationRequest": (200, bundle(resource("MedicationRequest", "m1"), error)),
        }

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            kind = urlsplit(request["path"]).path.removeprefix("/fhir/")
            return answers.get(kind) or typical(request["path"])

        gathered = gatherer.gather(plan(serve(answer)))
        assert gathered.causes == {
            "conditions": FailureCause.TOKEN_REFUSED,
            "procedures": FailureCause.SERVER_ERROR,
            "allergies": FailureCause.REJECTED,
            "adverseEvents": FailureCause.NOT_SUPPORTED,
            "labs": FailureCause.BAD_ANSWER,
            "medicationRequests": FailureCause.OPERATION_OUTCOME,
        }
        # What came beside the error is kept.
        assert references(gathered) == ["MedicationRequest/m1", "Patient/p1"]

    @pytest.mark.parametrize(
        "answer", [{"resourceType": "Patient", "id": "p2"}, {"resourceType": "Patient"}, resource("Observation", "p1")]
    )
    def test_another_patient_is_no_answer(
        self, gatherer: Gatherer, serve: Serve, answer: Resource, plan: MakePlan
    ) -> None:
        gathered = gatherer.gather(plan(serve(lambda *_: (200, answer)), "patient"))
        assert gathered.patient is None
        assert gathered.resources == []
        assert gathered.causes == {"patient": FailureCause.BAD_ANSWER}

    def test_resources_of_other_patients_are_left_out(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        mixed = bundle(resource("Condition", "c1"), resource("Condition", "c2", "p2"), {"resourceType": "Medication"})
        gathered = gatherer.gather(plan(serve(lambda *_: (200, mixed)), "conditions"))
        assert [one["resourceType"] for one in gathered.resources] == ["Condition", "Medication"]
        assert gathered.dropped_other_patient == {"Condition": 1}

    @pytest.mark.parametrize(
        "answer",
        [
            bundle(resource("Observation", "o1")),
            {"resourceType": "Bundle", "total": 3},
            {"resourceType": "Bundle", "entry": ["broken"]},
        ],
    )
    def test_an_answer_to_another_question_is_no_answer(
        self, gatherer: Gatherer, serve: Serve, answer: Resource, plan: MakePlan
    ) -> None:
        gathered = gatherer.gather(plan(serve(lambda *_: (200, answer)), "conditions"))
        assert gathered.causes == {"conditions": FailureCause.BAD_ANSWER}

    @pytest.mark.parametrize("severity", ["information", "warning"])
    def test_a_remark_is_no_failure(self, gatherer: Gatherer, serve: Serve, severity: str, plan: MakePlan) -> None:
        remark = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "4101"}]}
        answer = {"resourceType": "Bundle", "total": 0, "entry": [{"search": {"mode": "outcome"}, "resource": remark}]}
        gathered = gatherer.gather(plan(serve(lambda *_: (200, answer)), "conditions"))
        assert gathered.causes == {}
        assert gathered.resources == []


class TestTime:
    def test_late_searches_fail_alone(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        def answer(request: Mapping[str, Any], send: Callable[[bytes], None]) -> Any:
            if "Condition" in request["path"]:
                send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(50):
                    time.sleep(0.1)
                    send(b" ")
                return None
            if "Procedure" in request["path"]:
                time.sleep(2)
            return typical(request["path"])

        began = time.monotonic()
        gathered = gatherer.gather(plan(serve(answer), seconds=0.8))
        assert time.monotonic() - began < 1.6
        assert gathered.causes == {"conditions": FailureCause.TIMEOUT, "procedures": FailureCause.TIMEOUT}
        assert "Observation/Observation-1" in references(gathered)

    def test_no_time_left(self, gatherer: Gatherer, closed_port: int, plan: MakePlan) -> None:
        gathered = gatherer.gather(plan(f"http://127.0.0.1:{closed_port}/fhir", seconds=-1))
        assert set(gathered.causes.values()) == {FailureCause.TIMEOUT}
        assert gathered.requests == 0

    def test_all_threads_busy(
        self, client: FhirClient, breakers: BreakerRegistry, serve: Serve, plan: MakePlan, needs: Needs
    ) -> None:
        release = threading.Event()

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            release.wait(LONG)
            return typical(request["path"])

        workers = Workers(2, waiting=1)
        gatherer = Gatherer(client, workers, breakers)
        base = serve(answer)
        with ThreadPoolExecutor(1) as other:
            began = time.monotonic()
            first = other.submit(gatherer.gather, plan(base))
            while first.running() and breakers.states() == {}:
                time.sleep(0.01)
            time.sleep(0.2)
            gathered = gatherer.gather(plan(base, "conditions"))
            assert gathered.causes == {"conditions": FailureCause.TIMEOUT}
            assert time.monotonic() - began < LONG / 2
            release.set()
            # Two ran, one waited for a thread, the rest were refused at once.
            assert Counter(first.result().causes.values()) == {FailureCause.TIMEOUT: len(needs) - 3}
        workers.close()


class TestBreaker:
    def test_it_opens_for_a_server_that_is_gone_and_closes_again(
        self, client: FhirClient, serve: Serve, plan: MakePlan
    ) -> None:
        now = [0.0]
        breakers = BreakerRegistry(fail_max=3, reset_s=30, monotonic=lambda: now[0])
        workers = Workers(8)
        gatherer = Gatherer(client, workers, breakers)
        broken = [True]
        base = serve(lambda request, _: (500, b"") if broken[0] else typical(request["path"]))
        causes = [set(gatherer.gather(plan(base)).causes.values()) for _ in range(4)]
        assert causes == [{FailureCause.SERVER_ERROR}] * 3 + [{FailureCause.BREAKER_OPEN}]
        assert breakers.states() == {base: "open"}
        broken[0] = False
        now[0] = 30.0
        assert gatherer.gather(plan(base)).causes == {}
        assert breakers.states() == {base: "closed"}
        workers.close()

    def test_one_slow_search_does_not_open_it(self, client: FhirClient, serve: Serve, plan: MakePlan) -> None:
        breakers = BreakerRegistry(fail_max=1)
        workers = Workers(8)
        base = serve(lambda request, _: (503, b"") if "Condition" in request["path"] else typical(request["path"]))
        Gatherer(client, workers, breakers).gather(plan(base))
        assert breakers.states() == {base: "closed"}
        workers.close()

    @pytest.mark.parametrize(("seconds", "state"), [(0.02, "closed"), (0.3, "open")])
    def test_a_server_is_not_to_blame_for_a_call_without_time(
        self, client: FhirClient, serve: Serve, seconds: float, state: str, plan: MakePlan
    ) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            time.sleep(0.7)
            return typical(request["path"])

        breakers = BreakerRegistry(fail_max=1)
        workers = Workers(8)
        base = serve(answer)
        gathered = Gatherer(client, workers, breakers).gather(plan(base, seconds=seconds))
        assert set(gathered.causes.values()) == {FailureCause.TIMEOUT}
        assert breakers.states() == {base: state}
        workers.close()


def test_dstu2_has_other_names_and_fewer_resources(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    seen: list[Mapping[str, Any]] = []

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        seen.append(request)
        return typical(request["path"])

    gathered = gatherer.gather(plan(serve(answer), "medicationRequests", "adverseEvents", version="DSTU2"))
    assert [request["path"] for request in seen] == [
        "/fhir/MedicationOrder?patient=p1&_sort:desc=datewritten&_include=MedicationOrder:medication"
    ]
    assert seen[0]["headers"]["accept"] == "application/json+fhir"
    assert gathered.not_offered == {"adverseEvents"}
    assert gathered.causes == {}
    assert references(gathered) == ["MedicationOrder/MedicationOrder-1"]


def test_the_token_shows_nowhere(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    asked = plan(serve(lambda request, _: typical(request["path"])))
    said = repr(asked) + repr(gatherer.gather(asked))
    assert "secret-token" not in said
