"""The pages of the documentation, taken apart: links, headings, what stands in code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = tuple(
    page.relative_to(ROOT).as_posix()
    for page in (
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "deploy/README.md")),
        *sorted(DOCS.rglob("*.md")),
    )
)


@cache
def tokens(page: str) -> tuple[Token, ...]:
    """Return all tokens of a page, those within lines included."""
    text = (ROOT / page).read_text("utf-8")
    return tuple(_flat(MarkdownIt("commonmark").enable("table").parse(text)))


def _flat(parsed: list[Token]) -> Iterator[Token]:
    for token in parsed:
        yield token
        yield from _flat(token.children or [])


def links(page: str) -> Iterator[str]:
    """Yield where links lead and where pictures come from."""
    for token in tokens(page):
        target = token.attrGet("href") or token.attrGet("src")
        if target:
            yield str(target)


def code(page: str) -> Iterator[str]:
    """Yield every piece of code: lines of blocks, continued ones joined, and what stands in backticks."""
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            yield from token.content.replace("\\\n", " ").splitlines()
        elif token.type == "code_inline":
            yield token.content


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    parsed = tokens(page)
    headings = [after.content for before, after in pairwise(parsed) if before.type == "heading_open"]
    return {_slug(heading) for heading in headings}


def _slug(heading: str) -> str:
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
