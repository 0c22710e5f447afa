"""SQL that the two databases spell differently, and durations as they are counted."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Label, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class utc_day(GenericFunction[str]):  # noqa: N801  the name is that of the SQL function
    """The day of an instant as text, such as 2026-03-01."""

    type = String()
    inherit_cache = True


@compiles(utc_day, "sqlite")
def _day_in_sqlite(element: utc_day, compiler: SQLCompiler, **options: Any) -> str:
    # Instants are stored as text in UTC, the date first; date functions would read each of them anew.
    return f"substr({compiler.process(element.clauses, **options)}, 1, 10)"


@compiles(utc_day, "postgresql")
def _day_in_postgresql(element: utc_day, compiler: SQLCompiler, **options: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **options)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def tenths(milliseconds: ColumnElement[Any]) -> Label[Any]:
    """Return a duration in tenths of a millisecond, rounded: few distinct values, so that percentiles stay cheap."""
    return sqlalchemy.func.round(milliseconds * 10).label("tenths")
