"""Chart text inside Markdown: every character that could be markup is escaped, everything else is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.markdown import escape

LIKELY = st.sampled_from(
    ["www", "WWW", ".", ":", "/", "//", "http", "_", "*", "\\", "<", "é", " ", "\n", "1.8 mg/dL", "s"]
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Creatinine 1.8 mg/dL, 12:30", "Creatinine 1.8 mg/dL, 12:30", id="nothing to escape"),
        pytest.param("two  spaces\nand a line", "two spaces and a line", id="one line"),
        pytest.param("a*b_c", r"a\*b\_c", id="emphasis"),
        pytest.param("back\\slash", r"back\\slash", id="backslash"),
        pytest.param("<b> &lt; a@b", r"\<b\> \&lt; a\@b", id="tags, entities, e-mail"),
        pytest.param("https://a.example", r"https\://a.example", id="address"),
        pytest.param("a // b: c", "a // b: c", id="slashes without an address"),
        pytest.param("www.a.example WwW.b", r"www\.a.example WwW\.b", id="host"),
        pytest.param("awww.example", "awww.example", id="no host"),
    ],
)
def test_markup_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.one_of(st.text(), st.lists(LIKELY).map("".join)))
def test_only_backslashes_are_added_and_only_before_what_could_be_markup(text: str) -> None:
    line = " ".join(text.split())
    could_be_markup = re.compile(r"[\\`*_\[\]<>|#~&@]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
    assert escape(text) == could_be_markup.sub(lambda found: f"\\{found[0]}", line)
