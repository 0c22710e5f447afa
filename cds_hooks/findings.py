"""What a rule answers: fired with a finding, passed, not applicable, or not evaluable, and the facts it saw."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import TypeAlias

from msgspec import Struct, field

from cds_hooks.chart.fhir import Resource
from cds_hooks.knowledge.schema import Figure, Source


class Indicator(StrEnum):
    """Urgency of a card, in the words of CDS Hooks."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for critical, 1 for warning, 2 for info: the order in which cards are shown."""
        return (Indicator.CRITICAL, Indicator.WARNING, Indicator.INFO).index(self)


class Fact(Struct, frozen=True):
    """One input a rule looked at, as the card lists it.

    Attributes:
        label: what it is ("Creatinine").
        value: value with unit ("1.8 mg/dL"), or words for its absence.
        when: date or time, "" when it has none.
        reference: `Type/id` of the resource, "" when computed or absent.
        note: state or caveat ("preliminary", "older than 14 days", "computed from WBC").
    """

    label: str
    value: str
    when: str = ""
    reference: str = ""
    note: str = ""


class Basis(Struct, frozen=True):
    """A figure or table row a rule used, as the card cites it."""

    meaning: str
    limit: str
    source: Source
    verified: bool


class CreateTest(Struct, frozen=True):
    """Suggest ordering a test; `orderable` is a key of `knowledge/orderables.yaml`."""

    orderable: str


class CreateMedication(Struct, frozen=True):
    """Offer a medication order as one choice; `orderable` is a key of `medications` in `knowledge/orderables.yaml`."""

    orderable: str


class UpdateDose(Struct, frozen=True):
    """Suggest the draft with another dose.

    Attributes:
        order: the draft as received.
        strength_mg: content of one capsule as drafted, None when the order names no strength.
        single_mg: amount of one administration in mg.
        every_days: 1 for daily, 2 for every other day.
        regimen: the dose in words, days of the cycle included.
    """

    order: Resource
    strength_mg: float | None
    single_mg: float
    every_days: int
    regimen: str


class DeleteDraft(Struct, frozen=True):
    """Suggest removing the draft order."""

    order: Resource


Suggestion: TypeAlias = CreateTest | CreateMedication | UpdateDose | DeleteDraft


class Finding(Struct, frozen=True):
    """Something a clinician should know, ready to become one card.

    Attributes:
        topic: code of `topics.md`.
        variant: wording key of the topic in the knowledge.
        values: what the placeholders of the wording stand for.
        facts: the inputs, in reading order.
        basis: the figures that decided.
        suggestions: at most three.
        options: further lines for the list of options.
        indicator: overrides the indicator of the wording.
        absent: data needs (`data_needs`) in which something was looked for and not found, which made it fire; it is
            withheld while one of these could not be looked up.
    """

    topic: str
    variant: str
    values: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    basis: tuple[Basis, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    options: tuple[str, ...] = ()
    indicator: Indicator | None = None
    absent: frozenset[str] = frozenset()


class Status(Enum):
    """How a rule ended."""

    FIRED = "fired"
    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"
    NOT_EVALUABLE = "not evaluable"


class Outcome(Struct, frozen=True):
    """The answer of one rule. `reason` is for the trace that developers and pharmacists read."""

    status: Status
    reason: str
    facts: tuple[Fact, ...] = ()
    finding: Finding | None = None


def fired(finding: Finding, reason: str = "") -> Outcome:
    """Answer that the rule found something."""
    return Outcome(Status.FIRED, reason or finding.variant, finding.facts, finding)


def passed(reason: str, *facts: Fact) -> Outcome:
    """Answer that the rule looked and all is well."""
    return Outcome(Status.PASSED, reason, facts)


def not_applicable(reason: str, *facts: Fact) -> Outcome:
    """Answer that the rule does not concern this order or patient."""
    return Outcome(Status.NOT_APPLICABLE, reason, facts)


def not_evaluable(reason: str, *facts: Fact) -> Outcome:
    """Answer that the chart does not hold what the rule needs, and another topic says so."""
    return Outcome(Status.NOT_EVALUABLE, reason, facts)


def basis_of(figure: Figure) -> Basis:
    """Cite a figure."""
    return Basis(figure.meaning, str(figure), figure.source, figure.verified)
