"""Calls, cards and answers of clinicians as CSV, row by row as the database gives them.

Free text that clinicians wrote is left out, as it may name a patient; so is the hash of the patient id.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import sqlalchemy
from flask import Blueprint, Response
from sqlalchemy import ColumnElement, Select
from werkzeug.exceptions import NotFound

from service.reports.usage_figures import Period
from service.store.database import Database
from service.store.tables import audit, card, feedback
from service.web.console.period import chosen
from service.wiring import Services

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_ROWS_AT_ONCE = 500


def register_export(blueprint: Blueprint, services: Services) -> None:
    """Add the exports."""

    @blueprint.get("/export/<table>.csv")
    def export(table: str) -> Response:
        if (query_of := _TABLES.get(table)) is None:
            raise NotFound
        choice, now = chosen(), services.clock()
        lines = _lines(services.database, query_of(choice.period(now)))
        # What cannot be read at all is told before the answer begins.
        begun = chain((next(lines),), lines)
        name = f"lencds-{table}-{now:%Y-%m-%d}-{choice.days}-days.csv"
        return Response(
            begun,
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def neutral(value: Any) -> Any:
    """Return a value so that no spreadsheet takes it for a formula; numbers stay numbers."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        value = "; ".join(f"{name}: {item}" for name, item in value.items())
    if isinstance(value, str) and value.lstrip().startswith(_FORMULA):
        return "'" + value
    return value


def _lines(database: Database, query: Select[Any]) -> Iterator[str]:
    with database.reading() as connection:
        rows = connection.execute(query)
        yield _written([rows.keys()])
        for part in rows.partitions(_ROWS_AT_ONCE):
            yield _written([neutral(value) for value in row] for row in part)


def _written(rows: Iterable[Iterable[Any]]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def _calls(period: Period) -> Select[Any]:
    row = audit.c
    columns = (
        *(row.id, row.time, row.client, row.tenant, row.service_id, row.hook, row.hook_instance, row.outcome),
        *(row.topics, row.sources, row.fhir_requests, row.fhir_ms, row.total_ms, row.knowledge_hash, row.version),
    )
    return sqlalchemy.select(*columns).where(*_of_calls(period)).order_by(row.time, row.id)


def _cards(period: Period) -> Select[Any]:
    columns = (audit.c.time, card.c.uuid, card.c.audit_id.label("call"), card.c.client, card.c.service_id)
    query = sqlalchemy.select(*columns, card.c.topic, card.c.indicator).select_from(audit)
    query = query.join(card, card.c.audit_id == audit.c.id)
    return query.where(*_of_calls(period)).order_by(audit.c.time, audit.c.id, card.c.uuid)


def _overrides(period: Period) -> Select[Any]:
    row = feedback.c
    columns = (
        *(row.received, row.outcome_time, row.client, row.service_id, row.card, row.topic, row.outcome, row.reason),
        *(row.reason_code, row.reason_system, row.reason_display),
    )
    return (
        sqlalchemy.select(*columns)
        .where(row.outcome == "overridden", *_within(period, row.received, row.client))
        .order_by(row.received, row.id)
    )


def _of_calls(period: Period) -> list[ColumnElement[bool]]:
    return _within(period, audit.c.time, audit.c.client)


def _within(period: Period, time: ColumnElement[Any], client: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    limits = [time >= period.since, time < period.until]
    return [*limits, client == period.client] if period.client else limits


_TABLES: Mapping[str, Callable[[Period], Select[Any]]] = {"calls": _calls, "cards": _cards, "overrides": _overrides}
