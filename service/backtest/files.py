"""Reading historic records: FHIR Bundles (`*.json`) and Bulk Data exports (`*.ndjson`), gzipped or not."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from cds_hooks.chart.fhir import Resource, as_mapping, as_text
from cds_hooks.prefetch import read_page

_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_WHOLE = (".json", ".json.gz")


@dataclass(slots=True)
class ReadCounts:
    """What was read, and what could not be.

    Attributes:
        files: files read to their end.
        resources: resource type → number.
        unreadable: file name → lines, or whole files, that are not FHIR JSON.
    """

    files: int = 0
    resources: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)


def record_files(folder: Path) -> tuple[Path, ...]:
    """Return the files below a folder that may hold records, in a fixed order."""
    return tuple(
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name.lower().endswith((*_LINES, *_WHOLE))
    )


def read_records(path: Path, counts: ReadCounts) -> Iterator[Resource]:
    """Yield every resource of a file; what cannot be read is counted and left out, so that it spoils nothing else.

    Args:
        path: a file of `record_files`.
        counts: is added to.

    Raises:
        OSError: the file cannot be opened or read.
    """
    name = path.name.lower()
    with _open(path) as file:
        parts = file if name.endswith(_LINES) else iter((file.read(),))
        for part in parts:
            if not part.strip():
                continue
            resources = _resources(part)
            if resources is None:
                counts.unreadable[path.name] += 1
                continue
            for resource in resources:
                counts.resources[as_text(resource.get("resourceType"))] += 1
                yield resource
    counts.files += 1


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _resources(part: bytes) -> tuple[Resource, ...] | None:
    try:
        value: Any = msgspec.json.decode(part.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if not as_text(as_mapping(value).get("resourceType")) and not isinstance(value, list):
        return None
    return read_page(cast("Mapping[str, Any]", value)).resources
