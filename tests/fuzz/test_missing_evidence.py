"""What the rules need and do not get is never taken for normal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from cds_hooks.data_needs import Scope, needs_of
from service.wiring import Services
from tests.fuzz.depth import examples
from tests.fuzz.stage import ORDERED, PATIENTS, Json, Stage, topics

NEEDED_RESULTS = {
    "creatinine": ({"2160-0", "14682-9"}, {"renalFunctionUnknown", "renalDose"}),
    "neutrophils": ({"751-8", "26499-4"}, {"cbcOverdue", "neutropenia"}),
    "platelets": ({"777-3", "26515-7"}, {"cbcOverdue", "thrombocytopenia"}),
}
"""Result without which lenalidomide is not to be ordered → LOINC, topics of which one must then come."""

ONLY_SOMETIMES = {"bloodBank", "researchSubjects"}
"""Needs that no rule looks at for most patients: daratumumab, men who father children."""

UNREADABLE: Mapping[str, Mapping[str, Any]] = {
    "no value": {"valueQuantity": None},
    "no number": {"valueQuantity": {"unit": "mg/dL"}},
    "a text": {"valueQuantity": None, "valueString": "see comment"},
    "unknown unit": {"valueQuantity": {"value": 1.0, "unit": "furlong", "code": "furlong"}},
    "negative": {"valueQuantity": {"value": -3.0, "unit": "mg/dL", "code": "mg/dL"}},
    "enormous": {"valueQuantity": {"value": 1e300, "unit": "10*3/uL", "code": "10*3/uL"}},
    "entered in error": {"status": "entered-in-error"},
    "cancelled": {"status": "cancelled", "valueQuantity": None},
    "no date": {"effectiveDateTime": None, "issued": None},
    "year 0": {"effectiveDateTime": "0000-01-01", "issued": None},
    "end of time": {"effectiveDateTime": "9999-12-31T24:00:00Z", "issued": None},
    "absent reason": {"valueQuantity": None, "dataAbsentReason": {"coding": [{"code": "error"}]}},
}

FAILURES: Mapping[str, Any] = {
    "error": {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception"}],
    },
    "fatal outcome among the entries": {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal"}]}}],
    },
    "unreadable outcome": {"resourceType": "OperationOutcome"},
    "text": "no access",
    "number": 0,
    "true": True,
    "empty object": {},
    "empty list": [],
    "other type": {"resourceType": "Parameters"},
    "entries elsewhere": {"resourceType": "Bundle", "entries": [], "total": 3},
}


def results_of(body: Json, codes: set[str]) -> Iterator[Json]:
    """Yield the Observations of a prefetch that carry one of the codes."""
    for bundle in body["prefetch"].values():
        for entry in bundle.get("entry", ()):
            resource = entry["resource"]
            codings = resource.get("code", {}).get("coding", ())
            if resource["resourceType"] == "Observation" and any(one.get("code") in codes for one in codings):
                yield resource


@pytest.mark.parametrize("result", NEEDED_RESULTS)
def test_a_needed_result_that_cannot_be_read_is_missed(stage: Stage, tally: Counter[str], result: str) -> None:
    codes, expected = NEEDED_RESULTS[result]

    @examples(20)
    @given(st.sampled_from(ORDERED), st.data())
    def run(patient_id: str, data: st.DataObject) -> None:
        body = stage.call(patient_id)
        assert any(results_of(body, codes))
        for observation in results_of(body, codes):
            how = data.draw(st.sampled_from(sorted(UNREADABLE)))
            note(f"{observation['id']}: {how}")
            observation.update(UNREADABLE[how])
            for name in [name for name, value in observation.items() if value is None]:
                del observation[name]
        found = topics(stage.post(body, PATIENTS[patient_id].hook))
        note(str(found))
        tally["said" if expected & found.keys() else "checkIncomplete"] += 1
        assert (expected | {"checkIncomplete"}) & found.keys()

    run()


def test_a_need_that_was_not_answered_is_said(stage: Stage, tally: Counter[str]) -> None:
    services: Services = stage.client.application.extensions["lencds"]
    needs = services.order_check.reader.needs
    sent = stage.call(ORDERED[0])["prefetch"].keys()
    keys = sorted({need.key for need in needs_of(Scope.LENALIDOMIDE, needs)} & sent - ONLY_SOMETIMES)
    assert "patient" in keys and len(keys) > 10

    @examples(60)
    @given(
        st.sampled_from(ORDERED),
        st.sets(st.sampled_from(keys), min_size=1, max_size=3),
        st.sampled_from(["absent", *FAILURES]),
    )
    def run(patient_id: str, lost: set[str], how: str) -> None:
        note(f"{patient_id}: {sorted(lost)} {how}")
        body = stage.call(patient_id)
        for key in lost:
            if how == "absent":
                del body["prefetch"][key]
            else:
                body["prefetch"][key] = FAILURES[how]
        response = stage.post(body, PATIENTS[patient_id].hook)
        tally[str(response.status_code)] += 1
        if "patient" in lost:
            assert response.status_code == 412
        else:
            assert "checkIncomplete" in topics(response)

    run()


def test_a_record_of_somebody_else_is_said_and_not_judged(stage: Stage) -> None:
    @examples(40)
    @given(st.sampled_from(ORDERED), st.data(), st.sampled_from(["Patient/somebody-else", "Patient?identifier=1"]))
    def run(patient_id: str, data: st.DataObject, somebody: str) -> None:
        body = stage.call(patient_id)
        theirs = [
            entry["resource"]
            for bundle in body["prefetch"].values()
            for entry in bundle.get("entry", ())
            if {"subject", "patient"} & entry["resource"].keys()
        ]
        resource = data.draw(st.sampled_from(theirs))
        note(f"{resource['resourceType']}/{resource['id']}")
        resource["subject" if "subject" in resource else "patient"] = {"reference": somebody}
        response = stage.post(body, PATIENTS[patient_id].hook)
        assert "checkIncomplete" in topics(response)
        assert f"{resource['resourceType']}/{resource['id']}`" not in response.text

    run()
