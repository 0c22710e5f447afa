"""Which of our override reasons a client means: it sends our code, its own, or something we did not offer."""

from __future__ import annotations

from collections.abc import Iterable

from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.protocol.feedback import FeedbackItem
from service.auth.clients import Client

NONE = "none"
"""No reason was given."""

OTHER = "other"
"""A reason was given that we did not offer."""


class OverrideReasons:
    """Translates reasons into keys of `knowledge/override_reasons.yaml`; knows no other words than those and two."""

    def __init__(self, knowledge: Knowledge | None, clients: Iterable[Client]) -> None:
        """Prepare the translation.

        Args:
            knowledge: where our reasons are; None in tests of other parts, where every reason is another.
            clients: whose own codes are known.
        """
        self._ours = frozenset(knowledge.override_reasons.reasons) if knowledge is not None else frozenset()
        self._mapped = {
            (client.name, code.code): ours for client in clients for ours, code in client.override_code_map.items()
        }

    def __call__(self, client: str, item: FeedbackItem) -> str:
        """Return the reason of an item: one of ours, `other`, `none`, or "" for a card that was not overridden."""
        if item.outcome != "overridden":
            return ""
        if ours := self._mapped.get((client, item.reason_code)):
            return ours
        if item.reason_code in self._ours:
            return item.reason_code
        return OTHER if item.reason_code or item.reason_display or item.comment else NONE
