"""Reproductive potential: what is read, and what no case can write. The clinical cases: reproductive_potential.yaml."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_hooks.chart.chart import Chart, Reader, build_chart, make_reader
from cds_hooks.chart.reproduction import ReproductivePotential, ReproductiveStatus, reproductive_status
from cds_hooks.knowledge.loader import load_knowledge

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PARAMETER = "http://hl7.org/fhir/StructureDefinition/patient-sexParameterForClinicalUse"
US_CORE_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex"
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
YES, NOT_EXCLUDED, NO = ReproductivePotential


@pytest.fixture(scope="module")
def reader() -> Reader:
    return make_reader(load_knowledge())


def patient(**content: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1990-06-01", **content}


def about_patient(kind: str, **content: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "one", "subject": {"reference": "Patient/p"}, **content}


def parameter(*codes: str) -> list[dict[str, Any]]:
    return [
        {"url": PARAMETER, "extension": [{"url": "value", "valueCodeableConcept": {"coding": [{"code": code}]}}]}
        for code in codes
    ]


def chart(reader: Reader, *resources: dict[str, Any], **gaps: str) -> Chart:
    return build_chart(reader, now=NOW, hook="order-sign", patient_id="p", drafts=(), resources=resources, gaps=gaps)


def status(reader: Reader, *resources: dict[str, Any]) -> ReproductiveStatus:
    return reproductive_status(chart(reader, *resources), reader.knowledge)


def test_age_alone_is_read_where_it_decides(reader: Reader) -> None:
    view = chart(reader, patient(birthDate="1950-01-01"))
    assert reproductive_status(view, reader.knowledge).potential is NO
    assert view.reads == {"patient"}


def test_nothing_but_the_patient_is_read_of_a_man_by_birth_sex(reader: Reader) -> None:
    view = chart(reader, patient(gender="male", extension=[{"url": BIRTH_SEX, "valueCode": "M"}]))
    assert reproductive_status(view, reader.knowledge).potential is NO
    assert view.reads == {"patient"}


def test_a_man_by_administrative_gender_is_searched_for_female_organs(reader: Reader) -> None:
    view = chart(reader, patient(gender="male"))
    assert reproductive_status(view, reader.knowledge).potential is NO
    assert view.reads == {"patient", "conditions", "procedures"}


def test_everybody_who_asks_has_read_what_it_rests_on(reader: Reader) -> None:
    view = chart(reader, patient())
    first = reproductive_status(view.watched(), reader.knowledge)
    later = view.watched()
    assert reproductive_status(later, reader.knowledge) is first
    assert later.reads == {"patient", "conditions", "procedures", "pregnancy"}


def test_without_a_patient_nothing_is_guessed(reader: Reader) -> None:
    with pytest.raises(LookupError):
        status(reader)


@pytest.mark.parametrize(
    ("extension", "gender", "expected"),
    [
        (parameter("unknown", "female-typical"), "male", YES),
        (parameter("unknown"), "male", NO),
        ([{"url": US_CORE_SEX, "valueCode": "248152002"}], "male", YES),
        ([{"url": US_CORE_SEX, "valueCoding": {"code": "248152002"}}], "male", YES),
        ([{"url": US_CORE_SEX, "valueCode": "248153007"}], "female", NO),
        ([{"url": BIRTH_SEX, "valueCode": "UNK"}, {"url": US_CORE_SEX, "valueCode": "248152002"}], "male", YES),
        ([{"url": BIRTH_SEX, "valueCode": "ASKU"}], "", NOT_EXCLUDED),
        ("not a list", "female", YES),
        ([None, 7, {"url": None}], "female", YES),
    ],
)
def test_sex_as_real_records_write_it(
    reader: Reader, extension: Any, gender: str, expected: ReproductivePotential
) -> None:
    assert status(reader, patient(extension=extension, gender=gender)).potential is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TOTAL ABDOMINAL HYSTERECTOMY", NO),
        ("Discussed hysterectomy", NOT_EXCLUDED),
        ("TAH/BSO 2010", NOT_EXCLUDED),
        ("Patient declined hysterectomy", YES),
        ("Family history of hysterectomy", YES),
        ("Hysteroscopy", YES),
    ],
)
def test_an_uncoded_procedure_proves_only_what_is_its_whole_text(
    reader: Reader, text: str, expected: ReproductivePotential
) -> None:
    procedure = about_patient("Procedure", status="completed", code={"text": text}, performedDateTime="2019-04-01")
    assert status(reader, patient(), procedure).potential is expected


def test_a_procedure_of_another_patient_excludes_nothing(reader: Reader) -> None:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "236886002"}]}
    procedure = about_patient("Procedure", status="completed", code=code, subject={"reference": "Patient/else"})
    assert status(reader, patient(), procedure).potential is YES


@pytest.mark.parametrize(("age", "expected"), [(50, NO), (51, NO), (52, NOT_EXCLUDED), (53, YES), (38, NOT_EXCLUDED)])
def test_menopause_known_by_age_at_onset(reader: Reader, age: int, expected: ReproductivePotential) -> None:
    """A year of age leaves the month open; at 38 it is premature, so that at 54 nothing excludes."""
    menopause = about_patient(
        "Condition",
        clinicalStatus={"coding": [{"code": "active"}]},
        code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z78.0"}]},
        onsetAge={"value": age, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"},
    )
    assert status(reader, patient(birthDate="1971-09-01"), menopause).potential is expected


def test_the_answer_cites_the_limits_that_decided(reader: Reader) -> None:
    assert status(reader, patient(birthDate="1970-01-01")).figures == tuple(
        reader.knowledge.figures[key] for key in ("menopausalAgeFrom", "menopauseMonths")
    )
