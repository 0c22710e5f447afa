"""A search a server does not take as it is, is asked again more simply; and what then cannot be known is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest

from cds_hooks.prefetch import FailureCause
from service.fhir.gather import Gatherer
from service.fhir.plan import Plan

Serve: TypeAlias = Callable[[Callable[[Mapping[str, Any], Callable[[bytes], None]], Any]], str]
MakePlan: TypeAlias = Callable[..., Plan]
Resource: TypeAlias = dict[str, Any]


def lab(identity: str, day: str = "2026-06-01", patient: str = "p1") -> Resource:
    return {
        "resourceType": "Observation",
        "id": identity,
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": day,
    }


def bundle(*resources: Resource, next_link: str = "") -> Resource:
    links = {"link": [{"relation": "next", "url": next_link}]} if next_link else {}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **links}


def outcome(diagnostics: str, severity: str = "error", code: str = "processing") -> Resource:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": diagnostics}],
    }


class Picky:
    """A server that refuses parameters in one of the ways servers do."""

    def __init__(self, refuses: set[str], refuse: Callable[[str], Any], answer: Resource) -> None:
        self.refuses, self.refuse, self.answer = refuses, refuse, answer
        self.asked: list[list[str]] = []

    def __call__(self, request: Mapping[str, Any], _: Any) -> Any:
        names = [name for name, _ in parse_qsl(urlsplit(request["path"]).query)]
        self.asked.append(names)
        refused = next((name for name in names if name in self.refuses), None)
        return self.refuse(refused) if refused else (200, self.answer)


REFUSALS = {
    "400 that names it": lambda name: (400, outcome(f"Unknown search parameter '{name}'")),
    "422 that names it": lambda name: (422, outcome(f"{name} is not supported", code="not-supported")),
    "400 without a word": lambda _: (400, outcome("")),
    "400 in HTML": lambda _: (400, b"<html>Bad Request</html>"),
    "200 with an error": lambda name: (200, outcome(f"Unknown search parameter '{name}'")),
    "an empty Bundle with a warning": lambda name: (200, bundle(outcome(f"parameter {name} unknown", "warning"))),
    "a Bundle with an error": lambda name: (200, bundle(outcome(f"parameter {name} unknown"))),
}


@pytest.mark.parametrize("way", REFUSALS)
@pytest.mark.parametrize("refused", ["_sort", "date"])
def test_a_refused_parameter_is_left_out(
    gatherer: Gatherer, serve: Serve, plan: MakePlan, way: str, refused: str
) -> None:
    server = Picky({refused}, REFUSALS[way], bundle(lab("o1")))
    base = serve(server)
    gathered = gatherer.gather(plan(base, "labs"))
    assert [one["id"] for one in gathered.resources] == ["o1"]
    assert gathered.causes == {}
    assert len(server.asked) == 2
    assert "patient" in server.asked[1]
    # The next call knows.
    gatherer.gather(plan(base, "labs"))
    assert server.asked[2] == server.asked[1]


def test_one_refusal_after_the_other(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    server = Picky({"_sort", "date"}, REFUSALS["400 that names it"], bundle(lab("o1")))
    assert gatherer.gather(plan(serve(server), "labs")).causes == {}
    assert server.asked == [["patient", "_sort", "date"], ["patient", "date"], ["patient"]]


def test_the_patient_is_never_left_out(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    server = Picky({"patient"}, REFUSALS["400 that names it"], bundle(lab("o1")))
    gathered = gatherer.gather(plan(serve(server), "labs"))
    assert gathered.causes == {"labs": FailureCause.REJECTED}
    assert all("patient" in names for names in server.asked)
    assert len(server.asked) == 2


def test_a_server_that_ignored_the_patient_did_not_answer(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    remark = outcome("Unknown search parameter 'patient' was ignored", "warning")
    answer = bundle(lab("o1"), lab("o2", patient="p2"), remark)
    gathered = gatherer.gather(plan(serve(lambda *_: (200, answer)), "labs"))
    assert [one["id"] for one in gathered.resources] == ["o1"]
    assert gathered.causes == {"labs": FailureCause.REJECTED}


def test_without_order_all_pages_are_read(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    """The first page ends with old results; by date, nothing new could follow. But nobody sorted them."""

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        if "_sort" in request["path"]:
            return 400, outcome("Unknown search parameter '_sort'")
        if "page=2" in request["path"]:
            return 200, bundle(lab("new"))
        return 200, bundle(lab("old", "2025-01-01"), next_link="Observation?page=2")

    gathered = gatherer.gather(plan(serve(answer), "labs"))
    assert [one["id"] for one in gathered.resources] == ["old", "new"]


def test_an_order_that_was_ignored_is_not_relied_upon(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    remark = outcome("The search parameter _sort is ignored", "warning")

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        if "page=2" in request["path"]:
            return 200, bundle(lab("new"))
        return 200, bundle(lab("old", "2025-01-01"), remark, next_link="Observation?page=2")

    gathered = gatherer.gather(plan(serve(answer), "labs"))
    assert [one["id"] for one in gathered.resources] == ["old", "new"]
    assert gathered.causes == {}


def test_without_include_the_medications_are_read_one_by_one(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "Medication/a"},
    }

    def answer(request: Mapping[str, Any], _: Any) -> Any:
        if "Medication/a" in request["path"]:
            return 200, {"resourceType": "Medication", "id": "a"}
        return (400, outcome("_include is not supported")) if "_include" in request["path"] else (200, bundle(order))

    gathered = gatherer.gather(plan(serve(answer), "medicationRequests"))
    assert [one["resourceType"] for one in gathered.resources] == ["MedicationRequest", "Medication"]
    assert gathered.causes == {}


def test_a_kind_of_record_a_server_does_not_keep_is_asked_for_once(
    gatherer: Gatherer, serve: Serve, plan: MakePlan
) -> None:
    server = Picky({"subject"}, lambda _: (400, outcome("Unknown resource type 'AdverseEvent'")), bundle())
    gathered = gatherer.gather(plan(serve(server), "adverseEvents"))
    assert gathered.causes == {"adverseEvents": FailureCause.NOT_SUPPORTED}
    assert len(server.asked) == 1


class TestBatch:
    @pytest.mark.parametrize("refusal", [(400, b""), (404, b""), (500, b""), (200, bundle()), (200, b"<html>")])
    def test_a_refused_batch_is_asked_one_by_one_and_remembered(
        self, gatherer: Gatherer, serve: Serve, plan: MakePlan, refusal: Any
    ) -> None:
        methods: list[str] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            methods.append(request["method"])
            if request["method"] == "POST":
                return refusal
            patient = {"resourceType": "Patient", "id": "p1"}
            return 200, patient if "Patient/" in request["path"] else bundle(lab("o1"))

        base = serve(answer)
        for _ in range(2):
            gathered = gatherer.gather(plan(base, "patient", "labs", batch=True))
            assert gathered.causes == {}
            assert len(gathered.resources) == 2
        assert methods == ["POST", *["GET"] * 4]

    def test_a_search_refused_within_a_batch_is_asked_again_alone(
        self, gatherer: Gatherer, serve: Serve, plan: MakePlan
    ) -> None:
        seen: list[str] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            if request["method"] == "GET":
                seen.append(request["path"])
                return 200, bundle(lab("o1"))
            urls = [entry["request"]["url"] for entry in json.loads(request["body"])["entry"]]
            bad = {"response": {"status": "400 Bad Request", "outcome": outcome("Unknown parameter _sort")}}
            good = {"response": {"status": "200"}, "resource": bundle()}
            return 200, {
                "resourceType": "Bundle",
                "type": "batch-response",
                "entry": [bad if "_sort" in url else good for url in urls],
            }

        gathered = gatherer.gather(plan(serve(answer), "conditions", "labs", batch=True))
        assert [one["id"] for one in gathered.resources] == ["o1"]
        assert gathered.causes == {}
        assert seen == ["/fhir/Observation?patient=p1&date=ge2026-03-07"]


def test_results_are_reported(gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
    heard: list[str] = []
    gatherer.on_result = heard.append
    base = serve(lambda request, _: (500, b"") if "Condition" in request["path"] else (200, bundle()))
    gatherer.gather(plan(base, "conditions", "labs"))
    assert sorted(heard) == ["ok", "server-error"]
