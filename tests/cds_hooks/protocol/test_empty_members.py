"""Members that are null or empty are left out; everything else stays as it was."""

from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.protocol.empty_members import without_empty


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"a": None, "b": "", "c": [], "d": {}}, {}),
        ({"a": 0, "b": False, "c": 0.0, "d": " "}, {"a": 0, "b": False, "c": 0.0, "d": " "}),
        ({"a": {"b": {"c": None}}, "d": [{}, {"e": []}]}, {}),
        ({"a": [None, {"b": 1, "c": ""}, "x"]}, {"a": [{"b": 1}, "x"]}),
        ({"given": [None, "x"], "_given": [{"id": "1"}, None]}, {"given": [None, "x"], "_given": [{"id": "1"}, None]}),
        ({"given": [], "_given": [{"id": "1"}]}, {"_given": [{"id": "1"}]}),
        ({"given": [None, "x"]}, {"given": ["x"]}),
    ],
)
def test_what_is_left(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert without_empty(given) == kept
