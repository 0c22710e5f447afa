"""Writes the fault table: `make faults`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faults.page import render
from tests.faults.stage import ROOT, Stage

PAGE = ROOT / "docs" / "faults.md"


def main() -> None:
    """Run every fault and write the page named on the command line, or `docs/faults.md`."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        page = render(stage)
    target.write_text(page, "utf-8")
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
