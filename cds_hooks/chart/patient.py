"""Who the patient is: birth date, sex for clinical use, age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cds_hooks.chart.fhir import (
    Coding,
    Resource,
    as_list,
    as_mapping,
    as_text,
    codings,
    extension_values,
    reference_of,
)
from cds_hooks.chart.when import When, parse_when, whole_years


class Sex(StrEnum):
    """Sex as far as a dose formula or a pregnancy test needs it."""

    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Facts from the Patient resource.

    Attributes:
        birth: birth date, None when missing or unreadable.
        sex: sex for clinical use, from the first of: sex parameter for clinical use, birth sex, administrative gender.
        sex_source: which of them said so.
        reference: `Patient/id`.
        birth_sex: birth sex alone, whatever decided `sex`.
        races: OMB race categories of the US Core race extension, as recorded; empty when none is, or only "unknown".
    """

    birth: When | None
    sex: Sex
    sex_source: str
    reference: str
    birth_sex: Sex = Sex.UNKNOWN
    races: tuple[Coding, ...] = ()

    def age_years(self, now: datetime) -> int | None:
        """Return completed years of age; None when the birth date is missing or in the future."""
        if self.birth is None or self.birth.is_future(now):
            return None
        return whole_years(self.birth, now)


_SEX_WORDS = {
    "female": Sex.FEMALE,
    "f": Sex.FEMALE,
    "female-typical": Sex.FEMALE,
    "248152002": Sex.FEMALE,
    "male": Sex.MALE,
    "m": Sex.MALE,
    "male-typical": Sex.MALE,
    "248153007": Sex.MALE,
}


def _sex_parameters(patient: Resource) -> Iterator[str]:
    """Yield the codes of the sex parameter for clinical use (FHIR extension patient-sexParameterForClinicalUse)."""
    for extension in map(as_mapping, patient.get("extension") or ()):
        if as_text(extension.get("url")).endswith("patient-sexParameterForClinicalUse"):
            for value in extension_values(extension, "value"):
                yield from (coding.code for coding in codings(value))


def _birth_sexes(patient: Resource) -> Iterator[str]:
    """Yield the codes of US Core birth sex, or of its forerunner in DSTU2."""
    for ending in ("us-core-birthsex", "argo-birthsex", "us-core-sex", "individual-recordedSexOrGender"):
        for value in extension_values(patient, ending):
            yield as_text(value) or next((coding.code for coding in codings(value)), "")


_RACE_SYSTEMS = frozenset(
    {
        "",
        "urn:oid:2.16.840.1.113883.6.238",
        "urn:oid:2.16.840.1.113883.5.104",
        "http://hl7.org/fhir/v3/Race",
        "http://terminology.hl7.org/CodeSystem/v3-Race",
    }
)
"""CDC race codes, in the spellings of their system. The null flavors (unknown, asked but unknown) have another."""


def _races(patient: Resource) -> tuple[Coding, ...]:
    """Return the OMB categories of US Core race; DSTU2 had them as a value, later versions in a nested extension."""
    found: list[Coding] = []
    for extension in map(as_mapping, as_list(patient.get("extension"))):
        if as_text(extension.get("url")).endswith(("us-core-race", "argo-race")):
            values = [extension.get("valueCodeableConcept"), *extension_values(extension, "ombCategory")]
            found += [coding for value in values for coding in codings(value) if coding.system in _RACE_SYSTEMS]
    return tuple(dict.fromkeys(found))


def _first_known(words: Iterable[str]) -> Sex:
    """Return the first word that names a sex: an "unknown" or "asked" before it decides nothing."""
    return next((sex for word in words if (sex := _SEX_WORDS.get(word.lower()))), Sex.UNKNOWN)


def read_patient(patient: Resource) -> PatientFacts:
    """Read a Patient resource of any FHIR version; odd values count as missing."""
    extensions = patient.get("extension")
    tolerant = {**patient, "extension": extensions if isinstance(extensions, list) else []}
    birth, reference = parse_when(patient.get("birthDate")), reference_of(patient)
    birth_sex, races = _first_known(_birth_sexes(tolerant)), _races(tolerant)
    for source, sex in (
        ("sex parameter for clinical use", _first_known(_sex_parameters(tolerant))),
        ("birth sex", birth_sex),
        ("administrative gender", _first_known([as_text(patient.get("gender"))])),
    ):
        if sex is not Sex.UNKNOWN:
            return PatientFacts(birth, sex, source, reference, birth_sex, races)
    return PatientFacts(birth, Sex.UNKNOWN, "not recorded", reference, birth_sex, races)
