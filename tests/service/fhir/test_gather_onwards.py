"""What one answer leads to: further pages, Medications that are only referred to, and many answers in one."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from cds_hooks.data_needs import DataNeed
from cds_hooks.prefetch import FailureCause, Prefetched, read_prefetch
from service.fhir.deadline import Deadline
from service.fhir.gather import MAX_MEDICATIONS, Gatherer
from service.fhir.inquiry import MAX_PAGES
from service.fhir.plan import Gathered, Plan

Handler: TypeAlias = Callable[[Mapping[str, Any], Callable[[bytes], None]], Any]
Serve: TypeAlias = Callable[[Handler], str]
MakePlan: TypeAlias = Callable[..., Plan]
Needs: TypeAlias = Mapping[str, DataNeed]
Resource: TypeAlias = dict[str, Any]

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


def noting(seen: list[Mapping[str, Any]], answer: Any) -> Handler:
    """Answer always the same, and keep the requests."""

    def handler(request: Mapping[str, Any], _: Callable[[bytes], None]) -> Any:
        seen.append(request)
        return answer

    return handler


class TestPages:
    def test_they_are_followed_and_overlaps_are_merged(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        pages = {
            "1": bundle(resource("Condition", "c1"), next_link="Condition?page=2"),
            "2": bundle(resource("Condition", "c1"), resource("Condition", "c2"), next_link="/fhir/Condition?page=3"),
            "3": bundle(resource("Condition", "c3")),
        }

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            return 200, pages[parse_qs(urlsplit(request["path"]).query).get("page", ["1"])[0]]

        gathered = gatherer.gather(plan(serve(answer), "conditions"))
        assert references(gathered) == ["Condition/c1", "Condition/c2", "Condition/c3"]
        assert gathered.causes == {}
        assert gathered.requests == 3

    def test_endless_pages_end(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        count = iter(range(10_000))

        def answer(*_: Any) -> Any:
            number = next(count)
            return 200, bundle(resource("Condition", f"c{number}"), next_link=f"Condition?page={number}")

        gathered = gatherer.gather(plan(serve(answer), "conditions"))
        assert gathered.causes == {"conditions": FailureCause.PAGE_NOT_FOLLOWED}
        assert gathered.truncated == {"conditions"}
        assert len(gathered.resources) == MAX_PAGES == gathered.requests

    def test_a_circle_ends(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        page = bundle(resource("Condition", "c1"), next_link="Condition?page=2")
        gathered = gatherer.gather(plan(serve(lambda *_: (200, page)), "conditions"))
        assert gathered.truncated == {"conditions"}
        assert gathered.requests == 2

    def test_a_page_elsewhere_is_refused(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        seen: list[Mapping[str, Any]] = []
        elsewhere = serve(noting(seen, (200, bundle())))
        page = bundle(resource("Condition", "c1"), next_link=f"{elsewhere}/Condition?page=2")
        gathered = gatherer.gather(plan(serve(lambda *_: (200, page)), "conditions"))
        assert gathered.truncated == {"conditions"}
        assert references(gathered) == ["Condition/c1"]
        assert not seen

    def test_a_page_at_another_allowed_origin_does_not_get_the_token(
        self, gatherer: Gatherer, serve: Serve, plan: MakePlan
    ) -> None:
        seen: list[Mapping[str, Any]] = []
        last = bundle(resource("Condition", "c2"))
        elsewhere = serve(noting(seen, (200, last)))
        page = bundle(resource("Condition", "c1"), next_link=f"{elsewhere}/Condition?page=2")
        gathered = gatherer.gather(plan(serve(lambda *_: (200, page)), "conditions", allowed=(elsewhere,)))
        assert references(gathered) == ["Condition/c1", "Condition/c2"]
        assert "authorization" not in seen[0]["headers"]

    def test_a_page_that_fails_leaves_the_others(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            if "page=2" in request["path"]:
                return 500, b""
            return 200, bundle(resource("Condition", "c1"), next_link="Condition?page=2")

        gathered = gatherer.gather(plan(serve(answer), "conditions"))
        assert gathered.failed == {}
        assert gathered.causes == {"conditions": FailureCause.PAGE_NOT_FOLLOWED}
        assert references(gathered) == ["Condition/c1"]

    def test_the_prefetch_is_continued(self, gatherer: Gatherer, serve: Serve, plan: MakePlan, needs: Needs) -> None:
        paths: list[str] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            paths.append(request["path"])
            return 200, bundle(resource("Condition", "c1"), resource("Condition", "c2"))

        base = serve(answer)
        first = bundle(resource("Condition", "c1"), next_link=f"{base}/Condition?page=2")
        shared = read_prefetch(
            {"mine": first}, needs, patient_id="p1", aliases={"conditions": "mine", "procedures": "mine"}
        )
        gathered = gatherer.gather(plan(base, "conditions", prefetched=shared))
        assert paths == ["/fhir/Condition?page=2"]
        assert references(gathered) == ["Condition/c2"]
        assert gathered.causes == {}

    def test_a_prefetch_that_cannot_be_continued_is_truncated(
        self, gatherer: Gatherer, plan: MakePlan, needs: Needs
    ) -> None:
        first = bundle(resource("Condition", "c1"), next_link="https://ehr.example/fhir/Condition?page=2")
        prefetched = read_prefetch({"conditions": first}, needs, patient_id="p1", aliases={})
        gathered = gatherer.gather(plan(None, "conditions", prefetched=prefetched))
        assert gathered.causes == {"conditions": FailureCause.PAGE_NOT_FOLLOWED}

    def test_pages_older_than_anybody_looks_are_left_alone(
        self, gatherer: Gatherer, serve: Serve, plan: MakePlan
    ) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            new = resource("Observation", "new", effectiveDateTime="2026-06-01")
            old = resource("Observation", "old", effectiveDateTime="2026-01-01T08:00:00Z")
            return 200, bundle(new, old, next_link="Observation?page=2")

        gathered = gatherer.gather(plan(serve(answer), "labs"))
        assert gathered.requests == 1
        assert gathered.causes == {}


class TestMedications:
    def test_those_nobody_sent_are_read(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        paths: list[str] = []

        def order(identity: str, reference: str) -> Resource:
            return resource("MedicationRequest", identity, medicationReference={"reference": reference})

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            path = request["path"].removeprefix("/fhir/")
            paths.append(path)
            if path.startswith("Medication/"):
                identity = path.removeprefix("Medication/")
                return (200, {"resourceType": "Medication", "id": identity}) if identity != "gone" else (404, b"")
            included = {"resourceType": "Medication", "id": "here"}
            return 200, bundle(order("1", "Medication/here"), order("2", "Medication/a"), included)

        base = serve(answer)
        prefetched = Prefetched(resources=[{"resourceType": "Medication", "id": "sent"}])
        drafts = [
            order("3", "Medication/sent"),
            order("4", f"{base}/Medication/b/_history/1"),
            order("5", "Medication/gone"),
            order("6", "https://elsewhere.example/fhir/Medication/c"),
            order("7", "#contained"),
            order("8", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
        ]
        gathered = gatherer.gather(plan(base, "medicationRequests", prefetched=prefetched, drafts=drafts))
        assert sorted(path for path in paths if "?" not in path) == ["Medication/a", "Medication/b", "Medication/gone"]
        assert [path for path in paths if "?" in path] == [
            "MedicationRequest?patient=p1&_sort=-authoredon&_include=MedicationRequest:medication"
        ]
        assert references(gathered) == [
            "Medication/a",
            "Medication/b",
            "Medication/here",
            "MedicationRequest/1",
            "MedicationRequest/2",
        ]
        assert gathered.medications_missing == {
            "Medication/gone": FailureCause.NOT_FOUND,
            "https://elsewhere.example/fhir/Medication/c": FailureCause.ADDRESS_NOT_ALLOWED,
        }
        assert gathered.causes == {}

    def test_no_more_than_a_few(self, gatherer: Gatherer, serve: Serve, plan: MakePlan, needs: Needs) -> None:
        orders = [
            resource("MedicationRequest", str(number), medicationReference={"reference": f"Medication/{number}"})
            for number in range(30)
        ]

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            identity = request["path"].removeprefix("/fhir/Medication/")
            return 200, {"resourceType": "Medication", "id": identity}

        gathered = gatherer.gather(
            plan(serve(answer), prefetched=Prefetched(resources=list(orders), covered=frozenset(needs)))
        )
        assert len(gathered.resources) == MAX_MEDICATIONS == gathered.requests
        assert Counter(gathered.medications_missing.values()) == {FailureCause.PAGE_NOT_FOLLOWED: 10}

    def test_not_when_the_time_is_spent(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            if "Condition" in request["path"]:
                time.sleep(1)
            return 200, bundle(resource("Condition", "c"))

        draft = resource("MedicationRequest", "1", medicationReference={"reference": "Medication/a"})
        gathered = gatherer.gather(plan(serve(answer), "conditions", seconds=0.2, drafts=[draft]))
        assert gathered.medications_missing == {"Medication/a": FailureCause.TIMEOUT}

    def test_reading_them_before_the_call_is_known_to_concern_us(
        self, gatherer: Gatherer, serve: Serve, plan: MakePlan
    ) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            identity = unquote(request["path"].removeprefix("/fhir/Medication/"))
            return 200, {"resourceType": "Medication", "id": "other" if identity == "wrong" else identity}

        access = plan(serve(answer)).access
        asked = ["Medication/a", "Medication/a", "Medication/wrong", "Substance/s", "#x", ""]
        assert gatherer.read_medications(access, asked, Deadline(LONG)) == {
            "Medication/a": {"resourceType": "Medication", "id": "a"},
            "Medication/wrong": FailureCause.BAD_ANSWER,
            "Substance/s": FailureCause.NOT_FOUND,
            "#x": FailureCause.NOT_FOUND,
            "": FailureCause.NOT_FOUND,
        }
        assert gatherer.read_medications(None, ["Medication/a"], Deadline(LONG)) == {
            "Medication/a": FailureCause.NO_FHIR_SERVER
        }
        assert gatherer.read_medications(access, ["Medication/a"], Deadline(0)) == {
            "Medication/a": FailureCause.TIMEOUT
        }
        assert gatherer.read_medications(access, [], Deadline(LONG)) == {}


class TestBatch:
    def test_one_request_for_all(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        methods: list[tuple[str, str]] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            methods.append((request["method"], urlsplit(request["path"]).path))
            if request["method"] == "GET":
                return 200, bundle(resource("Condition", "c2"))
            entries = []
            for asked in json.loads(request["body"])["entry"]:
                url = asked["request"]["url"]
                if url.startswith("Condition"):
                    found: Any = bundle(resource("Condition", "c1"), next_link="Condition?page=2")
                else:
                    _, found = typical(f"/fhir/{url}")
                status = "403 Forbidden" if url.startswith("Procedure") else "200 OK"
                entries.append({"response": {"status": status}, "resource": found})
            return 200, {"resourceType": "Bundle", "type": "batch-response", "entry": entries}

        gathered = gatherer.gather(plan(serve(answer), batch=True))
        assert methods == [("POST", "/fhir"), ("GET", "/fhir/Condition")]
        assert gathered.causes == {"procedures": FailureCause.TOKEN_REFUSED}
        assert gathered.patient == PATIENT
        assert {"Condition/c1", "Condition/c2", "Observation/Observation-1"} <= set(references(gathered))

    def test_a_single_gap_is_asked_for_plainly(self, gatherer: Gatherer, serve: Serve, plan: MakePlan) -> None:
        methods: list[str] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            methods.append(request["method"])
            return typical(request["path"])

        assert gatherer.gather(plan(serve(answer), "conditions", batch=True)).causes == {}
        assert methods == ["GET"]

    def test_a_batch_that_fails_fails_all(self, gatherer: Gatherer, serve: Serve, plan: MakePlan, needs: Needs) -> None:
        gathered = gatherer.gather(plan(serve(lambda *_: (405, b"")), batch=True))
        assert gathered.causes == dict.fromkeys(needs, FailureCause.REJECTED)
