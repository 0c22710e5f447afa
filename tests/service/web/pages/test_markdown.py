from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.pages.markdown import render_detail

ALLOWED = {"p", "strong", "em", "ul", "ol", "li", "a", "code", "pre", "br", "hr", "blockquote", "s"}
ALLOWED |= {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "img"}
TAG = re.compile(r"<\s*/?\s*([a-zA-Z0-9]+)")


def test_the_lead_ends_before_the_first_heading() -> None:
    detail = render_detail("First.\n\n* point\n\n**What was seen**\n\n* ANC: 0.7")
    assert detail.lead == "<p>First.</p>\n<ul>\n<li>point</li>\n</ul>\n"
    assert detail.rest.startswith("<p><strong>What was seen</strong></p>")


def test_bold_words_in_a_sentence_are_no_heading() -> None:
    assert render_detail("Take **15 mg** now.\n\n## Basis").rest == "<h2>Basis</h2>\n"
    assert render_detail("**15 mg** now").rest == ""


def test_without_a_heading_all_is_lead() -> None:
    assert render_detail("One.\n\nTwo.") == ("<p>One.</p>\n<p>Two.</p>\n", "")
    assert render_detail("") == ("", "")


def test_links_open_on_their_own() -> None:
    assert render_detail("[label](https://example.org/a)").lead == (
        '<p><a href="https://example.org/a" target="_blank" rel="noopener noreferrer">label</a></p>\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<iframe src='https://example.org'></iframe>",
        "[a](javascript:alert(1))",
        "[a](vbscript:x)",
        "[a](data:text/html,<script>)",
        "[a]( jAvAsCrIpT:alert(1))",
    ],
)
def test_what_could_act_stays_text(text: str) -> None:
    html = "".join(render_detail(text))
    assert not re.search(r"<(script|img|iframe)", html)
    assert "href" not in html


@given(st.text(alphabet=st.sampled_from("<>\"'&[](){}*_`#|~!:/= \nabjsripton\\"), max_size=80))
def test_no_text_makes_other_elements(text: str) -> None:
    html = "".join(render_detail(text))
    assert {name.lower() for name in TAG.findall(html)} <= ALLOWED
    for attributes in re.findall(r"<a ([^>]*)>", html):
        assert "javascript:" not in attributes.lower()
