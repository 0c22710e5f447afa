"""Tolerant reading of FHIR JSON.

Real resources are not always valid: a list where an object belongs, a number as a string, an empty string. Everything
here accepts any JSON value and answers with "nothing" instead of raising, so one broken entry cannot spoil the others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, TypeAlias

from msgspec import Struct

Resource: TypeAlias = Mapping[str, Any]
"""One FHIR resource as decoded JSON."""

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
ATC = "http://www.whocc.no/atc"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"

_SYSTEM_ALIASES = {
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.69": NDC,
    "urn:oid:2.16.840.1.113883.6.73": ATC,
    "http://fhir.de/codesystem/bfarm/atc": ATC,
    "http://fhir.de/codesystem/dimdi/atc": ATC,
    "urn:oid:2.16.840.1.113883.6.90": ICD10CM,
    "http://hl7.org/fhir/sid/icd-10": ICD10CM,
    "http://terminology.hl7.org/codesystem/icd10cm": ICD10CM,
    "https://loinc.org": LOINC,
    "https://snomed.info/sct": SNOMED,
    "http://www.whocc.no/atc/": ATC,
    "http://hl7.org/fhir/sid/ndc/": NDC,
}
"""Other spellings of the same code systems: the OIDs Epic and CDA converters send, national mirrors of ATC.
ICD-10 (WHO) is read as ICD-10-CM because the category prefixes used here mean the same in both."""
_CANONICAL_SYSTEMS = frozenset(_SYSTEM_ALIASES.values())

_NUMBERS = (int, float, str)
_ZERO_WIDTH = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD))


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    if type(value) is dict:  # what JSON decodes to; asking for any Mapping costs five times as much
        return value
    return value if value is not None and isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Return `value` as a list: itself, or wrapped if it is a single object (STU3 and Epic send both), or empty."""
    if isinstance(value, list):
        return value
    return [value] if type(value) is dict or (value is not None and isinstance(value, Mapping)) else []


def as_text(value: Any) -> str:
    """Return a string value with Unicode compatibility forms folded (NFKC), zero-width characters removed and
    white space collapsed; "" for anything that is not a string."""
    if not isinstance(value, str):
        return ""
    if value.isascii():
        if " " not in value and value.isprintable():  # most ids, codes and addresses
            return value
        return " ".join(value.split())
    return " ".join(unicodedata.normalize("NFKC", value.translate(_ZERO_WIDTH)).split())


def as_number(value: Any) -> float | None:
    """Return a finite JSON number, or a string that spells one, as float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


class Coding(Struct, frozen=True):
    """One coding, its system spelled in the canonical way."""

    system: str
    code: str
    display: str


def canonical_system(system: Any) -> str:
    """Return the canonical URI of a code system; unknown ones unchanged."""
    if isinstance(system, str) and system in _CANONICAL_SYSTEMS:
        return system
    text = as_text(system)
    return _SYSTEM_ALIASES.get(text.lower(), text)


def codings(concept: Any) -> Iterator[Coding]:
    """Yield the codings of a CodeableConcept (or of a list of them, or of a bare Coding)."""
    if isinstance(concept, list):
        for one in concept:
            yield from codings(one)
        return
    concept = as_mapping(concept)
    rows = as_list(concept.get("coding"))
    if not rows and "code" in concept and isinstance(concept.get("code"), str):
        rows = [concept]
    for row in map(as_mapping, rows):
        if code := as_text(row.get("code")):
            yield Coding(canonical_system(row.get("system")), code, as_text(row.get("display")))


def codes(concept: Any) -> frozenset[str]:
    """Return the bare codes of a CodeableConcept, or of a `code` primitive (status values, for example)."""
    if isinstance(concept, str):
        return frozenset({as_text(concept)})
    return frozenset(coding.code for coding in codings(concept))


def concept_text(concept: Any) -> str:
    """Return the words of a CodeableConcept a person would read: text, else the first display, else the first code."""
    if isinstance(concept, list):
        return "; ".join(filter(None, map(concept_text, concept)))
    text = as_text(as_mapping(concept).get("text"))
    if text:
        return text
    rows = list(codings(concept))
    return next((row.display for row in rows if row.display), rows[0].code if rows else "")


def reference_id(reference: Any, resource_type: str | None = None) -> str:
    """Return the logical id a Reference points to; "" when there is none or it points to another type.

    Accepts `{"reference": "Type/id"}`, an absolute URL, `Type/id/_history/1`, a bare id, and the string itself.
    """
    text = as_text(reference if isinstance(reference, str) else as_mapping(reference).get("reference"))
    path, slash, identity = text.rpartition("/")
    if path != resource_type or not identity:  # not simply `Type/id`
        path, slash, identity = text.partition("/_history/")[0].rstrip("/").rpartition("/")
    if not identity or identity.startswith("#"):
        return ""
    if resource_type and slash and path != resource_type and not path.endswith(f"/{resource_type}"):
        return ""
    return identity


def reference_of(resource: Resource) -> str:
    """Return `Type/id` of a resource for citing it; the type alone when it has no id."""
    kind, identity = as_text(resource.get("resourceType")), as_text(resource.get("id"))
    return f"{kind}/{identity}" if identity else kind


def subject_id(resource: Resource) -> str:
    """Return the id of the Patient the resource is about; "" when it does not say."""
    for field in ("subject", "patient", "individual"):
        if field in resource and (identity := reference_id(resource[field], "Patient")):
            return identity
    return ""


def extension_values(element: Any, url_ending: str) -> Iterator[Any]:
    """Yield the value[x] of each extension directly on `element` whose url ends with `url_ending`."""
    for extension in map(as_mapping, as_list(as_mapping(element).get("extension"))):
        if as_text(extension.get("url")).lower().endswith(url_ending.lower()):
            yield from (value for key, value in extension.items() if key.startswith("value"))
