"""Problems, procedures, reactions and study participation as typed facts, sorted into the knowledge's code sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from cds_hooks.chart import fhir
from cds_hooks.chart.code_sets import CodeSetIndex, CodeSetMatch, concept_of
from cds_hooks.chart.drugs import DrugIndex
from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text, codes, concept_text, reference_of
from cds_hooks.chart.medications import MEDICATION_TYPES, identify_medication, medications_by_id
from cds_hooks.chart.when import When, first_when, parse_when, period_end, period_start


@dataclass(frozen=True, slots=True)
class ConditionFact:
    """One problem or diagnosis.

    Attributes:
        sets: code sets of the knowledge it is in.
        active: whether it is there now. Remission counts: maintenance is given in remission. "History of" does not.
        clinical_status: FHIR code, "" when missing or unknown.
        onset: when it began, where readable as a date (an age at onset needs the birth date).
        recorded: when it was written down.
        abated: when it ended.
        text: as the record words it.
        reference: `Condition/id`.
        verification_status: FHIR code, "" when missing or unknown; refuted entries are never facts.
        severity: `mild`, `moderate`, `severe`, or "".
        grade: CTCAE grade the words mention.
        named: those of `sets` that only its words put it in.
    """

    sets: frozenset[str]
    active: bool
    clinical_status: str
    onset: When | None
    recorded: When | None
    abated: When | None
    text: str
    reference: str
    verification_status: str = ""
    severity: str = ""
    grade: int | None = None
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProcedureFact:
    """One procedure that was done, or is being done.

    `when` is the end of a period; `named` are those of `sets` that only its words put it in. The words of its category
    ("Surgical procedure") count for `sets` as well.
    """

    sets: frozenset[str]
    when: When | None
    status: str
    text: str
    reference: str
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReactionFact:
    """One allergy, intolerance or adverse event.

    Attributes:
        drugs: drug keys of the knowledge it is attributed to; empty when to none of them.
        sets: code sets of the manifestations.
        severity: worst severity recorded: `mild`, `moderate`, `severe`, or "".
        criticality: `low`, `high`, `unable-to-assess`, or "".
        when: first date of the reaction, else of the record.
        text: the substance or event as the record words it.
        reference: `Type/id`.
        manifestation: the manifestations in words.
        grade: CTCAE grade the words mention.
        active: false for an allergy recorded as inactive or resolved, or an adverse event whose outcome is resolved.
        attributed: whether any culprit is recorded, known to the knowledge or not.
    """

    drugs: frozenset[str]
    sets: frozenset[str]
    severity: str
    criticality: str
    when: When | None
    text: str
    reference: str
    manifestation: str = ""
    grade: int | None = None
    active: bool = True
    attributed: bool = True


@dataclass(frozen=True, slots=True)
class ResearchSubjectFact:
    """Participation in a study. `active` goes by the status; `text` names the study, `ended` is its recorded end."""

    active: bool
    status: str
    text: str
    ended: When | None
    reference: str


_IGNORED = frozenset({"entered-in-error", "cancelled"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_THERE = frozenset({"active", "recurrence", "relapse", "remission"})
_GONE = frozenset({"inactive", "resolved"})
_NOT_DONE = frozenset({"not-done", "preparation", "stopped", "aborted", "suspended", "on-hold"})
_OVER = ("resolved", "recovered")
"""How the outcomes of an adverse event that is over begin: with or without sequelae."""
_TAKING_PART = frozenset({"on-study", "on-study-intervention", "on-study-observation", "enrolled", "active"})
_SEVERITIES = {
    "severe": r"severe|24484000|life.threatening|fatal",
    "moderate": "moderate|6736007",
    "mild": "mild|255604002",
}
_SEVERITY_WORDS = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _SEVERITIES.items()}
_CRITICALITIES = {"critl": "low", "crith": "high", "critu": "unable-to-assess"}  # DSTU2 spellings
_UNLIKELY = re.compile(r"\bunlikely\b|\bunrelated\b|\bnot related\b", re.IGNORECASE)
_CAUSALITY_FIELDS = ("assessment", "assessmentMethod", "entityRelatedness")
_GRADE = re.compile(r"\bgr(?:ade|\.)?\s*([1-5])\b", re.IGNORECASE)
_AGE_DAYS = {"a": 365.25, "year": 365.25, "mo": 30.44, "month": 30.44, "wk": 7.0, "week": 7.0, "d": 1.0, "day": 1.0}
_OLDEST_DAYS = 130 * 365.25


def _of_type(resources: Iterable[object], kind: str) -> Iterator[Resource]:
    """Yield the resources of a type that are not entered in error, refuted or cancelled."""
    for resource in map(as_mapping, resources):
        if resource.get("resourceType") == kind and _status(resource.get("status")) not in _IGNORED:
            if _status(resource.get("verificationStatus")) in _REFUTED:
                continue
            yield resource


def _known(value: object) -> str:
    """Return a status; "" for "unknown", which versions that demand a status have where others leave it out."""
    status = _status(value)
    return "" if status == "unknown" else status


def _status(value: object) -> str:
    """Return a status: a code as DSTU2 and STU3 write it, or a CodeableConcept."""
    return min((code.lower() for code in codes(value)), default="") or concept_text(value).lower()


def read_conditions(
    resources: Iterable[Resource], code_sets: CodeSetIndex, *, birth: When | None = None
) -> tuple[ConditionFact, ...]:
    """Read the Conditions of any FHIR version; refuted ones are left out.

    `birth`, the birth date, turns an age at onset into a date.
    """
    facts = []
    for resource in _of_type(resources, "Condition"):
        code, clinical = resource.get("code"), _known(resource.get("clinicalStatus"))
        found, text = code_sets.find(code), concept_text(code)
        abated = any(v not in (None, False, "") for k, v in resource.items() if str(k).startswith("abatement"))
        only_past = bool(found) and all(match.past for match in found.values())
        fact = ConditionFact(
            sets=frozenset(found),
            active=(clinical in _THERE or (clinical not in _GONE and not abated)) and not only_past,
            clinical_status=clinical,
            onset=_onset(resource, birth),
            recorded=first_when(resource, "recordedDate", "assertedDate", "dateRecorded"),
            abated=first_when(resource, "abatementDateTime", "abatementPeriod", "abatementDate", "abatementString"),
            text=text,
            reference=reference_of(resource),
            verification_status=_known(resource.get("verificationStatus")),
            severity=_worst([resource.get("severity")]),
            grade=_grade(text, concept_text(resource.get("severity"))),
            named=_named(found),
        )
        facts.append(fact)
    return tuple(facts)


def _named(found: Mapping[str, CodeSetMatch]) -> frozenset[str]:
    return frozenset(key for key, match in found.items() if not match.code)


def _onset(resource: Resource, birth: When | None) -> When | None:
    """Return when a Condition began: date, start of a period, readable text, or age at onset."""
    dated = first_when(resource, "onsetDateTime", "onsetDate", "onsetString")
    if when := dated or period_start(resource.get("onsetPeriod")):
        return when
    age = as_mapping(resource.get("onsetAge")) or as_mapping(resource.get("onsetQuantity"))
    unit = (as_text(age.get("code")) or as_text(age.get("unit"))).lower().rstrip("s")
    span, count = _AGE_DAYS.get(unit, 0.0), fhir.as_number(age.get("value")) or 0.0
    if birth is None or not 0 < span * count < _OLDEST_DAYS:
        return None
    start = birth.start + timedelta(ceil(span * count))
    return When(start, start + timedelta(ceil(span)), has_time=False)


def read_procedures(resources: Iterable[Resource], code_sets: CodeSetIndex) -> tuple[ProcedureFact, ...]:
    """Read the Procedures of any FHIR version that were done; planned, stopped and paused ones are left out."""
    dates = [f"{verb}{form}" for verb in ("performed", "occurrence") for form in ("DateTime", "Period", "String")]
    facts = []
    for resource in _of_type(resources, "Procedure"):
        status, code = _status(resource.get("status")), resource.get("code")
        if status in _NOT_DONE or resource.get("notDone") is True or resource.get("notPerformed") is True:
            continue
        found, when = code_sets.find(code), first_when(resource, *dates)
        text, reference = concept_text(code), reference_of(resource)
        category = frozenset(match.code_set for match in code_sets.named(concept_text(resource.get("category"))))
        facts.append(ProcedureFact(frozenset(found) | category, when, status, text, reference, _named(found)))
    return tuple(facts)


def read_reactions(
    resources: Iterable[Resource], drugs: DrugIndex, code_sets: CodeSetIndex
) -> tuple[ReactionFact, ...]:
    """Read AllergyIntolerance and AdverseEvent of any FHIR version; refuted and potential ones are left out.

    Medication records among the resources resolve what an adverse event points to.
    """
    resources = list(map(as_mapping, resources))
    records = {reference_of(resource): resource for resource in resources}
    allergies = _of_type(resources, "AllergyIntolerance")
    events = (
        event
        for event in _of_type(resources, "AdverseEvent")
        if event.get("actuality") != "potential" and event.get("category") != "PAE"
    )
    return (
        *(_allergy(one, drugs, code_sets) for one in allergies if one.get("status") != "refuted"),
        *(_adverse_event(one, records, drugs, code_sets) for one in events),
    )


def _allergy(resource: Resource, drugs: DrugIndex, code_sets: CodeSetIndex) -> ReactionFact:
    substance = resource.get("code") or resource.get("substance")
    reactions = [as_mapping(row) for row in as_list(resource.get("reaction"))]
    manifestations = [one for row in reactions for one in as_list(row.get("manifestation"))]
    descriptions = [as_text(row.get("description")) for row in reactions]
    text = concept_text(substance)
    words = [concept_text(concept_of(one)) for one in manifestations] + descriptions
    named = {match.code_set for phrase in (text, *descriptions) for match in code_sets.named(phrase)}
    criticality = _status(resource.get("criticality"))
    onsets = (parse_when(row.get("onset")) for row in reactions)
    culprits = [substance, *(row["substance"] for row in reactions if "substance" in row)]
    return ReactionFact(
        drugs=frozenset[str]().union(*(drugs.identify(one).drugs for one in culprits)),
        sets=frozenset(named).union(*map(code_sets.sets_of, manifestations)),
        severity=_worst(row.get("severity") for row in reactions),
        criticality=_CRITICALITIES.get(criticality, criticality),
        when=first_when(resource, "onsetDateTime", "onsetPeriod", "onset", "onsetString")
        or next(filter(None, onsets), None)
        or first_when(resource, "lastOccurrence", "lastOccurence", "recordedDate", "assertedDate"),
        text=text,
        reference=reference_of(resource),
        manifestation="; ".join(filter(None, words)),
        grade=_grade(text, *words),
        active=(_status(resource.get("clinicalStatus")) or _status(resource.get("status"))) not in _GONE,
        attributed=any(concept_text(concept_of(one)) for one in culprits),
    )


def _adverse_event(
    resource: Resource, records: Mapping[str, Resource], drugs: DrugIndex, code_sets: CodeSetIndex
) -> ReactionFact:
    events = [resource.get(field) for field in ("event", "code", "type") if resource.get(field)]
    # STU3 says mild, moderate or severe in `seriousness`; what later versions say there names no severity.
    severity = resource.get("severity") or resource.get("seriousness")
    description = as_text(resource.get("description"))
    text = next(filter(None, map(concept_text, events)), "") or description
    suspects = [as_mapping(row) for row in as_list(resource.get("suspectEntity"))]
    likely = [row for row in suspects if not _UNLIKELY.search(_causality(row))]
    contained = {f"#{as_text(one.get('id'))}": one for one in map(as_mapping, as_list(resource.get("contained")))}
    found = frozenset[str]().union(*(_suspected(row, {**records, **contained}, drugs) for row in likely))
    if not suspects:
        found = drugs.identify_text(f"{text} {description}").drugs
    named = {match.code_set for match in code_sets.named(description)}
    return ReactionFact(
        drugs=found,
        sets=frozenset(named).union(*map(code_sets.sets_of, events)),
        severity=_worst([severity]),
        criticality="",
        when=first_when(resource, "date", "occurrenceDateTime", "occurrencePeriod", "detected", "recordedDate"),
        text=text,
        reference=reference_of(resource),
        manifestation=description if description != text else "",
        grade=_grade(concept_text(severity), text, description),
        active=not any(code.lower().startswith(_OVER) for code in codes(resource.get("outcome"))),
        attributed=bool(likely) or bool(found),
    )


def _suspected(entity: Mapping[str, Any], records: Mapping[str, Resource], drugs: DrugIndex) -> frozenset[str]:
    """Return the drugs one suspect of an adverse event stands for."""
    found = drugs.identify(entity.get("instanceCodeableConcept")).drugs
    for instance in (as_mapping(entity.get("instance")), as_mapping(entity.get("instanceReference"))):
        target = as_text(instance.get("reference")).split("/_history/")[0]
        record = records.get(target) or records.get("/".join(target.split("/")[-2:]))
        if record is None:
            found |= drugs.identify_text(as_text(instance.get("display"))).drugs
        elif record.get("resourceType") in MEDICATION_TYPES:
            found |= identify_medication(record, drugs, medications_by_id(records.values()))[0].drugs
        else:
            found |= drugs.identify(record).drugs
    return found


def _causality(entity: Mapping[str, Any]) -> str:
    """Return the words of a causality assessment (R4 list, R5 object, STU3 fields)."""
    rows = list(map(as_mapping, as_list(entity.get("causality"))))
    words = [concept_text(row.get(field)) for row in rows for field in _CAUSALITY_FIELDS]
    words += [as_text(row.get("productRelatedness")) for row in rows]
    words += [concept_text(entity.get("causalityAssessment")), as_text(entity.get("causalityProductRelatedness"))]
    return " ".join(words)


def _worst(values: Iterable[object]) -> str:
    """Return the worst severity among codes and words; life-threatening and fatal count as severe."""
    text = " ".join(word for value in values for word in (*sorted(codes(value)), concept_text(value)))
    return next((name for name, words in _SEVERITY_WORDS.items() if words.search(text)), "")


def _grade(*texts: str) -> int | None:
    """Return the highest CTCAE grade the words mention."""
    return max((int(hit) for text in texts for hit in _GRADE.findall(text)), default=None)


def read_research_subjects(resources: Iterable[Resource]) -> tuple[ResearchSubjectFact, ...]:
    """Read the ResearchSubjects of any FHIR version."""
    facts = []
    for resource in _of_type(resources, "ResearchSubject"):
        progress = [as_mapping(row) for row in as_list(resource.get("progress"))]
        current = [row for row in progress if not row.get("endDate")] or progress
        states = [state for row in current if (state := _status(row.get("subjectState")))]
        status = states[-1] if states else _status(resource.get("status"))
        study, ended = as_mapping(resource.get("study")), period_end(resource.get("period"))
        name = as_text(study.get("display")) or as_text(study.get("reference"))
        facts.append(ResearchSubjectFact(status in _TAKING_PART, status, name, ended, reference_of(resource)))
    return tuple(facts)
