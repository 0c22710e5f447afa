"""Shape of the terminology files: drugs, code sets, analytes and their units."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1)]
SystemName = Literal["RxNorm", "NDC", "ATC", "SNOMED", "LOINC", "ICD10CM"]


class Code(Struct, frozen=True, forbid_unknown_fields=True):
    """One code of a public code system.

    `verified` is true when the code and a matching name stood together in a public source; a code that is not
    verified is kept for reference and never matched.
    """

    code: Text
    display: Text
    source: Text
    verified: bool = True


class DrugCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A drug code; `strength_mg` is the content of one unit (capsule, tablet) in mg where the code says it."""

    code: Text
    display: Text
    source: Text
    verified: bool = True
    strength_mg: Annotated[float, Meta(gt=0)] | None = None


class ExcludedCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A neighbouring code that was left out on purpose, and why."""

    code: Text
    display: Text
    reason: Text


class Drug(Struct, frozen=True, forbid_unknown_fields=True):
    """A drug substance and every code that means it.

    `names` are matched as whole words in display text, last of all. A text with one of `not_names` beside it does
    not match (an eye drop is not systemic dexamethasone). `routes_excluded` are words of route or dose form that
    take an order out.
    """

    name: Text
    classes: tuple[Text, ...] = ()
    names: tuple[Text, ...] = ()
    not_names: tuple[Text, ...] = ()
    routes_excluded: tuple[Text, ...] = ()
    RxNorm: tuple[DrugCode, ...] = ()
    NDC: tuple[DrugCode, ...] = ()
    ATC: tuple[DrugCode, ...] = ()
    SNOMED: tuple[DrugCode, ...] = ()
    excluded: tuple[ExcludedCode, ...] = ()


class DrugClass(Struct, frozen=True, forbid_unknown_fields=True):
    """A group of drugs the rules speak of; `ATC` prefixes catch members that are not listed one by one."""

    name: Text
    ATC: tuple[Code, ...] = ()


class DrugFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/drugs/*.yaml`."""

    drugs: dict[Text, Drug]
    classes: dict[Text, DrugClass] = {}


class CodeSet(Struct, frozen=True, forbid_unknown_fields=True):
    """Codes that mean one clinical concept. ICD10CM codes match as category prefixes, all others exactly.

    `names` are matched as whole words in the text of an uncoded entry only; empty means "codes only".
    """

    name: Text
    ICD10CM: tuple[Code, ...] = ()
    SNOMED: tuple[Code, ...] = ()
    LOINC: tuple[Code, ...] = ()
    RxNorm: tuple[Code, ...] = ()
    names: tuple[Text, ...] = ()
    excluded: tuple[ExcludedCode, ...] = ()


class CodeSetFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/code_sets/*.yaml`."""

    code_sets: dict[Text, CodeSet]


class UnitSpelling(Struct, frozen=True, forbid_unknown_fields=True):
    """A unit, how it is spelled in the field, and how it converts to the canonical unit of the group.

    canonical value = (value + `offset`) x `factor` / `divisor`. The divisor keeps the number sources print (88.4 for
    creatinine) instead of its rounded reciprocal; only temperatures have an offset.

    `aliases` were seen in a public source or put through a UCUM parser; `other_spellings` are accepted by design of
    this project. Both are compared after NFKC folding and removal of spaces, case kept: `K/uL` and `k/uL` are two
    entries. `verified` is about the conversion.
    """

    ucum: Text
    factor: Annotated[float, Meta(gt=0)]
    source: Text
    aliases: tuple[Text, ...] = ()
    other_spellings: tuple[Text, ...] = ()
    divisor: Annotated[float, Meta(gt=0)] = 1.0
    offset: float = 0.0
    verified: bool = True


class UnitGroup(Struct, frozen=True, forbid_unknown_fields=True):
    """Units one kind of quantity may come in; `canonical` has factor 1. `unitless` accepts a value without unit.

    `refused` lists look-alikes that mean something else here (mEq/L for calcium): a result that names one of them is
    not read, even when its other unit field is fine.
    """

    canonical: Text
    units: tuple[UnitSpelling, ...]
    unitless: bool = False
    refused: tuple[Text, ...] = ()


class UnitFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/units.yaml`."""

    groups: dict[Text, UnitGroup]


class Plausible(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds outside which a value is taken for an error (canonical unit, inclusive)."""

    low: float
    high: float
    source: Text


class ReferenceInterval(Struct, frozen=True, forbid_unknown_fields=True):
    """Default reference interval, used and stated when the result carries none (canonical unit)."""

    source: Text
    low: float | None = None
    high: float | None = None
    verified: bool = True


class Analyte(Struct, frozen=True, forbid_unknown_fields=True):
    """Something measured. `need` names the search of `data_needs` that fetches it.

    `kind` tells how a value is read: a quantity, a qualitative result (positive/negative), a quantity that is read
    qualitatively by limits (`hcg`), a coded finding, or a date. A `qualitative` analyte that names `units` may come
    as a quantity too, read by the same limits as `hcg`.
    """

    name: Text
    need: Text
    kind: Literal["quantity", "qualitative", "hcg", "coded", "date"]
    LOINC: tuple[Code, ...]
    units: Text | None = None
    decimals: Annotated[int, Meta(ge=0, le=4)] = 1
    plausible: Plausible | None = None
    reference: ReferenceInterval | None = None
    excluded: tuple[ExcludedCode, ...] = ()


class AnalyteFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/analytes.yaml`."""

    analytes: dict[Text, Analyte]


class ResultWord(Struct, frozen=True, forbid_unknown_fields=True):
    """A coded qualitative result.

    `systems` are the code systems (URIs) in which the code counts; empty where it is unmistakable anywhere. `ND` is
    "not detected" in HL7 v3 and "not done" in many a local list.
    """

    code: Text
    display: Text
    source: Text
    systems: tuple[Text, ...] = ()
    verified: bool = True


class QualitativeReading(Struct, frozen=True, forbid_unknown_fields=True):
    """How one outcome of a qualitative test is written: codes of any system, and whole texts (case-folded)."""

    codes: tuple[ResultWord, ...]
    texts: tuple[Text, ...]


class QualitativeFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`knowledge/qualitative_results.yaml`."""

    positive: QualitativeReading
    negative: QualitativeReading
    indeterminate: QualitativeReading
