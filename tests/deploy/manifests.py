"""Reading what lies in `deploy/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def documents(path: Path) -> list[dict[str, Any]]:
    """The YAML documents of a file."""
    return [one for one in yaml.safe_load_all(path.read_text("utf-8")) if one is not None]


def one_document(path: Path) -> dict[str, Any]:
    """The only YAML document of a file."""
    (document,) = documents(path)
    return document
