"""Audit rows, cards, feedback and token ids.

Databases made before there were migrations have these tables already; they are taken over as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NAME = sa.String(255)
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create what is not there yet."""
    op.create_table(
        "audit",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("time", _INSTANT, nullable=False),
        sa.Column("client", _NAME, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("service_id", _NAME, nullable=False),
        sa.Column("hook", _NAME, nullable=False),
        sa.Column("hook_instance", _NAME, nullable=False),
        sa.Column("patient_hmac", sa.String(64), nullable=False),
        sa.Column("outcome", _NAME, nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False, comment="topic → indicator"),
        sa.Column("cards", sa.JSON(), nullable=False, comment="card uuid → topic"),
        sa.Column("knowledge_hash", _NAME, nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False, comment="what was looked up → where it came from"),
        sa.Column("fhir_requests", sa.Integer(), nullable=False),
        sa.Column("fhir_ms", sa.Double(), nullable=False),
        sa.Column("total_ms", sa.Double(), nullable=False),
        sa.Column("chain", sa.String(36), nullable=False, comment="hash chain, one per worker process"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("chain", "position", name="uq_audit_chain_position"),
        if_not_exists=True,
    )
    op.create_index("ix_audit_time", "audit", ["time"], if_not_exists=True)
    op.create_table(
        "card",
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("client", _NAME, nullable=False),
        sa.Column("service_id", _NAME, nullable=False),
        sa.Column("topic", _NAME, nullable=False),
        sa.Column("indicator", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("uuid", name="pk_card"),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name="fk_card_audit_id", ondelete="CASCADE"),
        if_not_exists=True,
    )
    op.create_index("ix_card_audit_id", "card", ["audit_id"], if_not_exists=True)
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(64), nullable=False, comment="hash of the content: the same report twice is one row"),
        sa.Column("received", _INSTANT, nullable=False),
        sa.Column("client", _NAME, nullable=False),
        sa.Column("service_id", _NAME, nullable=False),
        sa.Column("card", _NAME, nullable=False),
        sa.Column("topic", _NAME, nullable=False, comment="empty while the card is not known"),
        sa.Column("outcome", _NAME, nullable=False),
        sa.Column("outcome_time", _INSTANT, nullable=False),
        sa.Column("accepted_suggestions", sa.JSON(), nullable=False),
        sa.Column("reason_code", _NAME, nullable=False),
        sa.Column("reason_system", _NAME, nullable=False),
        sa.Column("reason_display", _NAME, nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        if_not_exists=True,
    )
    op.create_index("ix_feedback_card", "feedback", ["card"], if_not_exists=True)
    op.create_index("ix_feedback_received", "feedback", ["received"], if_not_exists=True)
    op.create_table(
        "jti",
        sa.Column("issuer", sa.String(2048), nullable=False),
        sa.Column("jti", _NAME, nullable=False),
        sa.Column("expires", _INSTANT, nullable=False),
        sa.UniqueConstraint("issuer", "jti", name="uq_jti_issuer_jti"),
        if_not_exists=True,
    )
    op.create_index("ix_jti_expires", "jti", ["expires"], if_not_exists=True)
