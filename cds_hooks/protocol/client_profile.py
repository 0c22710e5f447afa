"""What an EHR can show and do: a client profile is data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """Abilities of a CDS client.

    Attributes:
        name: profile name as configured.
        selection_behavior: the `selectionBehavior` it understands; `any` is the only one Epic accepts.
        one_action_per_suggestion: whether a suggestion may hold a single action only.
        medication_update: whether it can apply an `update` of a MedicationRequest; without it dose advice is text.
        medication_delete: whether it can apply a `delete` of a draft.
        medication_create: whether it can apply a `create` of a MedicationRequest, not only of a test.
    """

    name: str
    selection_behavior: Literal["any", "at-most-one"] = "any"
    one_action_per_suggestion: bool = True
    medication_update: bool = True
    medication_delete: bool = True
    medication_create: bool = True


PROFILES: Mapping[str, ClientProfile] = {
    "generic": ClientProfile("generic"),
    "epic": ClientProfile("epic", medication_update=False, medication_create=False),
    # The public CDS Hooks sandbox knows one order: what it is told to create takes the place of the draft.
    "sandbox": ClientProfile("sandbox", medication_create=False),
}


@dataclass(frozen=True, slots=True)
class CardOptions:
    """What one configured client wants of its cards.

    Attributes:
        profile: what its EHR can do.
        override_code_map: our override reason code → (system, code) its site has released; "" keeps our system.
        action_code_map: our orderable key → (system, code) its EHR knows the test by.
        disabled_topics: topics it gets no cards for.
    """

    profile: ClientProfile = PROFILES["generic"]
    override_code_map: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    action_code_map: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    disabled_topics: frozenset[str] = frozenset()
