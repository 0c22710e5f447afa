"""A whole backtest: spread the records, judge every partition, hand back what was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from service.auth.clients import Client
from service.backtest.judge import Judged, judge_patient
from service.backtest.partition import Partition, medications, patients
from service.backtest.pools import Pool
from service.clinical import Clinical
from service.order_check import OrderCheck


@dataclass(frozen=True, slots=True)
class Task:
    """With what to judge.

    Attributes:
        knowledge: folder of the present knowledge, None for the one that is shipped.
        against: folder of the knowledge to compare with, None for no comparison.
        client: profile and switches to judge with.
    """

    knowledge: Path | None
    against: Path | None
    client: Client


def judge_all(
    task: Task, parts: Sequence[Partition], pool: Pool, *, on_part: Callable[[], None] = lambda: None
) -> Iterator[Judged]:
    """Judge every partition in a pool.

    Args:
        task: with what to judge.
        parts: the partitions.
        pool: where to work.
        on_part: told of each partition that is done.
    """
    for judged in pool.run(partial(judge_partition, task), parts):
        yield from judged
        on_part()


def judge_partition(task: Task, part: Partition) -> list[Judged]:
    """Judge every order of the patients of one partition; runs in a worker.

    Raises:
        KnowledgeError: the knowledge cannot be used.
    """
    check = _order_check(task.knowledge)
    against = _order_check(task.against) if task.against else None
    known = medications(part)
    return [
        judged
        for patient_id, resources in patients(part)
        for judged in judge_patient(patient_id, resources, known, check, against, task.client)
    ]


@lru_cache(maxsize=2)
def _order_check(knowledge: Path | None) -> OrderCheck:
    """Return the order check of this process; no FHIR server is asked, the records are all there is."""
    return Clinical(knowledge).order_check
