"""The judged signings as Parquet, for analyses of one's own. Needs the extra `backtest`.

The file names orders and clinicians as the records do: it is to be kept like the records themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from service.backtest.judge import Judged

_BATCH = 20_000


class ParquetFile:
    """Writes one row for each signing, and within it one element for each card.

    Args:
        path: file to write; replaced when it exists.

    Raises:
        ImportError: pyarrow is not installed.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow  # noqa: PLC0415  an extra
        import pyarrow.parquet  # noqa: PLC0415

        cards = pyarrow.list_(pyarrow.struct([("topic", pyarrow.string()), ("indicator", pyarrow.string())]))
        self._pyarrow = pyarrow
        self._schema = pyarrow.schema(
            [
                pyarrow.field("time", pyarrow.timestamp("us", tz="UTC"), nullable=False),
                pyarrow.field("clinician", pyarrow.string()),
                pyarrow.field("orders", pyarrow.list_(pyarrow.string()), nullable=False),
                pyarrow.field("outcome", pyarrow.string(), nullable=False),
                pyarrow.field("cards", cards, nullable=False),
                pyarrow.field("cards_against", cards),
            ]
        )
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._flush()
        self._writer.close()

    def passing(self, judged: Iterable[Judged]) -> Iterator[Judged]:
        """Write signings and pass them on."""
        for one in judged:
            self._rows.append(
                {
                    "time": one.time,
                    "clinician": one.clinician or None,
                    "orders": list(one.orders),
                    "outcome": one.outcome,
                    "cards": _cards(one.topics.items()),
                    "cards_against": None if one.against is None else _cards(one.against.items()),
                }
            )
            if len(self._rows) >= _BATCH:
                self._flush()
            yield one

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._pyarrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


def _cards(topics: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"topic": topic, "indicator": indicator} for topic, indicator in topics]
