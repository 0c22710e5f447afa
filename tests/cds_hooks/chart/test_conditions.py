"""Conditions, procedures, reactions and study participation of every FHIR version as facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cds_hooks.knowledge
from cds_hooks.chart.code_sets import CodeSetIndex
from cds_hooks.chart.conditions import (
    read_conditions,
    read_procedures,
    read_reactions,
    read_research_subjects,
)
from cds_hooks.chart.drugs import DrugIndex
from cds_hooks.chart.fhir import ICD10CM, RXNORM, SNOMED
from cds_hooks.chart.when import parse_when
from cds_hooks.knowledge.terminology import Code, CodeSet, CodeSetFile, DrugFile, ExcludedCode
from cds_hooks.knowledge.yaml_document import read_yaml

KNOWLEDGE = Path(cds_hooks.knowledge.__file__).parent


def load(folder: str, shape: Any) -> list[Any]:
    paths = sorted((KNOWLEDGE / folder).glob("*.yaml"))
    return [msgspec.convert(read_yaml(path, path.name).content, shape, strict=True) for path in paths]


DRUG_FILES = load("drugs", DrugFile)
DRUGS = DrugIndex(
    {key: drug for file in DRUG_FILES for key, drug in file.drugs.items()},
    {key: one for file in DRUG_FILES for key, one in file.classes.items()},
)
SETS = CodeSetIndex({key: one for file in load("code_sets", CodeSetFile) for key, one in file.code_sets.items()})

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["code", "coding", "system", "display", "text", "clinicalStatus", "verificationStatus", "status",
             "reaction", "manifestation", "severity", "suspectEntity", "instance", "reference", "event", "onsetAge",
             "value", "unit", "onsetDateTime", "abatementString", "contained", "progress", "subjectState", "onset",
             "substance", "causality", "id", "performedPeriod", "start", "study", "concept", "description",
             "instanceCodeableConcept"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=14,
)  # fmt: skip


def icd(code: str, text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": ICD10CM, "code": code}], "text": text}


def snomed(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SNOMED, "code": code}]}


def status(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": code}]}


def condition(**fields: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c1", "code": icd("C90.00", "Multiple myeloma"), **fields}


# --- code sets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["C90.00", "C9000", "c90.02", "C90.0", " C90.01 "])
def test_icd_codes_match_by_category_with_or_without_dot(code: str) -> None:
    assert SETS.sets_of(icd(code)) == {"multipleMyeloma"}


@pytest.mark.parametrize("code", ["C90", "C9", "", "C91.00"])
def test_a_category_above_or_beside_does_not_match(code: str) -> None:
    assert not SETS.sets_of(icd(code))


def test_a_match_says_which_code_or_words_decided() -> None:
    match = SETS.matches(icd("C90.00"), "mantleCellLymphoma", "multipleMyeloma")
    assert match is not None
    assert (match.code_set, match.code) == ("multipleMyeloma", "C90.00")
    named = SETS.matches({"text": "Multiple Myeloma, IgG kappa"})
    assert named is not None
    assert (named.code, named.text) == ("", "Multiple Myeloma, IgG kappa")
    assert SETS.matches(icd("C90.00"), "mantleCellLymphoma") is None


def test_words_count_only_without_a_code_of_a_known_system() -> None:
    assert not SETS.sets_of(icd("Z00.00", "multiple myeloma"))
    vendor = {"coding": [{"system": "urn:oid:1.2.3", "code": "1", "display": "Multiple myeloma (HCC)"}]}
    assert SETS.sets_of(vendor) == {"multipleMyeloma"}


def test_an_exclusion_further_down_cuts_out_of_a_prefix_and_a_longer_entry_comes_back() -> None:
    def row(code: str) -> Code:
        return Code(code, "x", "test")

    index = CodeSetIndex(
        {"one": CodeSet("one", ICD10CM=(row("A00"), row("A00.11")), excluded=(ExcludedCode("A00.1", "x", "test"),))}
    )
    codes = ["A00.0", "A00.1", "A00.10", "A00.11", "A00.119"]
    assert [bool(index.sets_of(icd(code))) for code in codes] == [True, False, False, True, True]


@pytest.mark.parametrize(
    "concept",
    [
        icd("I26.99"),
        [icd("I26.99")],
        {"concept": icd("I26.99")},
        {"reference": {"reference": "Observation/1", "display": "Pulmonary embolism"}},
        {"system": ICD10CM, "code": "I26.99"},
        {"text": "acute pulmonary embolism"},
    ],
)
def test_every_shape_of_a_concept_is_read(concept: Any) -> None:
    assert SETS.sets_of(concept) == {"venousThromboembolism"}


@pytest.mark.parametrize(
    "text",
    ["No DVT", "family history of DVT", "DVT prophylaxis", "at risk for DVT", "r/o pulmonary embolism", "denies DVT",
     "not pregnant", "planned hysterectomy", "wants no hysterectomy", "hepatitis B vaccination", "IUD removed",
     "removal of IUD", "pregnancy test", "trying to become pregnant"],
)  # fmt: skip
def test_words_that_deny_plan_or_speak_of_others_do_not_count(text: str) -> None:
    unwanted = {"venousThromboembolism", "pregnancy", "hysterectomy", "viralHepatitis", "intrauterineDevice"}
    assert not SETS.sets_of({"text": text}) & unwanted


@pytest.mark.parametrize(
    ("text", "code_set"),
    [("Multiple myeloma not having achieved remission", "multipleMyeloma"), ("CLL/SLL", "chronicLymphocyticLeukemia"),
     ("G2P1, no bleeding, pregnant", "pregnancy"), ("s/p hysterectomy 2010", "hysterectomy"),
     ("History of DVT", "priorVenousThromboembolism"), ("ESRD on hemodialysis", "dialysis")],
)  # fmt: skip
def test_words_elsewhere_in_the_text_do_not_deny(text: str, code_set: str) -> None:
    assert SETS.matches({"text": text}, code_set) is not None


# --- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({}, True),
        ({"clinicalStatus": "active"}, True),
        ({"clinicalStatus": status("active")}, True),
        ({"clinicalStatus": status("relapse")}, True),
        ({"clinicalStatus": status("recurrence")}, True),
        ({"clinicalStatus": status("remission")}, True),
        ({"clinicalStatus": {"text": "Resolved"}}, False),
        ({"clinicalStatus": "resolved"}, False),
        ({"clinicalStatus": status("inactive")}, False),
        ({"abatementDateTime": "2020-01-01"}, False),
        ({"abatementBoolean": True}, False),
        ({"abatementBoolean": False}, True),
        ({"abatementString": "last year"}, False),
        ({"clinicalStatus": "active", "abatementDateTime": "2020-01-01"}, True),
    ],
)
def test_active_goes_by_the_status_and_without_one_by_the_abatement(fields: dict[str, Any], active: bool) -> None:
    (fact,) = read_conditions([condition(**fields)], SETS)
    assert fact.active is active


@pytest.mark.parametrize(
    "fields",
    [{"verificationStatus": "refuted"}, {"verificationStatus": "entered-in-error"},
     {"verificationStatus": status("refuted")}, {"status": "entered-in-error"}, {"status": "cancelled"}],
)  # fmt: skip
def test_refuted_and_mistaken_conditions_are_no_facts(fields: dict[str, Any]) -> None:
    assert read_conditions([condition(**fields)], SETS) == ()


def test_what_is_only_history_is_not_active() -> None:
    facts = read_conditions(
        [condition(code={"text": text}) for text in ("History of pneumonia", "pneumonia", "h/o hysterectomy")], SETS
    )
    assert [fact.active for fact in facts] == [False, True, True]
    assert facts[0].sets == {"activeInfection"}


def test_the_fields_of_a_condition() -> None:
    (fact,) = read_conditions(
        [
            condition(
                code=icd("L27.0", "Drug rash, grade 3"),
                onsetDateTime="2024-03-01",
                recordedDate="2024-03-05",
                abatementPeriod={"start": "2024-04-01", "end": "2024-04-03"},
                severity=snomed("24484000"),
                verificationStatus=status("provisional"),
            )
        ],
        SETS,
    )
    assert (str(fact.onset), str(fact.recorded), str(fact.abated)) == ("2024-03-01", "2024-03-05", "2024-04-03")
    assert (fact.sets, fact.text, fact.reference) == (frozenset({"rash"}), "Drug rash, grade 3", "Condition/c1")
    assert (fact.severity, fact.grade, fact.verification_status) == ("severe", 3, "provisional")


@pytest.mark.parametrize(
    ("fields", "onset"),
    [
        ({"onsetPeriod": {"start": "2019", "end": "2020"}}, "2019-01-01"),
        ({"onsetString": "2018-05"}, "2018-05-01"),
        ({"onsetString": "long ago"}, "None"),
        ({"onsetAge": {"value": 50, "unit": "years", "code": "a"}}, "2010-01-01"),
        ({"onsetQuantity": {"value": 50, "unit": "years"}}, "2010-01-01"),
        ({"onsetAge": {"value": 500, "code": "a"}}, "None"),
        ({"onsetAge": {"value": "x"}}, "None"),
    ],
)
def test_onset_as_period_text_or_age(fields: dict[str, Any], onset: str) -> None:
    (fact,) = read_conditions([condition(**fields)], SETS, birth=parse_when("1960-01-01"))
    assert str(fact.onset) == onset


@pytest.mark.parametrize("field", ["recordedDate", "assertedDate", "dateRecorded"])
def test_the_recording_date_of_every_version(field: str) -> None:
    (fact,) = read_conditions([condition(**{field: "2024-01-02"})], SETS)
    assert str(fact.recorded) == "2024-01-02"


# --- procedures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [{"status": name} for name in ("not-done", "preparation", "stopped", "entered-in-error", "cancelled", "aborted",
                                   "on-hold", "suspended")] + [{"notPerformed": True}, {"notDone": True}],
)  # fmt: skip
def test_procedures_that_were_not_done_are_no_facts(fields: dict[str, Any]) -> None:
    procedure = {"resourceType": "Procedure", "code": snomed("236886002"), "status": "completed", **fields}
    assert read_procedures([procedure], SETS) == ()


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"performedDateTime": "2015-06-01"}, "2015-06-01"),
        ({"performedPeriod": {"start": "2015-05-01", "end": "2015-06-01"}}, "2015-06-01"),
        ({"performedString": "2015"}, "2015-01-01"),
        ({"occurrenceDateTime": "2015-06-01T10:00:00Z"}, "2015-06-01 10:00 UTC"),
        ({}, "None"),
    ],
)
def test_procedure_dates_of_every_version(fields: dict[str, Any], when: str) -> None:
    procedure = {"resourceType": "Procedure", "id": "p", "code": snomed("236886002"), "status": "completed", **fields}
    (fact,) = read_procedures([procedure], SETS)
    assert (str(fact.when), fact.sets, fact.reference) == (when, frozenset({"hysterectomy"}), "Procedure/p")


# --- reactions --------------------------------------------------------------------------------------------------------

LENALIDOMIDE = {"coding": [{"system": RXNORM, "code": "342369"}]}
SEVERE = {"severity": "severe"}


@pytest.mark.parametrize(
    "allergy",
    [
        {"code": LENALIDOMIDE, "reaction": [{"manifestation": [snomed("41291007")], "severity": "severe"}]},
        {"substance": LENALIDOMIDE, "reaction": [{"manifestation": [{"text": "Angioedema"}], "severity": "severe"}]},
        {"code": {"text": "Revlimid"}, "reaction": [{"manifestation": [{"concept": snomed("41291007")}], **SEVERE}]},
        {"code": {"text": "drug"}, "reaction": [{"substance": LENALIDOMIDE, "description": "angioedema", **SEVERE}]},
        {"code": {"text": "lenalidomide (angioedema)"}, "reaction": [{"severity": "mild"}, {"severity": "severe"}]},
    ],
)  # fmt: skip
def test_allergies_of_every_version(allergy: dict[str, Any]) -> None:
    (fact,) = read_reactions([{"resourceType": "AllergyIntolerance", **allergy}], DRUGS, SETS)
    assert fact.drugs == {"lenalidomide"}
    assert fact.sets == {"angioedema"}
    assert fact.severity == "severe"


@pytest.mark.parametrize(("written", "read"), [("high", "high"), ("CRITH", "high"), ("CRITL", "low"), (None, "")])
def test_criticality_of_every_version(written: Any, read: str) -> None:
    allergy = {"resourceType": "AllergyIntolerance", "code": LENALIDOMIDE, "criticality": written}
    (fact,) = read_reactions([allergy], DRUGS, SETS)
    assert fact.criticality == read


def test_two_allergies_without_id_are_two_facts_and_refuted_ones_none() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "code": LENALIDOMIDE}
    refuted = {**allergy, "verificationStatus": status("refuted")}
    dstu2 = {**allergy, "status": "refuted"}
    assert len(read_reactions([allergy, allergy, refuted, dstu2], DRUGS, SETS)) == 2


def test_a_resolved_allergy_is_kept_and_marked() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "code": LENALIDOMIDE, "clinicalStatus": status("resolved")}
    (fact,) = read_reactions([allergy], DRUGS, SETS)
    assert not fact.active


def test_the_date_of_a_reaction_is_its_first() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "code": LENALIDOMIDE, "recordedDate": "2024-05-01"}
    dated = {**allergy, "reaction": [{"onset": "2023-01-01"}]}
    assert [str(fact.when) for fact in read_reactions([allergy, dated], DRUGS, SETS)] == ["2024-05-01", "2023-01-01"]


MEDICATION = {"resourceType": "Medication", "id": "m", "code": LENALIDOMIDE}
REQUEST = {"resourceType": "MedicationRequest", "id": "r", "medicationReference": {"reference": "Medication/m"}}


@pytest.mark.parametrize(
    "suspect",
    [
        {"instance": {"reference": "Medication/m"}},
        {"instance": {"reference": "https://ehr.example.org/fhir/Medication/m/_history/2"}},
        {"instance": {"reference": "MedicationRequest/r"}},
        {"instance": {"reference": "#c"}},
        {"instance": {"reference": "Medication/elsewhere", "display": "lenalidomide 10 mg"}},
        {"instanceCodeableConcept": LENALIDOMIDE},
        {"instanceReference": {"reference": "Medication/m"}},
    ],
)
def test_adverse_events_name_their_suspect_in_many_ways(suspect: dict[str, Any]) -> None:
    event = {
        "resourceType": "AdverseEvent",
        "id": "a",
        "event": {"text": "Stevens-Johnson syndrome"},
        "suspectEntity": [suspect],
        "contained": [{**MEDICATION, "id": "c"}],
        "date": "2024-02-01",
        "severity": {"text": "Grade 4, life-threatening"},
    }
    (fact,) = read_reactions([event, MEDICATION, REQUEST], DRUGS, SETS)
    assert (fact.drugs, fact.sets) == (frozenset({"lenalidomide"}), frozenset({"stevensJohnsonSyndrome"}))
    assert (fact.grade, fact.severity, str(fact.when)) == (4, "severe", "2024-02-01")
    assert fact.attributed


def test_an_unlikely_suspect_is_none_and_another_culprit_is_said() -> None:
    event = {"resourceType": "AdverseEvent", "event": {"text": "DRESS syndrome"}}
    unlikely = {"instance": {"display": "lenalidomide"}, "causality": [{"assessment": {"text": "Unlikely"}}]}
    culprit = {"instance": {"display": "carbamazepine"}}
    nobody, other = read_reactions(
        [{**event, "suspectEntity": [unlikely]}, {**event, "suspectEntity": [culprit]}], DRUGS, SETS
    )
    assert (nobody.drugs, nobody.attributed) == (frozenset(), False)
    assert (other.drugs, other.attributed) == (frozenset(), True)


def test_the_words_of_an_event_without_suspect_may_name_the_drug() -> None:
    event = {"resourceType": "AdverseEvent", "code": {"text": "Rash after thalidomide"}}
    (fact,) = read_reactions([event], DRUGS, SETS)
    assert (fact.drugs, fact.sets) == (frozenset({"thalidomide"}), frozenset({"rash"}))


@pytest.mark.parametrize("fields", [{"actuality": "potential"}, {"category": "PAE"}, {"status": "entered-in-error"}])
def test_events_that_did_not_happen_are_no_facts(fields: dict[str, Any]) -> None:
    event = {"resourceType": "AdverseEvent", "event": {"text": "rash"}, **fields}
    assert read_reactions([event], DRUGS, SETS) == ()


# --- studies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({"status": "on-study"}, True),
        ({"status": "on-study-intervention"}, True),
        ({"status": "enrolled"}, True),
        ({"status": "off-study"}, False),
        ({"status": "follow-up"}, False),
        ({"status": "candidate"}, False),
        ({"status": "active", "progress": [{"subjectState": status("on-study")}]}, True),
        ({"status": "active", "progress": [{"subjectState": status("withdrawn")}]}, False),
        ({"progress": [{"subjectState": "on-study", "endDate": "2020"}, {"subjectState": "off-study"}]}, False),
    ],
)  # fmt: skip
def test_study_participation_of_every_version(fields: dict[str, Any], active: bool) -> None:
    subject = {"resourceType": "ResearchSubject", "id": "s", "study": {"display": "Trial X"}, **fields}
    (fact,) = read_research_subjects([{**subject, "period": {"end": "2030-01-01"}}])
    assert (fact.active, fact.text, str(fact.ended)) == (active, "Trial X", "2030-01-01")


# --- tolerance --------------------------------------------------------------------------------------------------------


@given(
    JSON,
    st.sampled_from(["Condition", "Procedure", "AllergyIntolerance", "AdverseEvent", "ResearchSubject", "Medication"]),
)
def test_any_json_is_tolerated(content: Any, kind: str) -> None:
    resource = {**content, "resourceType": kind} if isinstance(content, dict) else content
    resources: list[Any] = [resource, {"resourceType": kind, "code": content, "reaction": content, "event": content}]
    read_conditions(resources, SETS, birth=parse_when("1960"))
    read_procedures(resources, SETS)
    read_reactions(resources, DRUGS, SETS)
    read_research_subjects(resources)
    SETS.sets_of(content)
