"""Calls and answers of clinicians for the tests of the console, written through the real store."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from cds_hooks.protocol.feedback import FeedbackItem
from service.store.audit import AuditRow
from service.wiring import Services
from tests import planted

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SERVICE = "lenalidomide-order-sign"
COMMENT = f"{planted.GIVEN} {planted.FAMILY} does not want it"
FORMULA = "=HYPERLINK(1)"


def identifier(name: str) -> str:
    """Return the id of a planted call or card."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def plant_calls(services: Services, calls: int = 60) -> None:
    """Record calls of two clients, one every six hours up to now, with cards and answers."""
    for number in range(calls):
        time = NOW - timedelta(hours=6 * number)
        client = "mercy" if number % 5 == 4 else "st-elsewhere"
        topics = {"neutropenia": "critical", "counselling": "info"} if number % 3 else {}
        sources = {"patient": "prefetch", "bloodCounts": "fhir"}
        if number % 7 == 6:
            topics["checkIncomplete"] = "warning"
            sources["bloodCounts"] = "timeout"
        cards = {identifier(f"{number} {topic}"): topic for topic in topics}
        services.audit.record(
            AuditRow(
                id=identifier(f"call {number}"),
                time=time,
                client=client,
                tenant=FORMULA if number == 1 else "",
                service_id=SERVICE,
                hook="order-sign",
                hook_instance=identifier(f"hook {number}"),
                patient_hmac=services.audit.pseudonym(client, planted.PATIENT_ID),
                outcome="cards" if cards else "no-cards",
                topics=topics,
                cards=cards,
                knowledge_hash=services.order_check.reader.knowledge.hash,
                sources=sources,
                fhir_requests=1,
                fhir_ms=8.0,
                total_ms=10.0 + number,
                rules={
                    "neutropenia": {"result": "shown", "variant": "hold", "absent": ["procedures"]},
                    "renalDose": {"result": "notEvaluable", "missing": ["chemistry"]},
                    "lactation": "passed",
                    "hepatotoxicity": {"result": "error", "error": "ZeroDivisionError"},
                },
                version="1.2.3",
            ),
            limit_s=20,
        )
        if cards and number % 2:
            card = identifier(f"{number} {next(iter(topics))}")
            answer = FeedbackItem(card=card, outcome="accepted", outcome_time=time)
            if number % 4 == 1:
                answer = FeedbackItem(
                    card=card, outcome="overridden", outcome_time=time, reason_code="trialProtocol", comment=COMMENT
                )
            services.feedback.record(client, SERVICE, [answer], time)
    assert not services.store.backlog.spool.waiting
