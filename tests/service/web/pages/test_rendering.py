from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import service.web.pages
from service.web.pages.rendering import CONTENT_SECURITY_POLICY, page, register_pages, relative_url_for

FOLDER = Path(service.web.pages.__file__).parent
STATIC = sorted(path.relative_to(FOLDER / "static") for path in (FOLDER / "static").rglob("*.*"))


@pytest.fixture
def web() -> FlaskClient:
    app = Flask("pages", static_folder=None)
    register_pages(app)
    register_pages(app)
    app.add_url_rule("/", view_func=lambda: page("base.html"))
    return app.test_client()


def test_a_page_lets_only_our_own_files_act(web: FlaskClient) -> None:
    response = web.get("/")
    assert response.mimetype == "text/html"
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("file", STATIC, ids=str)
def test_every_static_file_is_served_with_its_type(web: FlaskClient, file: Path) -> None:
    response = web.get(f"/assets/{file.as_posix()}")
    assert response.status_code == 200
    assert response.mimetype == {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}[file.suffix]


@pytest.mark.parametrize("path", ["/assets/../rendering.py", "/assets/%2e%2e/rendering.py", "/assets/"])
def test_nothing_else_is_served(web: FlaskClient, path: str) -> None:
    assert web.get(path).status_code == 404


@pytest.mark.parametrize("file", sorted((FOLDER / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_no_template_needs_inline_code(file: Path) -> None:
    text = file.read_text()
    for forbidden in (
        "<style",
        " style=",
        "|safe",
        "| safe",
        "{% autoescape",
        " onclick=",
        " onchange=",
        "javascript:",
    ):
        assert forbidden not in text
    scripts = text.count("<script")
    assert scripts == text.count('<script type="module" src=') + text.count('<script type="application/json"')


@pytest.mark.parametrize("file", STATIC, ids=str)
def test_no_file_comes_from_elsewhere(file: Path) -> None:
    text = (FOLDER / "static" / file).read_text()
    for forbidden in ("@import", "url(http", "//cdn", "eval(", 'from "http'):
        assert forbidden not in text


def test_colours_stand_in_the_tokens_alone() -> None:
    for file in STATIC:
        if file.suffix == ".css" and file.name != "tokens.css":
            text = (FOLDER / "static" / file).read_text()
            assert "#" not in "".join(line.partition(":")[2] for line in text.splitlines() if ":" in line), file


@pytest.mark.parametrize("prefix", ["", "/base"])
@pytest.mark.parametrize(("here", "there", "link"), [
    ("/a/", "/a/", "./"), ("/a/", "/a/b", "b"), ("/a/b", "/a/", "./"), ("/a/b/c", "/a/", "../"), ("/a/", "/", "../"),
    ("/a/b/", "/a/b/c", "c"), ("/a/b", "/x/y/", "../x/y/"), ("/", "/a/", "a/"), ("/a/b/c", "/a/b/", "./"),
])  # fmt: skip
def test_links_are_relative(prefix: str, here: str, there: str, link: str) -> None:
    app = Flask("pages", static_folder=None)
    app.add_url_rule(there, "there", lambda: "")
    with app.test_request_context(here, base_url=f"https://cds.example.org{prefix}"):
        assert relative_url_for("there") == link
        assert relative_url_for("there", q="a/b?") == link + "?q=a/b?"
