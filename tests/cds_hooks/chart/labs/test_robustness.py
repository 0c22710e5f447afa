"""The order of the input does not matter, and nothing in it can raise."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.chart.labs import LabResult, Outcome

Build = Callable[..., dict[str, Any]]
Read = Callable[..., Mapping[str, tuple[LabResult, ...]]]

ANC, WBC, PLATELETS, CREATININE, QUALITATIVE = "751-8", "6690-2", "777-3", "2160-0", "2118-8"


def loinc(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def sample(obs: Build) -> list[dict[str, Any]]:
    return [
        obs(ANC, 1.5, "K/uL", effectiveDateTime="2025-06-10"),
        obs(ANC, 1.4, "K/uL", effectiveDateTime="2025-06-10"),
        obs(ANC, 0.4, "K/uL", effectiveDateTime="2025-06-19T08:00:00Z", status="preliminary"),
        obs(ANC, 0.4, "furlongs", effectiveDateTime=None),
        obs(WBC, 3.0, "K/uL", effectiveDateTime="2025-06-12T08:00:00Z"),
        obs(WBC, 2.0, "K/uL", effectiveDateTime="2025-06-12T08:00:00Z"),
        obs("770-8", 50, "%", effectiveDateTime="2025-06-12T08:30:00Z"),
        obs("764-1", 5, "%", effectiveDateTime="2025-06-12T08:30:00Z"),
        obs(ANC, 1.0, "K/uL", id="twin", meta={"versionId": "1"}),
        obs(ANC, 2.0, "K/uL", id="twin", meta={"versionId": "2"}),
        obs(ANC, 3.0, "K/uL", id="other", effectiveDateTime="2025-06-10"),
        obs(ANC, 3.5, "K/uL", id="other", effectiveDateTime="2025-06-10"),
        obs("58410-2", id="panel", hasMember=[{"reference": "Observation/m"}], effectiveDateTime="2025-06-11"),
        obs("58410-2", id="panel2", hasMember=[{"reference": "Observation/m"}], effectiveDateTime="2025-06-12"),
        obs(PLATELETS, 45, "K/uL", id="m", effectiveDateTime=None),
        obs(PLATELETS, 45, "K/uL", id=None),
        obs(PLATELETS, 46, "K/uL", id=None),
        obs(QUALITATIVE, valueString="negative"),
        obs(QUALITATIVE, valueString="positive"),
    ]


@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_input_order_does_not_matter(read: Read, obs: Build, randomness: random.Random) -> None:
    resources = sample(obs)
    for number, resource in enumerate(resources):
        if resource.get("id", "").startswith("o") and resource["id"][1:].isdigit():
            resource["id"] = f"fixed{number}"
    expected = read(*resources)
    randomness.shuffle(resources)
    assert read(*resources) == expected
    assert expected["hcgQualitative"][0].qualitative is Outcome.POSITIVE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=4), children, max_size=2),
    max_leaves=4,
)
WORDS = """a #a % < K/uL /uL mIU/mL final preliminary registered cancelled Observation Observation/a Specimen/a
http://loinc.org has-member normal POS NEG 10828004 77386006 751-8 26507-4 21198-7 negative Positive
2025 2025-06 2025-06-19 2025-06-19T08:00:00Z 2025-06-19T08:30:00+02:00 2099-01-01"""
KEYS = """coding code system display text value unit comparator low high type start end reference target lastUpdated
versionId resourceType status valueQuantity valueString"""
FIELDS = """id meta status code effectiveDateTime effectivePeriod issued specimen component contained hasMember related
referenceRange interpretation dataAbsentReason valueQuantity valueString valueCodeableConcept valueBoolean valueInteger
valueDateTime valueRange"""
TEXT = st.sampled_from([*WORDS.split(), "<0.5 K/uL", "see note", "0.4 - 4.0"])
ALMOST_FHIR = st.recursive(
    JSON | TEXT | st.floats(0, 500),
    lambda children: (
        st.lists(children, max_size=2) | st.dictionaries(st.sampled_from(KEYS.split()), children, max_size=3)
    ),
    max_leaves=6,
)
CODE = st.sampled_from([ANC, WBC, "770-8", "764-1", "30451-9", QUALITATIVE, "21198-7", "82810-3", "11778-8", "890-4"])
MANGLED = st.builds(
    lambda fields, code: {**fields, "resourceType": "Observation"} | ({"code": loinc(code)} if code else {}),
    st.dictionaries(st.sampled_from(FIELDS.split()), ALMOST_FHIR, max_size=6),
    st.none() | CODE,
)
QUANTITY = st.fixed_dictionaries(
    {"value": st.sampled_from([0, 0.4, 1, 3, 40, 900])},
    optional={"unit": st.sampled_from(["K/uL", "/uL", "%", "mIU/mL", "?"]), "comparator": st.sampled_from("<>")},
)
SENSIBLE = st.fixed_dictionaries(
    {"resourceType": st.just("Observation"), "code": CODE.map(loinc)},
    optional={
        "id": st.sampled_from("abcdef"),
        "status": st.sampled_from(["final", "corrected", "preliminary", "entered-in-error"]),
        "effectiveDateTime": st.sampled_from(
            ["2025-06-19", "2025-06-19T08:00:00Z", "2025-06-19T08:30:00Z", "2025-06-01"]
        ),
        "issued": st.sampled_from(["2025-06-19T09:00:00Z", "2025-06-19T10:00:00Z"]),
        "specimen": st.sampled_from(["s1", "s2"]).map(lambda identity: {"reference": f"Specimen/{identity}"}),
        "valueQuantity": QUANTITY,
        "hasMember": st.lists(st.sampled_from("abc").map(lambda one: {"reference": f"Observation/{one}"}), max_size=2),
        "referenceRange": st.just([{"low": {"value": 1}, "high": {"value": 9}}]),
    },
)


@given(st.lists(SENSIBLE, max_size=8, unique_by=lambda one: one.get("id", id(one))), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_input_in_any_order(read: Read, resources: list[Any], randomness: random.Random) -> None:
    expected = read(*resources)
    shuffled = list(resources)
    randomness.shuffle(shuffled)
    assert read(*shuffled, *resources[:2]) == expected


@given(st.lists(MANGLED | JSON, max_size=4))
@settings(max_examples=200, deadline=None)
def test_nothing_raises_and_nothing_is_spoilt(read: Read, rubbish: list[Any]) -> None:
    sound = {
        "resourceType": "Observation",
        "id": "sound",
        "status": "final",
        "code": loinc(CREATININE),
        "effectiveDateTime": "2025-06-19T08:00:00Z",
        "valueQuantity": {"value": 1.1, "unit": "mg/dL"},
    }
    results = read(*rubbish, sound)
    assert any(result.value == 1.1 and result.is_final for result in results["creatinine"])
    for result in (result for found in results.values() for result in found):
        assert len(result.raw) <= 60
        assert result.raw.isprintable()
        assert (result.problem is None) or (result.is_below(1e12) is None)


def test_absurdly_deep_and_large_values(read: Read, obs: Build) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    nested: Any = {}
    for _ in range(900):
        nested = {"coding": [nested], "extension": [nested]}
    for field in FIELDS.split():
        read(obs(ANC, **{field: deep}), obs(QUALITATIVE, **{field: nested}))
    huge = obs(ANC, 10**5000, "K/uL")
    assert read(huge)["anc"][0].problem is not None


def test_other_resources_are_passed_over(read: Read, obs: Build) -> None:
    assert read({"resourceType": "Patient"}, None, 5, "x", [], obs(ANC, 1.5, "K/uL", resourceType="Condition")) == {}
