"""From a case to the FHIR R4 resources an EHR would hold about the patient."""

from __future__ import annotations

from typing import Any

from cds_hooks.cases.case import Case
from cds_hooks.cases.codes import coding, condition_concept, drug_concept, finding_concept
from cds_hooks.cases.drafts import dosage, draft_orders
from cds_hooks.cases.lines import PatientLines
from cds_hooks.cases.moment import NOW, Moment
from cds_hooks.cases.observations import observations
from cds_hooks.cases.phrases import (
    STUDY_STATUSES,
    VERIFICATION_STATUSES,
    ConditionPhrase,
    MedicationPhrase,
    ProcedurePhrase,
    ReactionPhrase,
    StudyPhrase,
)
from cds_hooks.chart.fhir import SNOMED
from cds_hooks.data_needs import data_needs
from cds_hooks.knowledge.loader import Knowledge

Json = dict[str, Any]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SEVERITY_CODES = {"mild": "255604002", "moderate": "6736007", "severe": "24484000"}
_MEDICATION_NEEDS = {
    "order": "medicationRequests",
    "statement": "medicationStatements",
    "dispense": "medicationDispenses",
    "administration": "medicationAdministrations",
}
_SEX_PARAMETER = "http://hl7.org/fhir/StructureDefinition/patient-sexParameterForClinicalUse"
_SEX_PARAMETER_CODES = "http://terminology.hl7.org/CodeSystem/sex-parameter-for-clinical-use"
_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_RACE_CODES = "urn:oid:2.16.840.1.113883.6.238"
_NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
_RACES = {
    "asian": (_RACE_CODES, "2028-9", "Asian"),
    "pacific islander": (_RACE_CODES, "2076-8", "Native Hawaiian or Other Pacific Islander"),
    "black": (_RACE_CODES, "2054-5", "Black or African American"),
    "white": (_RACE_CODES, "2106-3", "White"),
    "american indian": (_RACE_CODES, "1002-5", "American Indian or Alaska Native"),
    "other": (_RACE_CODES, "2131-1", "Other Race"),
    "unknown": (_NULL_FLAVOR, "UNK", "Unknown"),
}
_BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"


def case_resources(case: Case, knowledge: Knowledge) -> dict[str, list[Json]]:
    """Return everything on record about the patient, by data need; every need has its key.

    What the case calls unavailable is left out.

    Raises:
        KnowledgeError: the case names something the knowledge does not have; the message names file and line.
    """
    record: dict[str, list[Json]] = {need: [] for need in data_needs(knowledge.analytes)}
    for need in (*case.chart.unavailable, *case.chart.incomplete):
        if need not in record:
            raise case.place.error(f"there is no data need {need!r}; there are: {', '.join(record)}")
    chart, patient = case.chart, case.patient_id
    record["patient"] = [patient_resource(chart.patient, patient)]
    for number, medication in enumerate(chart.medications, start=1):
        record[_MEDICATION_NEEDS[medication.kind]] += _medication(medication, patient, number, knowledge)
    for number, condition in enumerate(chart.conditions, start=1):
        record["conditions"].append(_condition(condition, patient, number, knowledge))
    for number, procedure in enumerate(chart.procedures, start=1):
        record["procedures"].append(_procedure(procedure, patient, number, knowledge))
    for number, reaction in enumerate(chart.reactions, start=1):
        if reaction.adverse_event:
            record["adverseEvents"].append(_adverse_event(reaction, patient, number, knowledge))
        else:
            record["allergies"].append(_allergy(reaction, patient, number, knowledge))
    for number, study in enumerate(chart.studies, start=1):
        record["researchSubjects"].append(_research_subject(study, patient, number))
    for need, results in observations(case, knowledge).items():
        record[need] += results
    return {need: [] if need in chart.unavailable else resources for need, resources in record.items()}


def check_case(case: Case, knowledge: Knowledge) -> None:
    """Refuse a case that names a topic, drug, code set, analyte or data need the knowledge does not have.

    Raises:
        KnowledgeError: the message names file and line.
    """
    for topic in (*case.expect, *case.silent):
        if topic not in knowledge.topics:
            raise case.place.error(f"there is no topic {topic!r}")
    case_resources(case, knowledge)
    draft_orders(case, knowledge)


