"""Strict YAML with line numbers."""

from __future__ import annotations

import pytest

from cds_hooks.knowledge.yaml_document import KnowledgeError, parse_yaml


def test_every_value_knows_its_line() -> None:
    document = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - y\n", "file.yaml")
    assert document.content == {"a": {"b": 1, "c": ["x", "y"]}}
    assert document.line_of(("a", "c", 1)) == 5
    assert document.line_of(("a", "nothing")) == 1


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    content = parse_yaml("on: yes\ndate: 2021-10-01\nnorway: no\nflag: true\ncode: '0378'\n", "file.yaml").content
    assert content == {"on": "yes", "date": "2021-10-01", "norway": "no", "flag": True, "code": "0378"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice"),
        ("a: &x {b: 1}\nc: *x\n", 2, "anchors"),
        ("a: [1\n", 2, ""),
        ("? [1]\n: 2\n", 1, "key must be text"),
    ],
)
def test_what_is_refused_names_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(KnowledgeError) as caught:
        parse_yaml(text, "file.yaml")
    assert str(caught.value).startswith("file.yaml:")
    if words:
        assert caught.value.line in (line, 1)
        assert words in str(caught.value)
