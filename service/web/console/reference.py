"""What the service answers for: the duties of CDS Hooks, the statements of the label, and the prefetch sheet."""

from __future__ import annotations

from flask import Blueprint, Response

from cds_hooks.coverage import coverage
from cds_hooks.protocol.conformance import duties
from cds_hooks.protocol.services import SERVICES
from service.reports.conformance_table import recorded_tests
from service.reports.coverage_table import otherwise
from service.reports.prefetch_sheet import prefetch_rows
from service.web.console.cases import cases
from service.web.observed import callers_of
from service.web.pages.rendering import page
from service.wiring import Services


def register_reference(blueprint: Blueprint, services: Services) -> None:
    """Add the pages."""
    reader = services.order_check.reader

    @blueprint.get("/conformance")
    def conformance() -> Response:
        rows = [row for area in duties() for row in area.rows]
        aside = sum(bool(row.not_applicable) for row in rows)
        return page(
            "console/conformance.html", areas=duties(), tests=recorded_tests(), shown=len(rows) - aside, aside=aside
        )

    @blueprint.get("/coverage")
    def label_coverage() -> Response:
        rows = coverage(reader.knowledge, cases())
        return page(
            "console/coverage.html", rows=rows, otherwise=otherwise, knowledge=reader.knowledge, cases=len(cases())
        )

    @blueprint.get("/prefetch")
    def prefetch() -> Response:
        aliases = {client.name: client.prefetch_aliases for client in callers_of(services.settings)}
        return page(
            "console/prefetch.html",
            rows=prefetch_rows(reader),
            aliases=aliases,
            hooks=SERVICES.values(),
            base=services.settings.base_url,
        )
