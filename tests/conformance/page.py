"""Writes `docs/conformance.md` to standard output, with `--tests` the names of the tests for the console:
`python -m tests.conformance.page`.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import yaml

from cds_hooks.protocol.conformance import duties
from service.reports.conformance_table import conformance_markdown

FOLDER = Path(__file__).parent


def shown_by_tests(folder: Path = FOLDER) -> dict[str, list[str]]:
    """Return row id → the tests that carry it as a marker: `test_file.py::test_name`."""
    shown: dict[str, list[str]] = defaultdict(list)
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for row in _rows(node):
                    shown[row].append(f"{file.name}::{node.name}")
    return dict(shown)


def _rows(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) in ("row", "pytest.mark.row"):
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def page() -> str:
    """Return the text of the page."""
    return conformance_markdown(duties(), shown_by_tests())


def tests_file() -> str:
    """Return the text of `service/reports/conformance_tests.yaml`: the tests are not part of the installed package."""
    head = "# Row of the table of duties → the tests that show it. Written by make conformance.\n"
    return head + yaml.safe_dump(shown_by_tests(), width=118)


if __name__ == "__main__":
    sys.stdout.write(tests_file() if "--tests" in sys.argv else page())
