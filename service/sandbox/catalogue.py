"""The catalogue: what the names of tests, drugs, diseases and procedures in the patient files mean in codes."""

import functools
from collections.abc import Sequence
from importlib import resources
from typing import Literal

import msgspec

from service.sandbox.outcome import Resource

SYSTEMS = {
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "snomed": "http://snomed.info/sct",
}


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code with its display, and the public source in which both were found together."""

    system: Literal["icd10cm", "loinc", "rxnorm", "snomed"]
    code: str
    display: str
    source: str


class Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A laboratory test or vital sign: its codes, usual unit and normal range."""

    codes: tuple[Code, ...]
    unit: str | None = None
    ucum: str | None = None
    normal: tuple[float, float] | None = None
    category: Literal["laboratory", "vital-signs"] = "laboratory"


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the patient files may name."""

    results: dict[str, Measurement]
    drugs: dict[str, tuple[Code, ...]]
    diseases: dict[str, tuple[Code, ...]]
    procedures: dict[str, tuple[Code, ...]]


@functools.cache
def load_catalogue() -> Catalogue:
    """Return the catalogue.

    Raises:
        msgspec.DecodeError: its file is not well formed; the message names the place.
    """
    text = resources.files("service.sandbox").joinpath("catalogue.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Catalogue)


def codeable_concept(codes: Sequence[Code]) -> Resource:
    """Return a CodeableConcept of all `codes`, with the display of the first as its text."""
    codings = [{"system": SYSTEMS[code.system], "code": code.code, "display": code.display} for code in codes]
    return {"coding": codings, "text": codes[0].display}
