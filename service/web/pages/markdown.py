"""The Markdown of cards as HTML that is safe to show: raw HTML in it stays text, and links are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

_ON_ITS_OWN = {"target": "_blank", "rel": "noopener noreferrer"}


class RenderedDetail(NamedTuple):
    """The detail of a card as HTML: `lead` is what stands before its first heading, `rest` the headed parts."""

    lead: str
    rest: str


def render_detail(markdown: str) -> RenderedDetail:
    """Return the detail of a card as HTML.

    Args:
        markdown: GitHub flavoured Markdown. HTML in it is escaped, and links to anything but web pages and mail
            addresses are left as text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(markdown)
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                for name, value in _ON_ITS_OWN.items():
                    child.attrSet(name, value)
    end = next((index for index in range(len(tokens)) if _is_heading(tokens, index)), len(tokens))
    render = parser.renderer.render
    return RenderedDetail(render(tokens[:end], parser.options, {}), render(tokens[end:], parser.options, {}))


def _is_heading(tokens: Sequence[Token], index: int) -> bool:
    """Whether a heading begins there: one of Markdown, or a paragraph that is bold from end to end, as in our cards."""
    token = tokens[index]
    if token.level or token.type != "paragraph_open":
        return token.type == "heading_open"
    children = tokens[index + 1].children or []
    shown = [child.type for child in children if child.content or child.nesting]
    return shown == ["strong_open", "text", "strong_close"]
