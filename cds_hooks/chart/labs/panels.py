"""Observations among each other: versions of the same one, and panels with their members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_number, as_text, reference_id
from cds_hooks.chart.when import parse_when

_LIFE = ("registered", "preliminary", "final", "appended", "amended", "corrected", "cancelled", "entered-in-error")


def current_versions(observations: Iterable[Any]) -> dict[str, Resource]:
    """Return each Observation once, under its reference; those without an id under a made-up key.

    The same resource may come from a prefetch and from a search. Of two versions the later one counts: by
    `meta.lastUpdated`, `meta.versionId`, issue, and stage of life, so that a withdrawal is never undone by an old copy.
    """
    kept: dict[str, Resource] = {}
    for position, observation in enumerate(observations):
        if as_mapping(observation).get("resourceType") != "Observation":
            continue
        identity = as_text(observation.get("id"))
        key = f"Observation/{identity}" if identity else f"#{position}"
        other = kept.get(key)
        if other is None or (other is not observation and _version(observation) > _version(other)):
            kept[key] = observation
    return kept


def _version(observation: Resource) -> tuple[Any, ...]:
    meta = as_mapping(observation.get("meta"))
    updated, issued = parse_when(meta.get("lastUpdated")), parse_when(observation.get("issued"))
    status = as_text(observation.get("status"))
    quantity = as_mapping(observation.get("valueQuantity"))
    return (
        updated.start.timestamp() if updated else float("-inf"),
        as_number(meta.get("versionId")) or 0.0,
        issued.start.timestamp() if issued else float("-inf"),
        _LIFE.index(status) if status in _LIFE else -1,
        # Two different copies of one version should not exist; the rest only makes the choice repeatable.
        as_number(quantity.get("value")) or 0.0,
        as_text(quantity.get("unit")),
        as_text(observation.get("valueString")),
        as_text(observation.get("effectiveDateTime")),
    )


class Panels:
    """Which panels an Observation is a member of (`hasMember`; `related` of type has-member in DSTU2 and STU3)."""

    def __init__(self, observations: Mapping[str, Resource]) -> None:
        """Build the look-up from Observations by reference."""
        self._above: dict[str, list[str]] = {}
        self._observations = observations
        for reference, observation in observations.items():
            for member in _members(observation):
                self._above.setdefault(member, []).append(reference)

    def above(self, reference: str) -> Iterator[list[Resource]]:
        """Yield the panels an Observation is a member of, then the panels those are members of, and so on."""
        seen, level = {reference}, {reference}
        while level := {panel for member in level for panel in self._above.get(member, ())} - seen:
            seen.update(level)
            yield [self._observations[panel] for panel in level]


def has_members(observation: Resource) -> bool:
    """Whether the Observation is a panel: its members, components or contained Observations carry the values."""
    return bool(
        observation.get("component")
        or next(_members(observation), None)
        or any(as_mapping(one).get("resourceType") == "Observation" for one in as_list(observation.get("contained")))
    )


def _members(observation: Resource) -> Iterator[str]:
    if "hasMember" not in observation and "related" not in observation:
        return
    for member in as_list(observation.get("hasMember")):
        if identity := reference_id(member, "Observation"):
            yield f"Observation/{identity}"
    for related in map(as_mapping, as_list(observation.get("related"))):
        if related.get("type") == "has-member" and (identity := reference_id(related.get("target"), "Observation")):
            yield f"Observation/{identity}"
