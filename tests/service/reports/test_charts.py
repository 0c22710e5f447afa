"""Charts tell their numbers in words too, and let no text break out of them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reports.charts import Bar, bars, columns, lines, swatch

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


def test_a_line_is_broken_where_a_value_is_missing_and_tells_its_points() -> None:
    values = {"half": [1.0, None, 3.0, 4.5], "<all>": [None, None, None, None]}
    root = ElementTree.fromstring(lines("Time", ["a", "b", "c", "d"], values, {"half": "var(--accent)"}, "ms"))
    first, second = root.iter("path")
    assert (first.attrib["d"].count("M"), first.attrib["d"].count("L")) == (2, 1)
    assert second.attrib["d"] == ""
    titles = [title.text for point in root.iter("circle") for title in point.iter("title")]
    assert titles == ["a: half 1 ms", "c: half 3 ms", "d: half 4.5 ms"]
    heights = [float(point.attrib["cy"]) for point in root.iter("circle")]
    assert heights == sorted(heights, reverse=True)


@given(values=st.lists(st.none() | st.floats(0, 1e9), max_size=40))
def test_any_line_stays_in_its_frame(values: list[float | None]) -> None:
    labels = [str(number) for number in range(len(values))]
    root = ElementTree.fromstring(lines("t", labels, {"": values}, {}))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert all(
        0 <= float(point.attrib["cx"]) <= width and 0 <= float(point.attrib["cy"]) <= height
        for point in root.iter("circle")
    )


@given(most=st.integers(4, 10**7))
def test_counts_are_marked_in_whole_numbers(most: int) -> None:
    root = ElementTree.fromstring(columns("t", [Bar("a", {"": most})]))
    ticks = [one.text or "" for one in root.iter("text") if one.attrib.get("text-anchor") == "end"]
    assert not [tick for tick in ticks if "." in tick]
    assert int(ticks[-1].replace(",", "")) >= most


def test_a_long_label_is_cut_and_told_in_full() -> None:
    label = "PD-1/PD-L1 antibody with a thalidomide analogue"
    root = ElementTree.fromstring(bars("t", [Bar(label, {"": 1})]))
    texts = [text.text for text in root.iter("text")]
    assert "PD-1/PD-L1 antibody with a thalidomid…" in texts
    assert [title.text for bar in root.iter("rect") for title in bar.iter("title")] == [f"{label}: 1"]


def test_a_swatch_lets_no_colour_break_out() -> None:
    assert ElementTree.fromstring(swatch('"><b>'))[0].attrib["fill"] == '"><b>'
