"""The tables. Nothing here names a patient: the patient id is stored as a keyed hash only.

What is changed here needs a step in `service.store.migrations`; a test tells when one is missing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

NAME_LENGTH = 255
"""Longest text taken from outside into a name column."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. SQLite drops the zone, so everything is stored in UTC and comes back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC on the way in."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Add the zone that SQLite dropped on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("time", UtcDateTime, nullable=False, index=True),
    Column("client", String(NAME_LENGTH), nullable=False),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("service_id", String(NAME_LENGTH), nullable=False),
    Column("hook", String(NAME_LENGTH), nullable=False),
    Column("hook_instance", String(NAME_LENGTH), nullable=False),
    Column("patient_hmac", String(64), nullable=False),
    Column("outcome", String(NAME_LENGTH), nullable=False),
    Column("topics", JSON, nullable=False, comment="topic → indicator"),
    Column("cards", JSON, nullable=False, comment="card uuid → topic"),
    Column("knowledge_hash", String(NAME_LENGTH), nullable=False),
    Column("sources", JSON, nullable=False, comment="what was looked up → where it came from"),
    Column("fhir_requests", Integer, nullable=False),
    Column("fhir_ms", Double, nullable=False),
    Column("total_ms", Double, nullable=False),
    Column("chain", String(36), nullable=False, comment="hash chain, one per worker process"),
    Column("position", BigInteger, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("rules", JSON(none_as_null=True), comment="topic → what its rule answered"),
    Column("version", String(NAME_LENGTH), comment="of the program"),
    UniqueConstraint("chain", "position"),
    # Rows are long; counts over a period are made from this index alone.
    Index(
        "ix_audit_usage",
        *("time", "client", "service_id", "hook", "outcome", "total_ms", "fhir_ms", "fhir_requests", "id"),
    ),
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("chain", String(36), primary_key=True),
    Column("head", BigInteger, nullable=False, comment="the youngest row"),
    Column("head_seal", String(64), nullable=False),
    Column("floor", BigInteger, nullable=False, comment="rows below were deleted when they were old"),
    Column("floor_seal", String(64), nullable=False),
)

card = Table(
    "card",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("audit_id", String(36), ForeignKey("audit.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("client", String(NAME_LENGTH), nullable=False),
    Column("service_id", String(NAME_LENGTH), nullable=False),
    Column("topic", String(NAME_LENGTH), nullable=False),
    Column("indicator", String(NAME_LENGTH), nullable=False),
    Index("ix_card_usage", "audit_id", "topic", "indicator", "uuid", "client"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True, comment="hash of the content: the same report twice is one row"),
    Column("received", UtcDateTime, nullable=False, index=True),
    Column("client", String(NAME_LENGTH), nullable=False),
    Column("service_id", String(NAME_LENGTH), nullable=False),
    Column("card", String(NAME_LENGTH), nullable=False, index=True),
    Column("topic", String(NAME_LENGTH), nullable=False, comment="empty while the card is not known"),
    Column("outcome", String(NAME_LENGTH), nullable=False),
    Column("outcome_time", UtcDateTime, nullable=False),
    Column("accepted_suggestions", JSON, nullable=False),
    Column("reason_code", String(NAME_LENGTH), nullable=False),
    Column("reason_system", String(NAME_LENGTH), nullable=False),
    Column("reason_display", String(NAME_LENGTH), nullable=False),
    Column("comment", Text, nullable=False),
    Column(
        "reason", String(NAME_LENGTH), nullable=False, server_default=text("''"), comment="reason_code in our words"
    ),
    Index("ix_feedback_usage", "card", "client", "outcome", "reason"),
)

jti = Table(
    "jti",
    metadata,
    Column("issuer", String(2048), nullable=False),
    Column("jti", String(NAME_LENGTH), nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    UniqueConstraint("issuer", "jti"),
    Index(None, "expires"),
)

job = Table(
    "job",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("result", String(NAME_LENGTH), nullable=False, server_default=text("''")),
)
