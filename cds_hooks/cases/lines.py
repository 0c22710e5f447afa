"""The shape of the case files: which keys there are, and what may stand under them.

A key that is not listed here is refused, so a slip of the pen cannot turn a case into a weaker one.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from cds_hooks.cases.moment import PhraseError
from cds_hooks.cases.pieces import CODE_SYSTEMS, NUMBER, parse_amount, parse_every
from cds_hooks.chart.when import parse_when
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.terminology import Text

Hook = Literal["order-sign", "order-select"]
Positive = Annotated[float, Meta(gt=0)]
_DAYS_ON = re.compile(r"(?P<first>\d+)-(?P<last>\d+) of (?P<cycle>\d+)")


Race = Literal["asian", "pacific islander", "black", "white", "american indian", "other", "unknown"]
"""US Core race; two of them stand for a person who gave two."""


class PatientLines(Struct, frozen=True, forbid_unknown_fields=True):
    """`patient:`. Give `age` in completed years, or `birth_date`; `race: [asian]` as US Core records it."""

    sex: Literal["female", "male", "other", "unknown", "missing", ""] = ""
    age: Annotated[int, Meta(ge=0, le=130)] | Literal["missing"] | None = None
    birth_date: str = ""
    sex_for_clinical_use: Literal["female", "male", "specified", "unknown", ""] = ""
    birth_sex: Literal["female", "male", "unknown", ""] = ""
    race: tuple[Race, ...] = ()

    def __post_init__(self) -> None:
        if self.age is not None and self.birth_date:
            raise PhraseError("give age or birth_date, not both")
        if self.birth_date and parse_when(self.birth_date) is None:
            raise PhraseError(f"birth_date {self.birth_date!r} is not YYYY-MM-DD, YYYY-MM or YYYY")

    def over(self, base: PatientLines) -> PatientLines:
        """Return what stands here, the rest taken from `base`."""
        has_age = self.age is not None or bool(self.birth_date)
        return PatientLines(
            sex=self.sex or base.sex,
            age=self.age if has_age else base.age,
            birth_date=self.birth_date if has_age else base.birth_date,
            sex_for_clinical_use=self.sex_for_clinical_use or base.sex_for_clinical_use,
            birth_sex=self.birth_sex or base.birth_sex,
            race=self.race or base.race,
        )


class OrderLines(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `orders:`, a draft that is about to be signed. Exactly one of drug, code and text names the drug.

    `reference` says that the draft only points to a Medication: contained in it, beside it in the draft Bundle, or
    nowhere to be found (`missing`, with the drug's name as display text: `named`).
    """

    drug: str = ""
    code: str = ""
    text: str = ""
    reference: Literal["contained", "beside", "missing", "named", ""] = ""
    strength: str = ""
    dose: str = ""
    every: str = ""
    times: Annotated[int, Meta(ge=1)] = 1
    for_days: Annotated[int, Meta(ge=1)] | None = None
    sig: str = ""
    days_on: str = ""
    continuous: bool = False
    route: str = ""
    reason: str = ""
    reason_text: str = ""
    supply_days: Positive | None = None
    quantity: Positive | None = None
    refills: Annotated[int, Meta(ge=0)] | None = None
    status: Text = "draft"
    selected: bool = True
    patient: Literal["other", ""] = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.drug, self.code, self.text))) != 1:
            raise PhraseError("an order needs exactly one of drug, code and text")
        if self.code and not re.fullmatch(rf"(?:{'|'.join(CODE_SYSTEMS)}) \S+", self.code):
            raise PhraseError(f'code {self.code!r} is not like "RxNorm 643720"')
        if self.strength and not re.fullmatch(rf"{NUMBER} mg", self.strength):
            raise PhraseError(f'strength {self.strength!r} is not like "25 mg"')
        if self.strength and not self.drug:
            raise PhraseError("a strength goes with a drug; a code or a text has its own")
        if self.dose:
            parse_amount(self.dose)
        if self.every:
            parse_every(self.every)
        if self.days_on and not _DAYS_ON.fullmatch(self.days_on):
            raise PhraseError(f'days_on {self.days_on!r} is not like "1-21 of 28"')
        if sum(map(bool, (self.days_on, self.continuous, self.sig))) > 1:
            raise PhraseError("days_on and continuous are short for a sig; give one of the three")

    @property
    def instructions(self) -> str:
        """The text of the dosage instruction: the sig, or what `days_on` or `continuous` are short for."""
        if self.sig or not (self.days_on or self.continuous):
            return self.sig
        often = f"{f'{self.times} times ' if self.times > 1 else ''}every {self.every or 'day'}"
        days = f"on days {self.days_on}-day cycle" if self.days_on else "without rest days"
        return " ".join(filter(None, ("Take", self.dose, often.replace("every day", "daily"), days)))


class ChartLines(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a case and a base chart have in common: everything about the patient and the orders.

    On top of a base chart, `patient` and `labs` replace what they name, `orders` replaces all orders, and the other
    lists add to those of the base. `without` takes out sections, analytes, drugs or code sets of the base.
    `unavailable` names data needs that could not be looked up, `incomplete` those looked up in part.
    """

    based_on: str = ""
    patient: PatientLines = PatientLines()
    orders: tuple[OrderLines, ...] | None = None
    medications: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    labs: dict[str, str | tuple[str, ...]] = {}
    without: tuple[str, ...] = ()
    unavailable: dict[str, Text] = {}
    incomplete: dict[str, Text] = {}


class BaseChartLines(ChartLines, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `base_charts.yaml`; `about` says in a sentence who this is."""

    about: Text


class CaseLines(ChartLines, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One case. `expect` names topics with their indicator, and with `only` these are all there may be."""

    case: Text
    vector: str | tuple[str, ...] = ()
    hook: Hook = "order-sign"
    expect: dict[str, Indicator] = {}
    silent: tuple[str, ...] = ()
    only: bool = False
    says: dict[str, Text | tuple[Text, ...]] = {}
    says_not: dict[str, Text | tuple[Text, ...]] = {}

    def __post_init__(self) -> None:
        if not self.expect and not self.silent and not self.only:
            raise PhraseError('a case expects something: expect, silent, or "only: true" for no card at all')
        if both := sorted(self.expect.keys() & set(self.silent)):
            raise PhraseError(f"{both[0]} is both expected and silent")
        if loose := sorted((self.says.keys() | self.says_not.keys()) - self.expect.keys()):
            raise PhraseError(f"says what {loose[0]} says without expecting it")
