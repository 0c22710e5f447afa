"""The search parameters of the sandbox: one table for searching, sorting, including and the CapabilityStatement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.sandbox.outcome import Resource

SearchType = Literal["token", "reference", "date", "string"]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter: its name and FHIR type, the elements it looks at, and the types a reference may point to.

    A path is element names joined by dots; lists on the way are opened. No target means any type.
    """

    name: str
    type: SearchType
    paths: tuple[str, ...]
    targets: tuple[str, ...] = ()

    def elements(self, resource: Resource) -> Iterator[Any]:
        """Yield every element of `resource` that this parameter looks at."""
        for path in self.paths:
            yield from _walk(resource, path.split("."))


def _walk(element: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(element, list):
        for item in element:
            yield from _walk(item, names)
    elif not names:
        yield element
    elif isinstance(element, Mapping) and names[0] in element:
        yield from _walk(element[names[0]], names[1:])


def _token(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, "token", paths or (name,))


def _date(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, "date", paths or (name,))


def _string(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, "string", paths or (name,))


def _reference(name: str, path: str, *targets: str) -> SearchParameter:
    return SearchParameter(name, "reference", (path,), targets)


_ID = _token("_id", "id")
_STATUS = _token("status")
_CODE = _token("code")
_INTENT = _token("intent")
_CATEGORY = _token("category")
_CLINICAL_STATUS = _token("clinical-status", "clinicalStatus")
_VERIFICATION_STATUS = _token("verification-status", "verificationStatus")
_OF_PATIENT = (_reference("patient", "subject", "Patient"), _reference("subject", "subject"))
_MEDICATION = (
    _token("code", "medicationCodeableConcept"),
    _reference("medication", "medicationReference", "Medication"),
)


def _table(**rows: Sequence[SearchParameter]) -> dict[str, dict[str, SearchParameter]]:
    return {kind: {parameter.name: parameter for parameter in (_ID, *row)} for kind, row in rows.items()}


SEARCH_PARAMETERS: Mapping[str, Mapping[str, SearchParameter]] = _table(
    AdverseEvent=[_reference("subject", "subject"), _date("date"), _token("event")],
    AllergyIntolerance=[
        _reference("patient", "patient", "Patient"),
        _token("code", "code", "reaction.substance"),
        _CLINICAL_STATUS,
        _VERIFICATION_STATUS,
        _date("date", "recordedDate"),
    ],
    Condition=[
        *_OF_PATIENT,
        _CODE,
        _CATEGORY,
        _CLINICAL_STATUS,
        _VERIFICATION_STATUS,
        _date("onset-date", "onsetDateTime", "onsetPeriod"),
        _date("recorded-date", "recordedDate"),
    ],
    Device=[_reference("patient", "patient", "Patient"), _STATUS, _token("type")],
    DeviceRequest=[
        *_OF_PATIENT,
        _STATUS,
        _INTENT,
        _token("code", "codeCodeableConcept"),
        _date("authored-on", "authoredOn"),
    ],
    DiagnosticReport=[
        *_OF_PATIENT,
        _STATUS,
        _CODE,
        _CATEGORY,
        _date("date", "effectiveDateTime", "effectivePeriod"),
        _reference("result", "result", "Observation"),
    ],
    Medication=[_CODE, _STATUS],
    MedicationAdministration=[
        *_OF_PATIENT,
        *_MEDICATION,
        _STATUS,
        _date("effective-time", "effectiveDateTime", "effectivePeriod"),
    ],
    MedicationDispense=[
        *_OF_PATIENT,
        *_MEDICATION,
        _STATUS,
        _date("whenhandedover", "whenHandedOver"),
        _date("whenprepared", "whenPrepared"),
    ],
    MedicationRequest=[*_OF_PATIENT, *_MEDICATION, _STATUS, _INTENT, _date("authoredon", "authoredOn")],
    MedicationStatement=[
        *_OF_PATIENT,
        *_MEDICATION,
        _STATUS,
        _date("effective", "effectiveDateTime", "effectivePeriod"),
    ],
    Observation=[
        *_OF_PATIENT,
        _STATUS,
        _CODE,
        _CATEGORY,
        _date("date", "effectiveDateTime", "effectivePeriod", "effectiveInstant"),
    ],
    Patient=[
        _token("identifier"),
        _string("name", "name.text", "name.family", "name.given"),
        _string("family", "name.family"),
        _string("given", "name.given"),
        _token("gender"),
        _date("birthdate", "birthDate"),
    ],
    Procedure=[*_OF_PATIENT, _STATUS, _CODE, _date("date", "performedDateTime", "performedPeriod")],
    ResearchSubject=[
        _reference("individual", "individual", "Patient"),
        _reference("patient", "individual", "Patient"),
        _STATUS,
    ],
    ServiceRequest=[*_OF_PATIENT, _STATUS, _INTENT, _CODE, _date("authored", "authoredOn")],
)
"""Resource type → name → search parameter. The keys are also the resource types the sandbox serves."""
