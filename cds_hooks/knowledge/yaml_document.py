"""YAML with line numbers, read strictly: no duplicate keys, no anchors, no surprises such as `on` read as true."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class KnowledgeError(Exception):
    """The knowledge cannot be used; the service refuses to start.

    The message names the file and line and says what is wrong there.
    """

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        self.file, self.line, self.problem = file, line, problem
        super().__init__(f"{file}:{line}: {problem}" if line else f"{file}: {problem}")


_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlDocument:
    """One YAML file: its content as plain Python values and the line on which each of them stands."""

    name: str
    content: Any
    lines: dict[_Path, int]

    def line_of(self, path: Sequence[str | int]) -> int:
        """Return the line of the value at `path`, or of its nearest enclosing value that is known."""
        steps = tuple(path)
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)

    def error(self, path: Sequence[str | int], problem: str) -> KnowledgeError:
        """Return the error to raise for the value at `path`."""
        return KnowledgeError(self.name, self.line_of(path), problem)


class _Loader(yaml.CSafeLoader):
    """Safe loader in which only true/false are booleans and dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:merge"}
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read_yaml(path: Path, name: str) -> YamlDocument:
    """Read one YAML file.

    Args:
        path: the file.
        name: how messages call it.

    Raises:
        KnowledgeError: not readable, not YAML, a duplicate key, an anchor, or a key that is not text.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return parse_yaml(text, name)
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(name, None, f"cannot be read ({type(error).__name__})") from error


def parse_yaml(text: str, name: str) -> YamlDocument:
    """Parse YAML text; see `read_yaml`."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return YamlDocument(name, None, {(): 1})
        lines: dict[_Path, int] = {}
        return YamlDocument(name, _value(loader, root, (), lines, name, set()), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise KnowledgeError(name, line, error.problem or "not YAML") from error
    except yaml.YAMLError as error:
        raise KnowledgeError(name, None, "not YAML") from error
    finally:
        loader.dispose()


def _value(loader: _Loader, node: yaml.Node, path: _Path, lines: dict[_Path, int], name: str, seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise KnowledgeError(name, line, "anchors and aliases are not used in knowledge files")
    seen.add(id(node))
    lines[path] = line
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise KnowledgeError(name, key_line, "a key must be text")
            key = str(key_node.value)
            if key in mapping:
                raise KnowledgeError(name, key_line, f"key {key!r} stands twice")
            mapping[key] = _value(loader, value_node, (*path, key), lines, name, seen)
            lines[(*path, key)] = key_line
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, child, (*path, index), lines, name, seen) for index, child in enumerate(node.value)]
    return loader.construct_object(node)
