import re
from importlib import resources

import pytest
import simple_icd_10_cm

from service.sandbox.catalogue import Code, codeable_concept, load_catalogue

CATALOGUE = load_catalogue()
CODES = [
    *(code for measurement in CATALOGUE.results.values() for code in measurement.codes),
    *(
        code
        for group in (CATALOGUE.drugs, CATALOGUE.diseases, CATALOGUE.procedures)
        for codes in group.values()
        for code in codes
    ),
]


def loinc_check_digit(number: str) -> int:
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number))]
    return -sum(value // 10 + value % 10 for value in doubled) % 10


@pytest.mark.parametrize("code", [code for code in CODES if code.system == "loinc"], ids=lambda code: code.code)
def test_loinc_codes_have_the_right_check_digit(code: Code) -> None:
    number, digit = code.code.split("-")
    assert int(digit) == loinc_check_digit(number)


@pytest.mark.parametrize("code", [code for code in CODES if code.system == "icd10cm"], ids=lambda code: code.code)
def test_icd_codes_are_billable_and_named_as_in_the_classification(code: Code) -> None:
    assert simple_icd_10_cm.is_leaf(code.code)
    assert simple_icd_10_cm.get_description(code.code) == code.display


@pytest.mark.parametrize("code", CODES, ids=lambda code: f"{code.system}-{code.code}")
def test_every_code_keeps_its_source(code: Code) -> None:
    assert code.source
    if code.system in ("rxnorm", "snomed"):
        assert re.fullmatch("[0-9]+", code.code)


def test_a_concept_has_all_codes_and_the_first_name() -> None:
    concept = codeable_concept(CATALOGUE.diseases["multiple-myeloma"])
    assert [coding["code"] for coding in concept["coding"]] == ["C90.00", "109989006"]
    assert concept["text"] == "Multiple myeloma not having achieved remission"


def test_every_name_is_used_by_some_patient() -> None:
    folder = resources.files("service.sandbox").joinpath("patients")
    written = " ".join(file.read_text(encoding="utf-8") for file in folder.iterdir())
    names = {*CATALOGUE.results, *CATALOGUE.drugs, *CATALOGUE.diseases, *CATALOGUE.procedures}
    assert {name for name in names if not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", written)} == set()
