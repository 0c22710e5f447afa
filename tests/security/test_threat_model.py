"""The threat model names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[^`:]+\.py)(?:::(\w+))?`", TEXT)
HEADINGS = (
    *("Spoofing", "Tampering", "Repudiation"),
    *("Information disclosure", "Denial of service", "Elevation of privilege"),
)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert name in functions if name else any(one.startswith("test_") for one in functions)


def test_each_threat_has_a_control_a_test_and_a_word_on_what_remains() -> None:
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == list(HEADINGS)
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| threat |")]
    assert len(rows) == len(NAMED) > 25
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5, row
