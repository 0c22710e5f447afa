"""What the documentation points to is there, and every page can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.documentation.pages import DOCS, PAGES, ROOT, anchors, code, links

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
LARGEST_PICTURE = 300 * 1024
IN_THE_TREE = re.compile(r"(?:benchmarks|cds_hooks|deploy|docs|service|tests)/\S*")


def in_navigation(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from in_navigation(part)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_anchors_lead_somewhere(page: str) -> None:
    lost = []
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = ((ROOT / page).parent / parts.path).resolve() if parts.path else ROOT / page
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (parts.fragment and parts.fragment not in anchors(target.relative_to(ROOT).as_posix())):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_pages_of_the_site_link_within_the_site(page: str) -> None:
    outside = [
        link
        for link in links(page)
        if not urlsplit(link).scheme and not ((ROOT / page).parent / urlsplit(link).path).resolve().is_relative_to(DOCS)
    ]
    assert not outside


@pytest.mark.parametrize("page", PAGES)
def test_files_and_folders_that_are_named_are_there(page: str) -> None:
    named = {piece.partition("::")[0] for piece in code(page) if IN_THE_TREE.fullmatch(piece)}
    assert not {name for name in named if not (ROOT / name).exists() and not any(ROOT.glob(name))}


def test_navigation_has_every_page_once() -> None:
    named = list(in_navigation(SITE["nav"]))
    assert sorted(named) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_site_is_built_strictly() -> None:
    assert SITE["strict"]
    command = next(line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if "mkdocs build" in line)
    # --quiet hides warnings from --strict, too.
    assert command.endswith("mkdocs build --strict")


@pytest.mark.parametrize("picture", sorted((DOCS / "images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(picture: Path) -> None:
    assert picture.stat().st_size < LARGEST_PICTURE
    shown = {((ROOT / page).parent / link).resolve() for page in PAGES for link in links(page)}
    assert picture in shown
