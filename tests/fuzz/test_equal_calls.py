"""Calls that say the same in another way get the same cards."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.fuzz.depth import examples
from tests.fuzz.mutation import at, nested, paths
from tests.fuzz.stage import PATIENTS, Json, Stage, topics

ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
patient_ids = st.sampled_from(sorted(PATIENTS))


@pytest.fixture(scope="module")
def expected(stage: Stage) -> dict[str, dict[str, str]]:
    """The cards of the unchanged calls."""
    return {name: topics(stage.post(stage.call(name), patient.hook)) for name, patient in PATIENTS.items()}


def bundles(body: Json) -> list[Json]:
    return [value for value in body["prefetch"].values() if value.get("entry")]


def test_the_order_of_records_does_not_matter(stage: Stage, expected: dict[str, dict[str, str]]) -> None:
    @examples(20)
    @given(patient_ids, st.randoms(use_true_random=False))
    def run(patient_id: str, random: Any) -> None:
        body = stage.call(patient_id)
        for bundle in bundles(body):
            random.shuffle(bundle["entry"])
        keys = list(body["prefetch"])
        random.shuffle(keys)
        body["prefetch"] = {key: body["prefetch"][key] for key in keys}
        assert topics(stage.post(body, PATIENTS[patient_id].hook)) == expected[patient_id]

    run()


def test_records_that_come_twice_count_once(stage: Stage, expected: dict[str, dict[str, str]]) -> None:
    @examples(20)
    @given(patient_ids, st.data())
    def run(patient_id: str, data: st.DataObject) -> None:
        body = stage.call(patient_id)
        source, target = (data.draw(st.sampled_from(bundles(body))) for _ in range(2))
        chosen = data.draw(st.lists(st.sampled_from(source["entry"]), min_size=1, max_size=4))
        target["entry"] += copy.deepcopy(chosen) * data.draw(st.sampled_from([1, 30]))
        assert topics(stage.post(body, PATIENTS[patient_id].hook)) == expected[patient_id]

    run()


def test_members_nobody_knows_do_not_matter(stage: Stage, expected: dict[str, dict[str, str]]) -> None:
    @examples(30)
    @given(patient_ids, st.data())
    def run(patient_id: str, data: st.DataObject) -> None:
        body = stage.call(patient_id)
        for _ in range(5):
            region = data.draw(st.sampled_from([(), ("context",), ("prefetch",)]))
            objects = [path for path in paths(at(body, region), region) if isinstance(at(body, path), dict)]
            path = data.draw(st.sampled_from(objects))
            if path == ("prefetch",):
                continue
            name = data.draw(
                st.sampled_from(["extension", "_value", "_status", "xyz", "id_", "\u200bcode", "fhir_comments"])
            )
            value = data.draw(
                st.sampled_from([None, 1, "x", [], {}, [{"url": "urn:x", "valueString": "y"}]]) | st.just(nested(20))
            )
            note(f"{path}.{name} = {str(value)[:60]}")
            at(body, path)[name] = value
        assert topics(stage.post(body, PATIENTS[patient_id].hook)) == expected[patient_id]

    run()


def test_characters_without_width_do_not_matter(stage: Stage, expected: dict[str, dict[str, str]]) -> None:
    @examples(30)
    @given(patient_ids, st.data())
    def run(patient_id: str, data: st.DataObject) -> None:
        body = stage.call(patient_id)
        texts = [
            path
            for path in paths(body)
            if path[-1] in ("text", "display", "unit", "code", "patientInstruction") and isinstance(at(body, path), str)
        ]
        for path in data.draw(st.lists(st.sampled_from(texts), min_size=1, max_size=8, unique=True)):
            text = at(body, path)
            place = data.draw(st.integers(0, len(text)))
            at(body, path[:-1])[path[-1]] = text[:place] + data.draw(st.sampled_from(ZERO_WIDTH)) + text[place:]
            note(f"{path}: {at(body, path)!a}")
        assert topics(stage.post(body, PATIENTS[patient_id].hook)) == expected[patient_id]

    run()
