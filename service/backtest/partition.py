"""Spreading records over files by patient, so that any amount of history needs the memory of a few patients only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import orjson

from cds_hooks.chart.fhir import Resource, as_text, subject_id
from service.backtest.files import ReadCounts, read_records

_MEDICATIONS = "medications.ndjson"
_BYTES_PER_PART = 16 * 1024 * 1024
_FEWEST_PARTS, _MOST_PARTS = 16, 512
"""Enough parts that no worker waits long for the last one, and not so many that the files cannot all be open."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Records of some patients.

    Attributes:
        records: file with one record a line; a patient's records are all in one such file, in any order.
        medications: file with the Medication resources, which belong to no patient and are referred to by orders.
    """

    records: Path
    medications: Path


def partition(
    files: Sequence[Path], folder: Path, *, counts: ReadCounts, on_file: Callable[[Path], None]
) -> tuple[Partition, ...]:
    """Spread the records of files.

    Args:
        files: what to read.
        folder: an empty folder to write to; workers on other machines must see it under the same path.
        counts: is added to.
        on_file: told of each file that was read.

    Returns:
        the partitions that hold anything.
    """
    size = sum(path.stat().st_size for path in files)
    parts = min(_MOST_PARTS, _FEWEST_PARTS + size // _BYTES_PER_PART)
    medications = folder / _MEDICATIONS
    names = [folder / f"records-{number:04}.ndjson" for number in range(parts)]
    with ExitStack() as opened:
        shared = opened.enter_context(medications.open("wb"))
        outputs = [opened.enter_context(name.open("wb")) for name in names]
        for path in files:
            for resource in read_records(path, counts):
                line = orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE)
                if resource.get("resourceType") == "Medication":
                    shared.write(line)
                elif patient := patient_of(resource):
                    outputs[crc32(patient.encode()) % parts].write(line)
            on_file(path)
    return tuple(Partition(name, medications) for name in names if name.stat().st_size)


def patient_of(resource: Resource) -> str:
    """Return the logical id of the patient a record is of, "" when it is of none."""
    if resource.get("resourceType") == "Patient":
        return as_text(resource.get("id"))
    return subject_id(resource)


def patients(part: Partition) -> Iterator[tuple[str, list[Resource]]]:
    """Yield the patients of a partition, each with all records, in the order of their ids."""
    by_patient: dict[str, list[Resource]] = {}
    for resource in _lines(part.records):
        by_patient.setdefault(patient_of(resource), []).append(resource)
    for patient in sorted(by_patient):
        yield patient, by_patient.pop(patient)


def medications(part: Partition) -> dict[str, Resource]:
    """Return the Medication resources by id."""
    return {as_text(one.get("id")): one for one in _lines(part.medications)}


def _lines(path: Path) -> Iterator[Resource]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)
