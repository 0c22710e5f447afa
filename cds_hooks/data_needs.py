"""What the rules need to know, as FHIR searches.

One table yields both the prefetch templates an EHR fills in advance and the searches this service makes for what is
missing, so the two cannot drift apart. Templates use only what a CDS Hooks 2.0 client must understand: equality,
`_count`, `_sort`. Our own searches may add a date limit and `_include`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from urllib.parse import quote, urlencode

from cds_hooks.knowledge.terminology import Analyte

PATIENT = "patient"
MEDICATION_NEEDS = ("medicationRequests", "medicationStatements", "medicationDispenses", "medicationAdministrations")


class Scope(Enum):
    """How much of the chart an order calls for (`topics.md` section 1)."""

    LENALIDOMIDE = "lenalidomide"
    ANALOGUE = "analogue"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class DataNeed:
    """One thing to look up.

    Attributes:
        key: prefetch key.
        title: how a card names it.
        resource_type: FHIR resource type.
        parameters: search parameters besides the patient; empty for the Patient itself, which is read.
        patient_parameter: name of the search parameter that takes the patient.
        include: `_include` of our own search, "" for none.
        date_parameter: search parameter our own search limits by date, "" for none.
        lookback_days: how far our own search looks back.
    """

    key: str
    title: str
    resource_type: str
    parameters: tuple[tuple[str, str], ...] = ()
    patient_parameter: str = "patient"
    include: str = ""
    date_parameter: str = ""
    lookback_days: int = 0

    @property
    def is_read(self) -> bool:
        """Whether this is a read of the Patient instead of a search."""
        return self.resource_type == "Patient"

    def template(self) -> str:
        """Return the prefetch template, CDS Hooks 2.0 grammar."""
        if self.is_read:
            return "Patient/{{context.patientId}}"
        query = "&".join(f"{name}={quote(value, safe=',-|:/')}" for name, value in self.parameters)
        return f"{self.resource_type}?{self.patient_parameter}={{{{context.patientId}}}}" + (
            f"&{query}" if query else ""
        )

    def search(self, patient_id: str, now: datetime) -> str:
        """Return the relative URL of our own query for one patient (FHIR R4 search syntax, percent-encoded)."""
        if self.is_read:
            return f"Patient/{quote(patient_id, safe='')}"
        query = _encoded(((self.patient_parameter, patient_id),)) + _encoded_once(self.parameters)
        if self.date_parameter:
            since = (now.astimezone(UTC) - timedelta(days=self.lookback_days)).date()
            query += f"&{self.date_parameter}=ge{since.isoformat()}"
        if self.include:
            query += _encoded_once((("_include", self.include),))
        return f"{self.resource_type}?{query.removeprefix('&')}"


def _encoded(parameters: tuple[tuple[str, str], ...]) -> str:
    """Return search parameters percent-encoded, each with `&` before it."""
    return "".join(f"&{urlencode([parameter], safe=',-|:')}" for parameter in parameters)


_encoded_once = cache(_encoded)
"""For parameters that come from the knowledge: those of one call are not to be remembered."""


def data_needs(analytes: Mapping[str, Analyte]) -> dict[str, DataNeed]:
    """Build the table, in the order in which discovery lists it.

    Args:
        analytes: the analytes of the knowledge; their LOINC codes make the Observation searches.
    """

    def observations(key: str, title: str, count: int, lookback_days: int) -> DataNeed:
        codes = ",".join(
            sorted(
                {
                    code.code
                    for analyte in analytes.values()
                    if analyte.need == key
                    for code in analyte.LOINC
                    if code.verified
                }
            )
        )
        return DataNeed(
            key,
            title,
            "Observation",
            (("code", codes), ("_sort", "-date"), ("_count", str(count))),
            date_parameter="date",
            lookback_days=lookback_days,
        )

    def medications(key: str, title: str, resource_type: str, sort: str, date_parameter: str = "") -> DataNeed:
        return DataNeed(
            key,
            title,
            resource_type,
            (("_sort", sort), ("_count", "100")),
            include=f"{resource_type}:medication",
            date_parameter=date_parameter,
            lookback_days=400,
        )

    table = (
        DataNeed(PATIENT, "patient", "Patient"),
        medications("medicationRequests", "medication orders", "MedicationRequest", "-authoredon"),
        medications("medicationStatements", "medication list", "MedicationStatement", "-effective"),
        medications("medicationDispenses", "dispenses", "MedicationDispense", "-whenhandedover", "whenhandedover"),
        medications(
            "medicationAdministrations",
            "administrations",
            "MedicationAdministration",
            "-effective-time",
            "effective-time",
        ),
        DataNeed("conditions", "problem list", "Condition", (("_count", "200"),)),
        DataNeed("procedures", "procedures", "Procedure", (("_sort", "-date"), ("_count", "100"))),
        DataNeed("allergies", "allergies", "AllergyIntolerance", (("_count", "100"),)),
        DataNeed("adverseEvents", "adverse events", "AdverseEvent", (("_count", "50"),), patient_parameter="subject"),
        DataNeed("researchSubjects", "study participation", "ResearchSubject", (("_count", "20"),)),
        observations("bloodCounts", "blood counts", 100, 400),
        observations("chemistry", "creatinine and liver tests", 100, 400),
        observations("monitoring", "TSH, INR and digoxin level", 50, 400),
        observations("pregnancy", "pregnancy tests and status", 50, 400),
        observations("vitalSigns", "weight, height and temperature", 60, 800),
        observations("bloodBank", "blood group and antibody screen", 20, 4000),
    )
    return {need.key: need for need in table}


_ANALOGUE = (
    PATIENT,
    *MEDICATION_NEEDS,
    "conditions",
    "procedures",
    "allergies",
    "adverseEvents",
    "researchSubjects",
    "bloodCounts",
    "chemistry",
    "pregnancy",
    "vitalSigns",
)
_PARTNER = (
    PATIENT,
    *MEDICATION_NEEDS,
    "conditions",
    "procedures",
    "allergies",
    "adverseEvents",
    "researchSubjects",
    "bloodCounts",
    "monitoring",
    "bloodBank",
)


def needs_of(scope: Scope, needs: Mapping[str, DataNeed]) -> tuple[DataNeed, ...]:
    """Return what has to be looked up for an order of this scope."""
    match scope:
        case Scope.LENALIDOMIDE:
            return tuple(needs.values())
        case Scope.ANALOGUE:
            return tuple(needs[key] for key in _ANALOGUE)
        case Scope.PARTNER:
            return tuple(needs[key] for key in _PARTNER)