def patient_resource(lines: PatientLines, patient_id: str) -> Json:
    """Return the Patient. An age in years becomes a birthday on 1 January."""
    patient: Json = {"resourceType": "Patient", "id": patient_id, "name": [{"text": "Case Patient"}]}
    if lines.sex not in ("", "missing"):
        patient["gender"] = lines.sex
    if lines.birth_date:
        patient["birthDate"] = lines.birth_date
    elif isinstance(lines.age, int):
        patient["birthDate"] = f"{NOW.year - lines.age}-01-01"
    extensions: list[Json] = []
    if lines.sex_for_clinical_use:
        typical = {"female": "female-typical", "male": "male-typical"}
        code = typical.get(lines.sex_for_clinical_use, lines.sex_for_clinical_use)
        concept = {"coding": [coding(_SEX_PARAMETER_CODES, code)]}
        extensions.append({"url": _SEX_PARAMETER, "extension": [{"url": "value", "valueCodeableConcept": concept}]})
    if lines.birth_sex:
        code = {"female": "F", "male": "M", "unknown": "UNK"}[lines.birth_sex]
        extensions.append({"url": _BIRTH_SEX, "valueCode": code})
    if lines.race:
        rows: list[Json] = [{"url": "ombCategory", "valueCoding": coding(*_RACES[race])} for race in lines.race]
        rows.append({"url": "text", "valueString": ", ".join(lines.race)})
        extensions.append({"url": _RACE, "extension": rows})
    return {**patient, **({"extension": extensions} if extensions else {})}


def _resource(kind: str, patient_id: str, tag: str, *, subject: str = "subject", **content: Any) -> Json:
    """Return a resource about the patient, without the members that are empty."""
    filled = {key: value for key, value in content.items() if value not in (None, "", [], {})}
    identity = f"{patient_id}-{tag}"
    return {"resourceType": kind, "id": identity, subject: {"reference": f"Patient/{patient_id}"}, **filled}


def _fhir(moment: Moment | None) -> str:
    return moment.fhir if moment else ""


def _period(start: Moment | None, end: Moment | None) -> Json:
    return {key: value for key, value in (("start", _fhir(start)), ("end", _fhir(end))) if value}


def _medication(phrase: MedicationPhrase, patient_id: str, number: int, knowledge: Knowledge) -> list[Json]:
    moments = phrase.moments()
    tags = [
        f"{phrase.kind}-{number}" + (f"-{turn}" if phrase.series else "") for turn, _ in enumerate(moments, start=1)
    ]
    return [
        _medication_record(phrase, moment, patient_id, tag, knowledge)
        for moment, tag in zip(moments, tags, strict=True)
    ]


def _medication_record(
    phrase: MedicationPhrase, when: Moment | None, patient_id: str, tag: str, knowledge: Knowledge
) -> Json:
    shared: Json = {
        "status": phrase.status,
        "medicationCodeableConcept": drug_concept(phrase.drug, knowledge, phrase.place),
    }
    bounds = {"boundsPeriod": _period(when, phrase.until)} if phrase.until else {}
    instruction = dosage(phrase.amount, phrase.every, sig=phrase.sig, route=phrase.route, bounds=bounds)
    instructions = [instruction] if instruction else []
    match phrase.kind:
        case "order":
            return _resource(
                "MedicationRequest", patient_id, tag, intent="order", authoredOn=_fhir(when),
                dosageInstruction=instructions, **shared,
            )  # fmt: skip
        case "statement":
            period = _period(when, phrase.until)
            timing = dosage(phrase.amount, phrase.every, sig=phrase.sig, route=phrase.route)
            return _resource(
                "MedicationStatement",
                patient_id,
                tag,
                effectivePeriod=period,
                dosage=[timing] if timing else [],
                **shared,
            )
        case "dispense":
            return _resource(
                "MedicationDispense",
                patient_id,
                tag,
                whenHandedOver=_fhir(when),
                dosageInstruction=instructions,
                **shared,
            )
        case _:
            given = (
                {"effectivePeriod": _period(when, phrase.until)} if phrase.until else {"effectiveDateTime": _fhir(when)}
            )
            return _resource(
                "MedicationAdministration", patient_id, tag, dosage=_administered(phrase), **given, **shared
            )


