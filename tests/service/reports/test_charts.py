"""Charts tell their numbers in words too, and let no text break out of them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reports.charts import Bar, bars, columns

ROWS = [Bar("one & <two>", {"critical": 3, "info": 1}), Bar("none", {"critical": 0, "info": 0})]


@pytest.mark.parametrize("draw", [bars, columns])
def test_each_part_is_a_rectangle_with_its_number_in_words(draw: object) -> None:
    root = ElementTree.fromstring(draw("Cards", ROWS))  # type: ignore[operator]
    titles = [title.text for rectangle in root.iter("rect") for title in rectangle.iter("title")]
    assert titles == ["one & <two>: 3 critical", "one & <two>: 1 info"]
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Cards"


def test_lengths_are_in_proportion() -> None:
    root = ElementTree.fromstring(bars("Cards", ROWS))
    first, second = (float(one.attrib["width"]) for one in root.iter("rect"))
    assert first == pytest.approx(3 * second, abs=0.2)


@given(values=st.lists(st.floats(0, 1e9), max_size=40))
def test_any_numbers_can_be_drawn(values: list[float]) -> None:
    rows = [Bar(str(number), {"": value}) for number, value in enumerate(values)]
    for drawn in (bars("t", rows), columns("t", rows)):
        root = ElementTree.fromstring(drawn)
        _, _, _, height = map(float, root.attrib["viewBox"].split())
        assert all(float(one.attrib["y"]) + float(one.attrib["height"]) <= height + 1 for one in root.iter("rect"))
