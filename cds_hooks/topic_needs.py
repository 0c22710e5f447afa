"""Which data each topic rests on: so that an EHR analyst can see what is lost with a key that is not prefetched."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import msgspec
import yaml

from cds_hooks.data_needs import MEDICATION_NEEDS

_ALL_MEDICATIONS = "medications"


@cache
def topic_needs() -> Mapping[str, frozenset[str]]:
    """Return topic → keys of the data needs its rule may look at."""
    text = resources.files("cds_hooks.rules").joinpath("topic_needs.yaml").read_text(encoding="utf-8")
    table = msgspec.convert(yaml.safe_load(text), dict[str, tuple[str, ...]])
    return MappingProxyType({topic: frozenset(_expanded(keys)) for topic, keys in table.items()})


def _expanded(keys: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(key for key in keys if key != _ALL_MEDICATIONS)
    return kept if len(kept) == len(keys) else (*kept, *MEDICATION_NEEDS)
