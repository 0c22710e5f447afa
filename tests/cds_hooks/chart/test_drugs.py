"""Drug identification: codings first, names last, any JSON tolerated."""

from __future__ import annotations

import timeit
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cds_hooks.knowledge
from cds_hooks.chart.drugs import DrugIndex, DrugMatch, MatchBasis, ndc_products
from cds_hooks.chart.fhir import ATC, NDC, RXNORM, SNOMED
from cds_hooks.knowledge.terminology import Code, Drug, DrugClass, DrugCode, DrugFile, ExcludedCode
from cds_hooks.knowledge.yaml_document import read_yaml

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["coding", "code", "system", "display", "text", "concept", "reference", "ingredient", "item", "form",
             "itemCodeableConcept", "resourceType", "product", "isActive"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
VENDOR = "urn:oid:1.2.840.114350.1.13.861.1.7.2.698288"


def shipped() -> DrugIndex:
    files = sorted((Path(cds_hooks.knowledge.__file__).parent / "drugs").glob("*.yaml"))
    read = [msgspec.convert(read_yaml(path, path.name).content, DrugFile, strict=True) for path in files]
    return DrugIndex(
        {key: drug for file in read for key, drug in file.drugs.items()},
        {key: one for file in read for key, one in file.classes.items()},
    )


INDEX = shipped()


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(*codings: dict[str, str], text: str = "") -> dict[str, Any]:
    return {"coding": list(codings), **({"text": text} if text else {})}


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found",
    [
        coding(RXNORM, "342369"),
        coding(RXNORM, "602910"),
        coding(RXNORM, "616114"),
        coding("urn:oid:2.16.840.1.113883.6.88", "602909"),
        coding(ATC, "L04AX04"),
        coding(ATC, "l04ax04"),
        coding(NDC, "59572-410-28"),
        coding(NDC, "59572041028"),
        coding(RXNORM, " 342369 "),
    ],
)
def test_lenalidomide_by_any_code(found: dict[str, str]) -> None:
    match = INDEX.identify(concept(found))
    assert match.drugs == {"lenalidomide"}
    assert match.basis is MatchBasis.CODE


def test_several_rxnorm_codes_of_mixed_term_types_mean_one_drug_with_its_strength() -> None:
    epic = concept(
        *(coding(RXNORM, code) for code in ("342369", "602909", "602910", "616114", "602908")),
        coding(VENDOR, "84212", "REVLIMID 10 MG PO CAPS"),
        text="lenalidomide (REVLIMID) 10 mg capsule",
    )
    assert INDEX.identify(epic) == DrugMatch(
        frozenset({"lenalidomide"}), MatchBasis.CODE, 10.0, "lenalidomide (REVLIMID) 10 mg capsule"
    )


def test_codes_that_disagree_on_the_strength_say_none() -> None:
    match = INDEX.identify(concept(coding(RXNORM, "602910"), coding(RXNORM, "643712")))
    assert match.drugs == {"lenalidomide"}
    assert match.strength_mg is None


def test_codes_that_agree_on_no_drug_mean_all_of_them() -> None:
    match = INDEX.identify(concept(coding(RXNORM, "1191"), coding(RXNORM, "3521")))
    assert match.drugs == {"aspirin", "dipyridamole"}
    assert match.strength_mg is None


def test_an_ambiguous_code_is_settled_by_a_narrower_one() -> None:
    broad, narrow = DrugCode("1", "x", "test"), DrugCode("2", "x", "test")
    index = DrugIndex({"one": Drug("one", RxNorm=(broad, narrow)), "other": Drug("other", RxNorm=(broad,))}, {})
    assert index.identify(concept(coding(RXNORM, "1"))).drugs == {"one", "other"}
    assert index.identify(concept(coding(RXNORM, "1"), coding(RXNORM, "2"))).drugs == {"one"}


def test_a_vendor_code_alone_says_nothing() -> None:
    assert INDEX.identify(concept(coding(VENDOR, "342369"))).drugs == frozenset()


def test_a_new_member_of_an_atc_group_is_known_by_its_class() -> None:
    match = INDEX.identify(concept(coding(ATC, "L01FF99", "newlimab")))
    assert match.drugs == {"pd1PdL1Antibody"}
    assert match.drugs <= INDEX.members("pd1PdL1Antibody")
    assert INDEX.identify(concept(coding(ATC, "L01FF"))).drugs == {"pd1PdL1Antibody"}


def test_the_class_does_not_stand_beside_a_member_named_by_another_code() -> None:
    match = INDEX.identify(concept(coding(ATC, "L01FF99"), coding(RXNORM, "1547545")))
    assert match.drugs == {"pembrolizumab"}