def _administered(phrase: MedicationPhrase) -> Json:
    """Return the dosage of an administration, which has no timing."""
    plain = dosage(phrase.amount, None, sig=phrase.sig, route=phrase.route)
    if dose := plain.pop("doseAndRate", None):
        plain["dose"] = dose[0]["doseQuantity"]
    return plain


def _status(system: str, code: str) -> Json:
    return {"coding": [coding(f"{_TERMINOLOGY}/{system}", code)]} if code else {}


def _grade(grade: str) -> Json:
    """Return the words in which a CTCAE grade stands in the severity of a record."""
    return {"text": f"grade {grade}"} if grade else {}


def _condition(phrase: ConditionPhrase, patient_id: str, number: int, knowledge: Knowledge) -> Json:
    severity = _SEVERITY_CODES.get(phrase.severity)
    return _resource(
        "Condition",
        patient_id,
        f"condition-{number}",
        clinicalStatus=_status("condition-clinical", phrase.clinical),
        verificationStatus=_status("condition-ver-status", phrase.verification),
        code=condition_concept(phrase.condition, knowledge, phrase.place),
        severity=({"coding": [coding(SNOMED, severity, phrase.severity)]} if severity else {}) | _grade(phrase.grade),
        onsetDateTime=_fhir(phrase.onset),
        abatementDateTime=_fhir(phrase.abatement),
        recordedDate=_fhir(phrase.recorded),
    )


def _procedure(phrase: ProcedurePhrase, patient_id: str, number: int, knowledge: Knowledge) -> Json:
    return _resource(
        "Procedure",
        patient_id,
        f"procedure-{number}",
        status=phrase.status,
        code=finding_concept(phrase.procedure, knowledge, phrase.place),
        performedDateTime=_fhir(phrase.when),
    )


def _allergy(phrase: ReactionPhrase, patient_id: str, number: int, knowledge: Knowledge) -> Json:
    verification = phrase.status if phrase.status in VERIFICATION_STATUSES else "confirmed"
    clinical = phrase.status if phrase.status not in VERIFICATION_STATUSES else ""
    manifestation = finding_concept(phrase.reaction, knowledge, phrase.place)
    description = f"grade {phrase.grade}" if phrase.grade else ""
    reaction = {"manifestation": [manifestation], "severity": phrase.severity, "description": description}
    return _resource(
        "AllergyIntolerance",
        patient_id,
        f"allergy-{number}",
        subject="patient",
        clinicalStatus={}
        if verification == "entered-in-error"
        else _status("allergyintolerance-clinical", clinical or "active"),
        verificationStatus=_status("allergyintolerance-verification", verification),
        criticality=phrase.criticality,
        code=drug_concept(phrase.drug, knowledge, phrase.place) if phrase.drug else {},
        onsetDateTime=_fhir(phrase.when),
        reaction=[{key: value for key, value in reaction.items() if value}],
    )


def _adverse_event(phrase: ReactionPhrase, patient_id: str, number: int, knowledge: Knowledge) -> Json:
    """Return an AdverseEvent; the suspected drug is a contained Medication, since R4 has a reference only."""
    medication: list[Json] = []
    if phrase.drug:
        code = drug_concept(phrase.drug, knowledge, phrase.place)
        medication = [{"resourceType": "Medication", "id": "suspect", "code": code}]
    return _resource(
        "AdverseEvent",
        patient_id,
        f"adverse-event-{number}",
        contained=medication,
        actuality="actual",
        event=finding_concept(phrase.reaction, knowledge, phrase.place),
        date=_fhir(phrase.when),
        severity=_status("adverse-event-severity", phrase.severity) | _grade(phrase.grade),
        suspectEntity=[{"instance": {"reference": "#suspect"}}] if phrase.drug else [],
    )


def _research_subject(phrase: StudyPhrase, patient_id: str, number: int) -> Json:
    return _resource(
        "ResearchSubject",
        patient_id,
        f"study-{number}",
        subject="individual",
        status=STUDY_STATUSES[phrase.status],
        period=_period(phrase.when, None),
        study={"reference": f"ResearchStudy/{patient_id}-study-{number}", "display": "clinical trial"},
    )
