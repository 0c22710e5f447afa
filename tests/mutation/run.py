"""Does every number count? Changes each figure by one step and says which changes no clinical case notices.

Survivors that are no gap are listed with their reason in `explained.yaml`. Run it with `make mutation`; a part of it
with `python -m tests.mutation.run counts dose`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import track

from cds_hooks.cases.case import load_cases
from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from tests.mutation.hunt import Hunt
from tests.mutation.mutants import Mutant, mutants

EXPLAINED = Path(__file__).parent / "explained.yaml"


class _Work:
    """What the worker processes inherit when they are forked."""

    hunt: Hunt
    mutants: list[Mutant]


def explained(file: Path = EXPLAINED) -> dict[str, str]:
    """Return the survivors that are no gap, with their reason."""
    groups = yaml.safe_load(file.read_text("utf-8"))
    return {str(name): str(group["reason"]) for group in groups for name in group["mutants"]}


def _survives(index: int) -> tuple[int, bool]:
    return index, _Work.hunt.killer(_Work.mutants[index]) is None


def main(parts: Sequence[str]) -> int:
    """Run it; returns 1 when a survivor is not explained or an explanation is not needed."""
    console = Console()
    knowledge = load_knowledge()
    _Work.hunt = Hunt.prepare(load_cases(), make_reader(knowledge))
    _Work.mutants = [one for one in mutants(knowledge) if not parts or any(part in one.file for part in parts)]
    for case in _Work.hunt.broken:
        console.print(f"[yellow]fails without a mutant, not used:[/] {case.place} {case.sentence}")
    console.print(f"{len(_Work.hunt.prey)} cases")
    with get_context("fork").Pool(os.cpu_count()) as pool:
        answers = pool.imap_unordered(_survives, range(len(_Work.mutants)), chunksize=6)
        told = track(answers, "Mutants", len(_Work.mutants), console=console)
        survivors = [_Work.mutants[index] for index, survived in sorted(told) if survived]
    return _report(survivors, len(_Work.mutants), whole=not parts, console=console)


def _report(survivors: Sequence[Mutant], count: int, *, whole: bool, console: Console) -> int:
    reasons = explained()
    gaps = [one for one in survivors if one.name not in reasons]
    killed, known = count - len(survivors), len(survivors) - len(gaps)
    console.print(
        f"{count} mutants, {killed} killed, {known} explained in {EXPLAINED.name}, survivors: {len(gaps) or 'none'}"
    )
    for file, group in groupby(gaps, key=lambda one: one.file):
        console.print(f"[bold]{file}[/]")
        for one in group:
            console.print(f"  {one.name}", highlight=False)
    needless = sorted(reasons.keys() - {one.name for one in survivors}) if whole else []
    for key in needless:
        console.print(f"[yellow]explained, but no such survivor:[/] {key}")
    return 1 if gaps or needless else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
