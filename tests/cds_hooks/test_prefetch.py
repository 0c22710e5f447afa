"""Reading the prefetch: what is covered, what failed, what is a gap, and whose data it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.data_needs import DataNeed, data_needs
from cds_hooks.prefetch import FailureCause, Prefetched, distinct, of_patient, read_page, read_prefetch

NEEDS = data_needs({})
NOW = datetime(2026, 6, 15, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p1"}
OTHER_PATIENT = {"resourceType": "Patient", "id": "p2"}

Resource = dict[str, Any]


def read(prefetch: Any, aliases: dict[str, str] | None = None, now: datetime | None = None) -> Prefetched:
    return read_prefetch(prefetch, NEEDS, patient_id="p1", aliases=aliases or {}, now=now)


def outcome(*severities: str) -> Resource:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": one, "code": "x"} for one in severities]}


def outcome_entry(*severities: str) -> Resource:
    return {"resource": outcome(*severities), "search": {"mode": "outcome"}}


def bundle(*resources: Any, **more: Any) -> Resource:
    entries = [one if isinstance(one, dict) and "resource" in one else {"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def record(kind: str, identity: str = "1", subject: str = "Patient/p1", **more: Any) -> Resource:
    return {"resourceType": kind, "id": identity, "subject": {"reference": subject}, **more}


CONDITION = record("Condition")


class TestCoverage:
    @pytest.mark.parametrize("prefetch", [None, {}])
    def test_no_prefetch_leaves_everything_open(self, prefetch: Any) -> None:
        prefetched = read(prefetch)
        assert prefetched == Prefetched()
        assert prefetched.gaps(NEEDS.values()) == tuple(NEEDS.values())

    @pytest.mark.parametrize(
        "value",
        [
            None,
            {"resourceType": "Bundle"},
            {"resourceType": "Bundle", "total": 0, "entry": []},
            {"resourceType": "Bundle", "total": 0, "entry": None},
            bundle(outcome_entry("warning"), total=0),
            bundle(outcome_entry("information"), outcome_entry("warning", "information")),
            bundle(outcome("warning")),
        ],
        ids=["null", "no entry", "empty", "entry null", "Epic's 4101", "several outcomes", "outcome without mode"],
    )
    def test_none_exists(self, value: Any) -> None:
        prefetched = read({"conditions": value})
        assert prefetched.covered == {"conditions"}
        assert prefetched.failed == {}
        assert prefetched.resources == []
        assert "conditions" not in {need.key for need in prefetched.gaps(NEEDS.values())}

    @pytest.mark.parametrize("severity", ["error", "fatal", "ERROR", "", "strange"])
    @pytest.mark.parametrize("beside", [(), (CONDITION,)])
    def test_an_error_among_the_entries_is_not_asked_again(self, severity: str, beside: tuple[Resource, ...]) -> None:
        prefetched = read({"conditions": bundle(*beside, outcome_entry("warning", severity))})
        assert prefetched.failed == {"conditions": FailureCause.OPERATION_OUTCOME}
        assert prefetched.covered == frozenset()
        assert prefetched.resources == list(beside)
        assert NEEDS["conditions"] not in prefetched.gaps(NEEDS.values())

    def test_an_error_as_the_value_is_not_asked_again(self) -> None:
        prefetched = read({"conditions": outcome("error")})
        assert prefetched.failed == {"conditions": FailureCause.OPERATION_OUTCOME}
        assert prefetched.resources == []

    @pytest.mark.parametrize(
        "value",
        [
            record("Observation"),
            bundle(record("Observation")),
            CONDITION,
            [CONDITION],
            outcome("warning"),
            bundle("broken"),
            bundle({"resource": {"id": "no type"}}),
            {"resourceType": "Bundle", "entry": "broken"},
            {"resourceType": "Bundle", "total": 4},
            bundle(bundle()),
            "text",
            3,
            False,
            {},
        ],
        ids=str,
    )
    def test_what_does_not_answer_the_search_leaves_it_open(self, value: Any) -> None:
        prefetched = read({"conditions": value})
        assert prefetched.covered == frozenset()
        assert prefetched.failed == {}
        assert NEEDS["conditions"] in prefetched.gaps(NEEDS.values())

    @pytest.mark.parametrize("value", [CONDITION, [CONDITION], [[bundle(CONDITION)]], bundle(bundle(CONDITION))])
    def test_it_is_used_all_the_same(self, value: Any) -> None:
        assert read({"conditions": value}).resources == [CONDITION]

    def test_an_unknown_key_is_used_but_covers_nothing(self) -> None:
        prefetched = read({"PROBLEMS": bundle(CONDITION)})
        assert prefetched.resources == [CONDITION]
        assert prefetched.covered == frozenset()

    def test_an_alias_covers(self) -> None:
        prefetched = read(
            {"MEDS": bundle(record("MedicationRequest"), record("MedicationStatement")), "PROBLEMS": None},
            {"medicationRequests": "MEDS", "medicationStatements": "MEDS", "conditions": "PROBLEMS"},
        )
        assert prefetched.covered == {"medicationRequests", "medicationStatements", "conditions"}

    def test_the_own_key_counts_beside_an_alias(self) -> None:
        prefetched = read({"conditions": bundle(CONDITION), "PROBLEMS": "broken"}, {"conditions": "PROBLEMS"})
        assert prefetched.covered == {"conditions"}

    def test_an_error_under_the_alias_is_not_forgotten(self) -> None:
        prefetched = read({"conditions": bundle(CONDITION), "PROBLEMS": outcome("error")}, {"conditions": "PROBLEMS"})
        assert prefetched.failed == {"conditions": FailureCause.OPERATION_OUTCOME}
        assert prefetched.covered == frozenset()

    def test_resources_keep_what_they_contain_and_what_was_included(self) -> None:
        medication = {"resourceType": "Medication", "id": "m"}
        order = record("MedicationRequest", contained=[{"resourceType": "Medication", "id": "inner"}])
        included = {"resource": medication, "search": {"mode": "include"}}
        prefetched = read({"medicationRequests": bundle({"resource": order, "search": {"mode": "match"}}, included)})
        assert prefetched.resources == [order, medication]

    @pytest.mark.parametrize("kind", ["MedicationOrder", "MedicationPrescription"])
    def test_older_versions_name_orders_differently(self, kind: str) -> None:
        assert read({"medicationRequests": bundle(record(kind))}).covered == {"medicationRequests"}

    def test_a_broken_entry_is_left_out_alone(self) -> None:
        prefetched = read({"conditions": bundle(None, "x", {"resource": {}}, CONDITION, 4)})
        assert prefetched.resources == [CONDITION]
        assert prefetched.covered == {"conditions"}


class TestPatient:
    @pytest.mark.parametrize(
        "prefetch",
        [
            {"patient": PATIENT},
            {"patient": bundle(PATIENT)},
            {"whoever": PATIENT},
            {"conditions": bundle(CONDITION, PATIENT)},
            {"patient": OTHER_PATIENT, "demographics": [OTHER_PATIENT, PATIENT]},
            {"patient": None, "PAT": PATIENT},
            {"patient": outcome("error"), "PAT": PATIENT},
        ],
    )
    def test_under_whatever_key(self, prefetch: Any) -> None:
        prefetched = read(prefetch)
        assert prefetched.patient == PATIENT
        assert "patient" in prefetched.covered
        assert "patient" not in prefetched.failed
        assert OTHER_PATIENT not in prefetched.resources

    @pytest.mark.parametrize(
        "value", [OTHER_PATIENT, bundle(OTHER_PATIENT), {"resourceType": "Patient"}, CONDITION, "x", outcome("warning")]
    )
    def test_another_one_counts_as_absent(self, value: Any) -> None:
        prefetched = read({"patient": value})
        assert prefetched.patient is None
        assert prefetched.gaps([NEEDS["patient"]]) == (NEEDS["patient"],)
        assert OTHER_PATIENT not in prefetched.resources
        assert prefetched.dropped_other_patient == {}

    @pytest.mark.parametrize(
        ("value", "cause"),
        [
            (None, FailureCause.NOT_FOUND),
            ({"resourceType": "Bundle", "total": 0}, FailureCause.NOT_FOUND),
            (outcome("fatal"), FailureCause.OPERATION_OUTCOME),
        ],
    )
    def test_null_means_not_obtainable(self, value: Any, cause: FailureCause) -> None:
        prefetched = read({"patient": value})
        assert prefetched.failed == {"patient": cause}
        assert prefetched.gaps([NEEDS["patient"]]) == ()


class TestWhoseData:
    def test_other_patients_are_left_out_and_counted(self) -> None:
        anonymous = {"resourceType": "Observation", "id": "o0"}
        ours = record("Observation", "o1", "https://ehr.example/fhir/Patient/p1")
        theirs = [record("Observation", f"o{number}", "Patient/p2") for number in (2, 3)]
        allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p3"}}
        prefetched = read({"bloodCounts": bundle(anonymous, ours, *theirs), "allergies": bundle(allergy)})
        assert prefetched.resources == [anonymous, ours]
        assert prefetched.dropped_other_patient == {"Observation": 2, "AllergyIntolerance": 1}

    @pytest.mark.parametrize(
        "subject",
        [{"display": "somebody"}, {"reference": "Group/g"}, {"reference": "#contained"}, {}, "p1", None, 7, ["x"]],
    )
    def test_without_a_readable_subject_it_is_kept(self, subject: Any) -> None:
        kept, dropped = of_patient([{"resourceType": "Observation", "subject": subject}], "p1")
        assert len(kept) == 1
        assert dropped == {}


class TestDuplicates:
    def test_one_resource_under_two_keys_is_one(self) -> None:
        prefetched = read({"conditions": bundle(CONDITION, CONDITION), "all": bundle(dict(CONDITION))})
        assert prefetched.resources == [CONDITION]

    def test_without_an_id_equal_ones_are_one(self) -> None:
        one = {"resourceType": "Observation", "valueString": "negative", "status": "final"}
        same = dict(reversed(one.items()))
        assert distinct([one, same, {**one, "status": "amended"}]) == [one, {**one, "status": "amended"}]

    def test_the_same_id_of_another_type_is_another_resource(self) -> None:
        assert len(distinct([record("Condition", "1"), record("Procedure", "1")])) == 2

    def test_known_ones_are_not_repeated(self) -> None:
        assert distinct([record("Condition", "1"), record("Condition", "2")], [CONDITION]) == [record("Condition", "2")]


class TestPages:
    NEXT = "https://ehr.example/fhir?page=2"

    def links(self) -> list[Resource]:
        return [{"relation": "self", "url": "x"}, {"relation": "next", "url": self.NEXT}]

    def test_the_next_page_is_named_for_the_need(self) -> None:
        value = bundle(CONDITION, link=self.links())
        assert read({"conditions": value}).next_links == {"conditions": self.NEXT}
        assert read({"P": value}, {"conditions": "P"}).next_links == {"conditions": self.NEXT}
        assert read({"unknown": value}).next_links == {}

    def test_an_empty_first_page_can_have_a_second(self) -> None:
        assert read({"conditions": bundle(link=self.links())}).next_links == {"conditions": self.NEXT}

    def test_what_failed_is_not_continued(self) -> None:
        assert read({"conditions": bundle(outcome_entry("error"), link=self.links())}).next_links == {}

    @pytest.mark.parametrize("links", [None, "x", [], [{"relation": "next"}], [{"relation": "next", "url": 3}], [None]])
    def test_broken_links_are_none(self, links: Any) -> None:
        prefetched = read({"conditions": bundle(CONDITION, link=links)})
        assert prefetched.covered == {"conditions"}
        assert prefetched.next_links == {}


def lab(day: str) -> Resource:
    return record("Observation", day, effectiveDateTime=day)


NEED = DataNeed("labs", "labs", "Observation", date_parameter="date", lookback_days=100)


@pytest.mark.parametrize(
    ("days", "beyond"),
    [
        (("2026-06-14", "2026-03-06"), True),
        (("2026-06-14", "2026-03-07"), False),  # exactly 100 days
        (("2026-06-14",), False),
        (("2026-01-01", "2026-06-14"), False),  # not sorted, so the last one says nothing
        (("2026-06-14", "2026-06-14T08:00:00Z", "2025-01-01"), False),
        (("2026-06-14T08:00:00Z", "2026-06-14", "2025"), True),
        (("2026-06-14", "", "2025-01-01"), False),
        ((), False),
    ],
)
def test_when_further_pages_are_too_old(days: tuple[str, ...], beyond: bool) -> None:
    page = read_page(bundle(*map(lab, days)))
    assert page.passes_lookback(NEED, NOW) is beyond


def test_a_need_without_a_date_limit_wants_every_page() -> None:
    page = read_page(bundle(record("Condition", effectiveDateTime="1990-01-01")))
    assert not page.passes_lookback(NEEDS["conditions"], NOW)


def test_a_prefetch_that_reaches_back_far_enough_is_not_continued() -> None:
    links = [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]
    prefetch = {"bloodCounts": bundle(lab("2026-06-14"), lab("2020-01-01"), link=links)}
    assert read(prefetch, now=NOW).next_links == {}
    assert read(prefetch).next_links.keys() == {"bloodCounts"}


@pytest.mark.parametrize("cause", FailureCause)
def test_each_cause_has_words_for_a_card(cause: FailureCause) -> None:
    assert cause.phrase
    assert cause.phrase[0].islower()
    assert not cause.phrase.endswith(".")
    assert "http" not in cause.phrase


NAMES = st.sampled_from(
    [
        "resourceType",
        "id",
        "entry",
        "resource",
        "search",
        "mode",
        "link",
        "relation",
        "url",
        "issue",
        "severity",
        "subject",
        "patient",
        "reference",
        "total",
    ]
)
VALUES = st.sampled_from(
    ["Bundle", "Patient", "OperationOutcome", "Condition", "Observation", "outcome", "next", "error", "warning", "p1"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=6),
    max_leaves=25,
)
KEYS = st.sampled_from([*NEEDS, "ALIAS"]) | st.text(max_size=3)


@given(st.dictionaries(KEYS, JSON, max_size=4), st.booleans())
def test_any_json_is_read(prefetch: dict[str, Any], with_time: bool) -> None:
    prefetched = read(prefetch, {"conditions": "ALIAS"}, NOW if with_time else None)
    assert not prefetched.covered & prefetched.failed.keys()
    assert prefetched.next_links.keys() <= prefetched.covered
    gaps = {need.key for need in prefetched.gaps(NEEDS.values())}
    assert gaps | prefetched.covered | prefetched.failed.keys() == NEEDS.keys()
    assert (prefetched.covered | prefetched.failed.keys()) - {"patient"} <= prefetch.keys() | {"conditions"}
    assert all(one["resourceType"] not in ("Bundle", "OperationOutcome") for one in prefetched.resources)
    assert all(one["id"] == "p1" for one in prefetched.resources if one["resourceType"] == "Patient")


@given(JSON)
def test_an_error_never_passes_as_none_exists(value: Any) -> None:
    page = read_page(bundle(value, outcome_entry("error")))
    assert page.failed
    assert read({"conditions": bundle(value, outcome_entry("error"))}).covered <= {"patient"}


def test_deep_nesting_is_no_problem() -> None:
    value: Any = CONDITION
    for _ in range(5000):
        value = [value]
    assert read({"x": value}).resources == [CONDITION]
