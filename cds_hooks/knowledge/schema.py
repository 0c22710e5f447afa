"""Shape of the clinical files: figures, regimens, topics with their wording, orderable tests, override reasons."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from cds_hooks.knowledge.terminology import Code, Text

Operator = Literal["<", "<=", ">", ">=", "="]
Strength = Literal["label", "guideline", "expert", "design"]
IndicatorName = Literal["info", "warning", "critical"]
StatementId = Annotated[str, Meta(pattern=r"^S-\d\d$")]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """A document that figures and statements are taken from; this project's own design has no address."""

    title: Text
    revision: Text
    url: Annotated[str, Meta(pattern=r"^https?://")] | None = None


class DocumentFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/sources.yaml`."""

    documents: dict[Text, Document]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where something stands: a document of `sources.yaml` and the section in it."""

    document: Text
    section: Text


class Figure(Struct, frozen=True, forbid_unknown_fields=True):
    """One number of the knowledge.

    `strength` says what kind of source it has: the label, a guideline, an expert recommendation, or a choice of
    this project's design. `verified: false` means that nobody has yet held it against the current US label.
    """

    meaning: Text
    value: float
    unit: Text
    operator: Operator
    source: Source
    strength: Strength
    verified: bool
    statements: tuple[StatementId, ...] = ()

    def holds(self, quantity: float) -> bool:
        """Return whether `quantity` (in the figure's unit) satisfies the figure: `quantity operator value`."""
        return _COMPARE[self.operator](quantity, self.value)

    def __str__(self) -> str:
        return f"{self.operator} {self.value:,g} {self.unit}".strip()


class FigureFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/figures/*.yaml`."""

    figures: dict[Text, Figure]


class CreatinineClearanceBand(Struct, frozen=True, forbid_unknown_fields=True):
    """A band of the renal dose table: `low <= CrCl < high` in mL/min, compared unrounded; a missing bound is open."""

    name: Text
    source: Source
    verified: bool
    low: float | None = None
    high: float | None = None

    def contains(self, creatinine_clearance: float) -> bool:
        """Return whether a creatinine clearance (mL/min) lies in the band."""
        return (self.low is None or creatinine_clearance >= self.low) and (
            self.high is None or creatinine_clearance < self.high
        )


class LaterDose(Struct, frozen=True, forbid_unknown_fields=True):
    """A higher dose the label allows in the same band once so many cycles are completed and tolerated."""

    after_cycles: Annotated[int, Meta(ge=1)]
    average_mg_per_day: Annotated[float, Meta(gt=0)]
    regimen: Text
    source: Source
    verified: bool


class LabelDose(Struct, frozen=True, forbid_unknown_fields=True):
    """A dose of the label for one band: the average per treatment day, and the words of the regimen.

    One administration is `single_mg` every `every_days` days.
    """

    average_mg_per_day: Annotated[float, Meta(gt=0)]
    regimen: Text
    source: Source
    verified: bool
    every_days: Literal[1, 2] = 1
    later: LaterDose | None = None

    @property
    def single_mg(self) -> float:
        """Amount of one administration, mg."""
        return self.average_mg_per_day * self.every_days


class CountSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """How often blood counts are due from `from_day` (inclusive) to `to_day` (exclusive) of therapy; day 0 = start."""

    from_day: int
    max_age_days: int
    source: Source
    verified: bool
    to_day: int | None = None


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """What the label says for one indication and regimen.

    `days_on` of `cycle_days` is the treatment phase. `doses` maps band name (and `dialysis`) to the table dose;
    `maximum` is the labelled dose of the indication and `maximum_after_cycles` a higher one later on.
    """

    name: Text
    conditions: tuple[Text, ...]
    days_on: int
    cycle_days: int
    maximum: Figure
    doses: dict[Text, LabelDose]
    count_schedule: tuple[CountSchedule, ...]
    source: Source
    maximum_later: Figure | None = None
    maximum_later_after_cycles: int = 0


class RegimenFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/regimens.yaml`."""

    bands: dict[Text, CreatinineClearanceBand]
    profiles: dict[Text, Profile]
    unknown_profile: Profile


class Variant(Struct, frozen=True, forbid_unknown_fields=True):
    """One wording of a topic. `summary` and `detail` hold `{placeholders}` that the rule fills.

    `suppresses` names topics this very wording makes unnecessary, beside those of the whole topic.
    """

    indicator: IndicatorName
    summary: Text
    detail: Text
    options: tuple[Text, ...] = ()
    suppresses: tuple[Text, ...] = ()


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """A topic of the order check: what its card says, where that comes from, what it makes unnecessary."""

    title: Text
    guidance: Source
    strength: Strength
    statements: tuple[StatementId, ...]
    variants: dict[Text, Variant]
    suppresses: tuple[Text, ...] = ()
    override_reasons: tuple[Text, ...] = ()
    limits: str = ""


class TopicFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/topics/*.yaml`."""

    topics: dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,100}$")], Topic]


class Orderable(Struct, frozen=True, forbid_unknown_fields=True):
    """A test that a card may suggest to order."""

    label: Text
    description: Text
    LOINC: tuple[Code, ...] = ()
    SNOMED: tuple[Code, ...] = ()


class OrderableMedication(Struct, frozen=True, forbid_unknown_fields=True):
    """A medication order that a card may offer as one choice among others, never as a recommendation of its own.

    `single_mg` once daily by `route`; `drug` is a key of `drugs/*.yaml`, `RxNorm` the product.
    """

    label: Text
    description: Text
    drug: Text
    product: Text
    single_mg: Annotated[float, Meta(gt=0)]
    route: Text
    directions: Text
    RxNorm: tuple[Code, ...]


class OrderableFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/orderables.yaml`."""

    orderables: dict[Text, Orderable]
    medications: dict[Text, OrderableMedication] = {}


class OverrideReason(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason a clinician may give for going on, and its HL7 non-adherence code."""

    display: Text
    non_adherence_code: Text


class OverrideReasonFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/override_reasons.yaml`."""

    system: Annotated[str, Meta(pattern=r"^(https?://|urn:)")]
    topic_system: Annotated[str, Meta(pattern=r"^(https?://|urn:)")]
    non_adherence_system: Annotated[str, Meta(pattern=r"^(https?://|urn:)")]
    common: tuple[Text, ...]
    reasons: dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,100}$")], OverrideReason]


class Counselling(Struct, frozen=True, forbid_unknown_fields=True):
    """One reminder of the counselling card; `when` names the condition under which it is shown."""

    when: Text
    text: Text
    source: Source
    verified: bool
    statements: tuple[StatementId, ...] = ()


class CounsellingFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/counselling.yaml`."""

    lines: dict[Text, Counselling]


class StatementBasis(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a statement is told that no data can check: words in the wording of a topic."""

    topic: Text
    says: Text


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """One statement of the label's safety information, in own words.

    Topics, figures and counselling lines name the statements they rest on. `basis` is for a statement that only stands
    behind a card; `reference_only` is the reason why no order depends on it.
    """

    text: Text
    source: Source
    basis: StatementBasis | None = None
    reference_only: str = ""


class StatementFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/statements.yaml`."""

    statements: dict[StatementId, Statement]


class Phrases(Struct, frozen=True, forbid_unknown_fields=True):
    """Words that every card shares: headings, the states of a laboratory value, closing sentences."""

    headings: dict[Text, Text]
    states: dict[Text, Text]
    problems: dict[Text, Text]
    sentences: dict[Text, Text]


class PhraseFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/phrases.yaml`."""

    phrases: Phrases
