"""Records are found and read; what cannot be read is counted and spoils nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

from service.backtest.files import ReadCounts, read_records, record_files


def test_a_broken_line_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "Patient.ndjson"
    file.write_text('{"resourceType":"Patient","id":"a"}\n{"resourceType":\n\n[1]\n7\n{"resourceType":"Patient"}\n')
    counts = ReadCounts()
    assert [one.get("id") for one in read_records(file, counts)] == ["a", None]
    assert counts.unreadable == {"Patient.ndjson": 2}
    assert (counts.files, counts.resources) == (1, {"Patient": 2})


def test_bundles_in_bundles_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    inner = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation","id":"b"}}]}'
    file.write_text(
        '\ufeff{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a"}},'
        f'{{"resource":{inner}}}]}}'
    )
    assert [one["id"] for one in read_records(file, ReadCounts())] == ["a", "b"]


def test_gzipped_files_are_read_and_other_files_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with gzip.open(tmp_path / "sub" / "Patient.ndjson.gz", "wt") as file:
        file.write('{"resourceType":"Patient","id":"z"}\n')
    (tmp_path / "notes.txt").write_text("{}")
    (tmp_path / "a.json").write_text('{"resourceType":"Patient","id":"a"}')
    files = record_files(tmp_path)
    assert [path.name for path in files] == ["a.json", "Patient.ndjson.gz"]
    assert [one["id"] for path in files for one in read_records(path, ReadCounts())] == ["a", "z"]
