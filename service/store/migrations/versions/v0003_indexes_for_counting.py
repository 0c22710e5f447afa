"""Indexes from which calls, cards and answers of a period are counted without reading the rows themselves."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_COUNTED = ["time", "client", "service_id", "hook", "outcome", "total_ms", "fhir_ms", "fhir_requests", "id"]


def upgrade() -> None:
    """Add indexes. Those that begin with the same column stay for the version before."""
    op.create_index("ix_audit_usage", "audit", _COUNTED)
    op.create_index("ix_card_usage", "card", ["audit_id", "topic", "indicator", "uuid", "client"])
    op.create_index("ix_feedback_usage", "feedback", ["card", "client", "outcome", "reason"])
