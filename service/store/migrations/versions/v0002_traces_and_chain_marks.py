"""The rule trace and program version of a call, our word for an override reason, the marks of the chains, the jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns that may stay empty in old rows, and two tables."""
    op.add_column("audit", sa.Column("rules", sa.JSON(none_as_null=True), comment="topic → what its rule answered"))
    op.add_column("audit", sa.Column("version", sa.String(255), comment="of the program"))
    op.add_column(
        "feedback",
        sa.Column(
            "reason", sa.String(255), nullable=False, server_default=sa.text("''"), comment="reason_code in our words"
        ),
    )
    op.create_table(
        "audit_chain",
        sa.Column("chain", sa.String(36), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False, comment="the youngest row"),
        sa.Column("head_seal", sa.String(64), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False, comment="rows below were deleted when they were old"),
        sa.Column("floor_seal", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_chain"),
    )
    op.create_table(
        "job",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("started", _INSTANT, nullable=False),
        sa.Column("finished", _INSTANT),
        sa.Column("result", sa.String(255), nullable=False, server_default=sa.text("''")),
        sa.PrimaryKeyConstraint("name", name="pk_job"),
    )
