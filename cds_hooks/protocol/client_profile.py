"""What an EHR can show and do: a client profile is data, not code (`client_profiles.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct


class ClientProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Abilities of a CDS client.

    Attributes:
        name: profile name as configured.
        about: which clients it is for, and why it is as it is.
        selection_behavior: the `selectionBehavior` it understands.
        medication_create: whether it can apply a `create` of a MedicationRequest, not only of a test.
        create_by_own_codes: whether it finds what to create by its own codes alone; nothing else is suggested then.
        medication_update: whether it can apply an `update` of a MedicationRequest; without it dose advice is text.
        medication_delete: whether it can apply a `delete` of a draft.
    """

    name: str
    about: str
    selection_behavior: Literal["any", "at-most-one"]
    medication_create: bool
    create_by_own_codes: bool
    medication_update: bool
    medication_delete: bool


def read_profiles(text: str) -> Mapping[str, ClientProfile]:
    """Read profiles.

    Args:
        text: YAML; name → abilities, every one of them stated.

    Raises:
        ValueError: an ability is missing, unknown or mistyped.
    """
    document = msgspec.convert(yaml.safe_load(text), dict[str, dict[str, Any]])
    return MappingProxyType(
        {name: msgspec.convert({"name": name, **abilities}, ClientProfile) for name, abilities in document.items()}
    )


PROFILES = read_profiles(
    resources.files("cds_hooks.protocol").joinpath("client_profiles.yaml").read_text(encoding="utf-8")
)
"""The profiles a client may be configured with, by name."""


@dataclass(frozen=True, slots=True)
class CardOptions:
    """What one configured client wants of its cards.

    Attributes:
        profile: what its EHR can do.
        override_code_map: our override reason code → (system, code) its site has released; "" keeps our system.
        action_code_map: our orderable key → (system, code) its EHR knows the test by.
        disabled_topics: topics it gets no cards for.
        fhir_version: version of FHIR in which it reads the orders it is told to create.
    """

    profile: ClientProfile = PROFILES["generic"]
    override_code_map: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    action_code_map: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    disabled_topics: frozenset[str] = frozenset()
    fhir_version: Literal["R4", "R4B", "R5", "STU3", "DSTU2"] = "R4"