def test_unverified_rows_and_classes_never_match() -> None:
    rxnorm, snomed = (DrugCode(code, "x", "memory", verified=False) for code in "12")
    index = DrugIndex(
        {"one": Drug("one", RxNorm=(rxnorm,), SNOMED=(snomed,))},
        {"group": DrugClass("group", ATC=(Code("A01", "x", "memory", verified=False),))},
    )
    for found in (coding(RXNORM, "1"), coding(SNOMED, "2"), coding(ATC, "A01AA01")):
        assert not index.identify(concept(found)).drugs


def test_members_of_a_class_a_drug_and_nothing() -> None:
    assert INDEX.members("lenalidomide") == {"lenalidomide"}
    assert {"lenalidomide", "thalidomide", "pomalidomide", "iberdomide"} < INDEX.members("thalidomideAnalogue")
    with pytest.raises(KeyError):
        INDEX.members("lenalidomid")


# --- NDC --------------------------------------------------------------------------------------------------------------

PRODUCTS = [("59572-410", 10), ("0378-1936", 5), ("69097-385", 25), ("60219-1718", 20)]


@given(st.sampled_from(PRODUCTS), st.integers(0, 99), st.sampled_from(["", " "]))
def test_every_spelling_of_a_package_code_is_found(product: tuple[str, float], package: int, space: str) -> None:
    labeler, number = product[0].split("-")
    eleven_digits = f"{labeler:0>5}{number:0>4}{package:02}"
    short_package = str(package % 10) if len(labeler + number) == 9 else f"{package:02}"
    spellings = {
        f"{labeler}-{number}",
        f"{labeler}-{number}-{short_package}",
        f"{labeler}{number}{short_package}",
        f"{labeler:0>5}-{number:0>4}-{package:02}",
        eleven_digits,
        eleven_digits.lstrip("0"),
    }
    for spelling in spellings:
        match = INDEX.identify(concept(coding(NDC, space + spelling)))
        assert match.drugs == {"lenalidomide"}, spelling
        assert match.strength_mg == product[1]


@given(st.from_regex(r"[0-9*-]{0,14}", fullmatch=True))
def test_ndc_products_are_nine_digits(code: str) -> None:
    assert all(len(product) == 9 and product.isdigit() for product in ndc_products(code))


@pytest.mark.parametrize("code", ["", "abc", "59572", "59572-410-28-1", "123456789012345", "595724-10410-28", "1-"])
def test_what_is_no_ndc_means_no_product(code: str) -> None:
    assert ndc_products(code) == ()


def test_ten_digits_without_hyphens_may_be_three_products() -> None:
    assert ndc_products("5957241028") == ("059572410", "595720410", "595724102")


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Lenalidomide 10 mg capsule",
        "REVLIMID 25 MG",
        "".join(chr(ord(letter) + 0xFEE0) for letter in "lenalidomide"),  # full-width letters
        "lena\u200blidomide 5 mg",
        "oral lenalidomide, 21 days",
    ],
)
def test_names_are_folded_and_whole_words(text: str) -> None:
    match = INDEX.identify({"text": text})
    assert match.drugs == {"lenalidomide"}
    assert match.basis is MatchBasis.NAME
    assert match == INDEX.identify_text(text)


@pytest.mark.parametrize("text", ["prelenalidomide", "revlimidX", "lenalidomid", "", "10 mg capsule"])
def test_parts_of_words_are_no_names(text: str) -> None:
    assert INDEX.identify({"text": text}).basis is MatchBasis.NONE


def test_a_known_code_outranks_the_text() -> None:
    match = INDEX.identify(concept(coding(RXNORM, "11289"), text="Revlimid 10 mg"))
    assert match.drugs == {"warfarin"}
    assert match.text == "Revlimid 10 mg"


@pytest.mark.parametrize("system", [RXNORM, NDC, SNOMED])
def test_text_does_not_count_when_a_known_system_names_something_else(system: str) -> None:
    other = coding(system, "861007", "metformin hydrochloride 500 MG Oral Tablet")
    assert not INDEX.identify(concept(other, text="lenalidomide")).drugs
    assert not INDEX.identify(concept(other, coding(VENDOR, "1", "Revlimid"))).drugs


def test_text_counts_when_the_code_is_unknown_and_says_nothing() -> None:
    match = INDEX.identify(concept(coding(NDC, "43598-511-21"), text="Lenalidomide 10 mg cap"))
    assert match.drugs == {"lenalidomide"}
    assert match.basis is MatchBasis.NAME


