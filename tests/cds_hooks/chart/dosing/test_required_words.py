from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.dosing.sig.normalise import normalise
from cds_hooks.chart.dosing.sig.required_words import required_words
from cds_hooks.chart.dosing.sig.scan import RULES

LETTERS = "abc "


@pytest.mark.parametrize(
    ("pattern", "sets"),
    [
        ("daily", [{"daily"}]),
        ("once (?:daily|weekly)", [{"once "}, {"daily", "weekly"}]),
        ("every-(?:other|second) day", [{"every-"}, {"other", "second"}, {" day"}]),
        ("(?:daily|weekly)", [{"daily", "weekly"}]),
        (r"\d+ ?caps?", [{"cap"}]),
        (r"\d+ ?(?:mg)?", []),
        (r"(?:mg|\d)", []),
        (r"(?:mg){1,2}", [{"mg"}]),
        (r"(?:mg)*", []),
        (r"(?=mg)\w+", []),
        (r"[mg]", [{"m", "g"}]),
        (r"[^mg]|[a-z]|\d", []),
        (r"\d[/.]\d", [{"/", "."}]),
        ("drug|drugs|a drug", [{"drug"}]),
        (r"cap\d+ ?capsule", [{"capsule"}]),
        (r"(?:on\d+days|\d off)", [{"on", " off"}, {"days", " off"}]),
        (r"one\d?three\d?seven\d?eleven", [{"eleven"}, {"three"}, {"seven"}]),
        (r"(?i:MG)", []),
    ],
)
def test_words_are_read_off_the_pattern(pattern: str, sets: list[set[str]]) -> None:
    assert required_words(re.compile(pattern)) == set(map(frozenset, sets))


def test_a_pattern_that_ignores_case_requires_no_word() -> None:
    assert required_words(re.compile("daily", re.IGNORECASE)) == frozenset()


PATTERNS = st.recursive(
    st.text(LETTERS, min_size=1, max_size=3) | st.sampled_from([r"\w", r"\b", ".", "[ab]", "(?<!a)", "(?=b)"]),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda ones: f"(?:{'|'.join(ones)})")
        | st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{0,2}"])).map(lambda one: f"(?:{one[0]}){one[1]}")
    ),
    max_leaves=8,
)


@given(PATTERNS, st.text(LETTERS, max_size=12))
def test_every_text_that_matches_holds_a_word(pattern: str, text: str) -> None:
    compiled = re.compile(pattern)
    if compiled.search(text):
        for words in required_words(compiled):
            assert any(word in text for word in words)


@pytest.mark.parametrize("row", RULES, ids=lambda row: row.name)
def test_a_row_finds_what_its_pattern_finds(row: object) -> None:
    for other in RULES:
        text = normalise(other.example)
        found = [match.span() for match in row.finds(text)]  # type: ignore[attr-defined]
        assert found == [match.span() for match in row.pattern.finditer(text)]  # type: ignore[attr-defined]


def test_most_rows_are_passed_over() -> None:
    sig = normalise("Take 1 capsule by mouth once daily on days 1 to 21")
    tried = [row for row in RULES if all(any(word in sig for word in words) for words in row.words)]
    assert len(tried) < len(RULES) / 3
