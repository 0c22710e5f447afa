"""SQL that the two databases spell differently: days in UTC and the members of JSON objects."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Column, ColumnElement, Dialect, Label, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import TableValuedAlias


class utc_day(GenericFunction[str]):  # noqa: N801  the name is that of the SQL function
    """The day of an instant as text, such as 2026-03-01."""

    type = String()
    inherit_cache = True


@compiles(utc_day, "sqlite")
def _day_in_sqlite(element: utc_day, compiler: SQLCompiler, **options: Any) -> str:
    return f"strftime('%Y-%m-%d', {compiler.process(element.clauses, **options)})"


@compiles(utc_day, "postgresql")
def _day_in_postgresql(element: utc_day, compiler: SQLCompiler, **options: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **options)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def members(column: Column[Any], dialect: Dialect) -> TableValuedAlias:
    """Return the members of a JSON object column as a table with the columns `key` and `value`."""
    function = sqlalchemy.func.json_each if dialect.name == "sqlite" else sqlalchemy.func.json_each_text
    return function(column).table_valued("key", "value")


def tenths(milliseconds: ColumnElement[Any]) -> Label[Any]:
    """Return a duration in tenths of a millisecond, rounded: few distinct values, so that percentiles stay cheap."""
    return sqlalchemy.func.round(milliseconds * 10).label("tenths")
