"""What a patient file may contain. Unknown keys are refused, so that a misspelt one cannot go unnoticed.

Names of tests, drugs, diseases and procedures are those of `catalogue.yaml`; dates are relative (see the package).
"""

from typing import Any, Literal

import msgspec


class ExpectedTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card that the service must show for this patient: its topic code and indicator."""

    topic: str
    indicator: Literal["info", "warning", "critical"]


class ConditionLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An active problem since `onset`; `systems` picks some of its codes, all if empty."""

    what: str
    onset: str
    systems: tuple[str, ...] = ()


class ProcedureLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A procedure and the day it was done."""

    what: str
    date: str


class ResultLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured at one time.

    A value is a number in the usual unit of the test, `positive` or `negative`, or a mapping that is itself a FHIR
    Quantity, for units and comparators as some laboratory sends them.
    """

    at: str
    values: dict[str, int | float | Literal["positive", "negative"] | dict[str, Any]]


class OrderLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A medication order as a MedicationRequest.

    `dose` is per administration ("25 mg"), `amount` the same in capsules or tablets ("1 capsule"), `every` the
    interval ("1 d", "2 d", "1 wk"), `days` the days of treatment in a cycle. `quantity`, `supply_days` and `refills`
    describe the dispensing; `reason` is a disease.
    """

    drug: str
    sig: str | None = None
    dose: str | None = None
    amount: str | None = None
    every: str | None = None
    days: int | None = None
    quantity: int | None = None
    supply_days: int | None = None
    refills: int | None = None
    reason: str | None = None


class PrescriptionLine(OrderLine, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Orders of the past, one for each date: the last is active, those before it are completed."""

    authored: tuple[str, ...]


class TakingLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A drug the patient is known to take, as a MedicationStatement."""

    drug: str
    since: str
    sig: str


class GivenLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A drug given in the clinic, as MedicationAdministrations."""

    drug: str
    at: tuple[str, ...]
    dose: str


class PatientFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An invented patient.

    `story` tells who it is and `point` what the case shows. `expected_topics` must appear as cards,
    `unexpected_topics` must not; with `only_expected` no other card may appear at all.
    `shape: epic` writes ids, medications and doses in the way of that vendor.
    `resources` and `draft_resources` are plain FHIR, for all that the lines cannot say.
    """

    id: str
    name: str
    gender: Literal["male", "female", "other", "unknown"]
    birth_date: str
    story: str
    point: str
    hook: Literal["order-sign", "order-select"] = "order-sign"
    shape: Literal["plain", "epic"] = "plain"
    expected_topics: tuple[ExpectedTopic, ...]
    unexpected_topics: tuple[str, ...] = ()
    only_expected: bool = False
    conditions: tuple[ConditionLine, ...] = ()
    procedures: tuple[ProcedureLine, ...] = ()
    results: tuple[ResultLine, ...] = ()
    prescriptions: tuple[PrescriptionLine, ...] = ()
    taking: tuple[TakingLine, ...] = ()
    given: tuple[GivenLine, ...] = ()
    resources: tuple[dict[str, Any], ...] = ()
    draft_orders: tuple[OrderLine, ...] = ()
    draft_resources: tuple[dict[str, Any], ...] = ()


def read_patient_file(text: bytes) -> PatientFile:
    """Return the patient a YAML file describes.

    Raises:
        msgspec.DecodeError: the text is no YAML or no such file; the message names the place.
    """
    return msgspec.yaml.decode(text, type=PatientFile)
