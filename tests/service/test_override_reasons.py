"""Override reasons become words of the knowledge, whatever a client sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, load_knowledge
from cds_hooks.protocol.feedback import FeedbackItem
from service.override_reasons import OverrideReasons


@pytest.fixture(scope="module")
def knowledge() -> Any:
    return load_knowledge(KNOWLEDGE_FOLDER)


@pytest.mark.parametrize(
    ("sent", "ours"),
    [
        ({"reason_code": "doneElsewhere"}, "doneElsewhere"),
        ({"reason_code": "45"}, "specialistAdvice"),
        ({"reason_code": "46"}, "other"),
        ({"reason_display": "Mrs Smith refused"}, "other"),
        ({"comment": "seen"}, "other"),
        ({}, "none"),
        ({"outcome": "accepted", "reason_code": "45"}, ""),
    ],
)
def test_what_a_client_sends(knowledge: Any, make_client: Any, sent: dict[str, str], ours: str) -> None:
    client = make_client(jwks_url="https://x.example.org", override_code_map={"specialistAdvice": {"code": "45"}})
    item = FeedbackItem(
        **{"card": "c", "outcome": "overridden", "outcome_time": datetime(2026, 1, 1, tzinfo=UTC), **sent}
    )
    assert OverrideReasons(knowledge, [client])("st-elsewhere", item) == ours


def test_the_code_of_one_client_means_nothing_to_another(knowledge: Any, make_client: Any) -> None:
    client = make_client(jwks_url="https://x.example.org", override_code_map={"specialistAdvice": {"code": "45"}})
    item = FeedbackItem(card="c", outcome="overridden", outcome_time=datetime(2026, 1, 1, tzinfo=UTC), reason_code="45")
    assert OverrideReasons(knowledge, [client])("mercy", item) == "other"