def test_the_display_of_an_unknown_code_is_read() -> None:
    match = INDEX.identify(concept(coding(RXNORM, "9999999", "lenalidomide 7.5 MG Oral Capsule")))
    assert match.drugs == {"lenalidomide"}
    assert match.basis is MatchBasis.NAME
    assert match.strength_mg is None


def test_the_display_of_a_vendor_code_is_read() -> None:
    assert INDEX.identify(concept(coding(VENDOR, "1", "REVLIMID 5 MG PO CAPS"))).drugs == {"lenalidomide"}


def test_an_atc_group_code_says_nothing_against_the_text() -> None:
    assert INDEX.identify(concept(coding(ATC, "L04AX", "Other immunosuppressants"), text="Revlimid")).drugs


def test_excluded_words_and_routes_take_a_drug_out_even_when_coded() -> None:
    index = DrugIndex(
        {
            "drops": Drug(
                "drops",
                names=("drops",),
                not_names=("antidote",),
                routes_excluded=("eye",),
                RxNorm=(DrugCode("1", "drops", "test"),),
                excluded=(ExcludedCode("2", "eye drops", "eye"),),
            )
        },
        {},
    )
    assert index.identify(concept(coding(RXNORM, "1"))).drugs
    assert not index.identify(concept(coding(RXNORM, "1"), text="antidote of drops")).drugs
    assert not index.identify(concept(coding(RXNORM, "1")), route_and_form="Eye drops").drugs
    assert not index.identify(concept(coding(RXNORM, "1"), coding(RXNORM, "2"))).drugs
    assert not index.identify(concept(coding(RXNORM, "2", "drops"))).drugs
    assert index.identify(concept(coding(RXNORM, "1"), text="eyelid drops")).drugs


# --- shapes -----------------------------------------------------------------------------------------------------------

LENALIDOMIDE = concept(coding(RXNORM, "602910"))


@pytest.mark.parametrize(
    "medication",
    [
        LENALIDOMIDE,
        {"concept": LENALIDOMIDE},
        [LENALIDOMIDE],
        {"system": RXNORM, "code": "602910"},
        {"resourceType": "Medication", "code": LENALIDOMIDE, "text": {"div": "<div>warfarin</div>"}},
        {"resourceType": "Medication", "ingredient": [{"itemCodeableConcept": LENALIDOMIDE}]},
        {"resourceType": "Medication", "code": {"text": "x"}, "ingredient": [{"item": {"concept": LENALIDOMIDE}}]},
        {"resourceType": "Medication", "product": {"ingredient": [{"itemCodeableConcept": LENALIDOMIDE}]}},
        {"resourceType": "Medication", "product": {"ingredient": [{"item": {"display": "lenalidomide"}}]}},
        {"resourceType": "Medication", "ingredient": [{"itemReference": {"display": "lenalidomide"}}]},
        "lenalidomide",
    ],
)  # fmt: skip
def test_every_shape_of_a_medication_is_read(medication: Any) -> None:
    assert INDEX.identify(medication).drugs == {"lenalidomide"}


def test_an_inactive_ingredient_is_not_a_drug() -> None:
    medication = {
        "resourceType": "Medication",
        "ingredient": [{"itemCodeableConcept": LENALIDOMIDE, "isActive": False}],
    }
    assert not INDEX.identify(medication).drugs


def test_the_dose_form_of_a_medication_resource_counts_as_route() -> None:
    eye_drops = {"resourceType": "Medication", "code": concept(coding(RXNORM, "3264")), "form": {"text": "eye drops"}}
    assert not INDEX.identify(eye_drops).drugs


def test_the_text_for_the_clinician_falls_back_to_display_knowledge_and_code() -> None:
    assert INDEX.identify(concept(coding(RXNORM, "602910", "len 10"))).text == "len 10"
    assert INDEX.identify(concept(coding(RXNORM, "602910"))).text == "lenalidomide 10 MG Oral Capsule"
    assert INDEX.identify(concept(coding(RXNORM, "1"))).text == "1"


@given(JSON, st.text(max_size=10))
def test_any_json_is_tolerated(medication: Any, words: str) -> None:
    assert isinstance(INDEX.identify(medication, route_and_form=words), DrugMatch)
    assert isinstance(INDEX.identify_text(words), DrugMatch)


def test_an_irrelevant_order_costs_next_to_nothing() -> None:
    order = concept(coding(RXNORM, "198222", "Spironolactone 100 MG Oral Tablet"), text="Spironolactone 100 mg")
    seconds = min(timeit.repeat(lambda: INDEX.identify(order), number=500, repeat=5)) / 500
    assert seconds < 100e-6  # about 7 microseconds on a laptop; the rest is room for a busy build machine
