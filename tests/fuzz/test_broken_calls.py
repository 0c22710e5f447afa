"""Calls about demo patients, broken somewhere: the service never fails, and never hides the damage."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from tests.fuzz.depth import examples
from tests.fuzz.mutation import Path, apply, at, draw_change
from tests.fuzz.stage import ORDERED, PATIENTS, Json, Stage, kind_of, topics

patient_ids = st.sampled_from(sorted(PATIENTS))

REGIONS: tuple[Path, ...] = ((), ("context",), ("context", "draftOrders"), ("prefetch",))


def test_no_damage_makes_the_service_fail(stage: Stage, tally: Counter[str]) -> None:
    @examples(60)
    @given(st.data(), patient_ids, st.integers(1, 3))
    def run(data: st.DataObject, patient_id: str, times: int) -> None:
        body = stage.call(patient_id)
        for _ in range(times):
            region = data.draw(st.sampled_from([path for path in REGIONS if is_there(body, path)]))
            change = draw_change(data, body, region)
            note(repr(change))
            apply(change, body)
        tally[kind_of(stage.post(body, PATIENTS[patient_id].hook))] += 1

    run()
    assert tally["200 with cards"] > tally.total() / 6


def is_there(body: Any, path: Path) -> bool:
    try:
        return bool(at(body, path)) and isinstance(at(body, path), dict | list)
    except (KeyError, TypeError):
        return False


def test_a_critical_card_stays_when_something_else_is_damaged(stage: Stage, tally: Counter[str]) -> None:
    """Or the answer says that the check was not complete. The drafts and the Patient are left alone."""
    whole = {patient_id: stage.post(stage.call(patient_id), PATIENTS[patient_id].hook).json for patient_id in ORDERED}

    @examples(60)
    @given(st.data(), st.sampled_from(sorted(name for name in ORDERED if critical(whole[name]))))
    def run(data: st.DataObject, patient_id: str) -> None:
        body = stage.call(patient_id)
        key = data.draw(st.sampled_from(sorted(body["prefetch"].keys() - {"patient"})))
        change = draw_change(data, body, ("prefetch", key))
        note(repr(change))
        touched = resources_of(body, change.path)
        apply(change, body)
        response = stage.post(body, PATIENTS[patient_id].hook)
        tally[kind_of(response)] += 1
        if response.status_code == 400:
            return
        found = topics(response)
        for topic, evidence in critical(whole[patient_id]).items():
            if not evidence & touched:
                assert found.get(topic) == "critical" or "checkIncomplete" in found, topic
        note(str(found))

    run()


def critical(answer: Json) -> dict[str, set[str]]:
    """Return the critical topics of an answer with the resources they rest on."""
    return {
        card["source"]["topic"]["code"]: set(re.findall(r"`([A-Z]\w+/[^`]+)`", card["detail"]))
        for card in answer["cards"]
        if card["indicator"] == "critical"
    }


def resources_of(body: Json, path: Path) -> set[str]:
    """Return the resources that a change of a node can touch: the one it is part of, or all that are part of it."""
    for length in range(len(path), 2, -1):
        node = at(body, path[:length])
        if isinstance(node, dict) and "id" in node and node.get("resourceType") != "Bundle":
            return {f"{node['resourceType']}/{node['id']}"}
    return _inside(at(body, path))


def _inside(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_inside, node))
    if not isinstance(node, dict):
        return set()
    own = {f"{node['resourceType']}/{node['id']}"} if "id" in node and "resourceType" in node else set()
    return own.union(*map(_inside, node.values()))
