"""The drug files: codes are well formed, mean one thing, and the neighbours left out stay out."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import cds_hooks.knowledge
from cds_hooks.chart.drugs import DrugIndex, MatchBasis
from cds_hooks.chart.fhir import ATC, NDC, RXNORM, SNOMED
from cds_hooks.knowledge.terminology import Drug, DrugClass, DrugCode, DrugFile
from cds_hooks.knowledge.yaml_document import read_yaml

FOLDER = Path(cds_hooks.knowledge.__file__).parent / "drugs"
FILES = {
    path.name: msgspec.convert(read_yaml(path, path.name).content, DrugFile, strict=True)
    for path in sorted(FOLDER.glob("*.yaml"))
}
DRUGS: dict[str, Drug] = {key: drug for file in FILES.values() for key, drug in file.drugs.items()}
CLASSES: dict[str, DrugClass] = {key: one for file in FILES.values() for key, one in file.classes.items()}
INDEX = DrugIndex(DRUGS, CLASSES)

FORMS = {
    RXNORM: r"\d{2,7}",
    SNOMED: r"\d{6,18}",
    ATC: r"[A-Z]\d\d[A-Z]{2}\d\d",
    NDC: r"\d{4,5}-\d{3,4}",
}
AMBIGUOUS = {"4124", "G03CA01"}
"""Ethinyl estradiol alone: contraceptive or menopausal."""


def rows(drug: Drug) -> list[tuple[str, DrugCode]]:
    systems = ((RXNORM, drug.RxNorm), (SNOMED, drug.SNOMED), (ATC, drug.ATC), (NDC, drug.NDC))
    return [(system, row) for system, codes in systems for row in codes]


def concept(system: str, code: str, display: str = "", text: str = "") -> dict[str, object]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": text}


def system_of(code: str) -> str:
    if re.fullmatch(FORMS[NDC], code):
        return NDC
    return ATC if re.fullmatch(FORMS[ATC], code) else RXNORM


def verhoeff_holds(code: str) -> bool:
    """Check the check digit of a SNOMED CT identifier (Verhoeff: products in the dihedral group of order ten)."""
    check = 0
    for position, written in enumerate(reversed(code)):
        digit = int(written)
        for _ in range(position % 8):
            digit = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit]
        rotation = check - digit if check >= 5 else check + digit
        check = rotation % 5 + (5 if (check >= 5) != (digit >= 5) else 0)
    return check == 0


@pytest.mark.parametrize("key", sorted(DRUGS))
def test_codes_are_well_formed_and_have_a_source(key: str) -> None:
    for system, row in rows(DRUGS[key]):
        assert re.fullmatch(FORMS[system], row.code), row
        assert "/work" not in row.source and ".json in" not in row.source
        assert system != SNOMED or verhoeff_holds(row.code), row


@pytest.mark.parametrize("key", sorted(DRUGS))
def test_every_verified_code_identifies_its_drug_and_no_unverified_one_does(key: str) -> None:
    for system, row in rows(DRUGS[key]):
        match = INDEX.identify(concept(system, row.code))
        assert (key in match.drugs) is row.verified, row
        assert match.basis is (MatchBasis.CODE if row.verified else MatchBasis.NONE)
        if row.verified and row.code not in AMBIGUOUS:
            assert match.drugs == {key}
            assert match.strength_mg == row.strength_mg


@pytest.mark.parametrize("key", sorted(DRUGS))
def test_excluded_codes_do_not_match(key: str) -> None:
    for left_out in DRUGS[key].excluded:
        match = INDEX.identify(concept(system_of(left_out.code), left_out.code))
        assert key not in match.drugs, left_out
        if DRUGS[key].not_names or DRUGS[key].routes_excluded:
            named = INDEX.identify(concept(system_of(left_out.code), left_out.code, left_out.display, DRUGS[key].name))
            assert key not in named.drugs, left_out


@pytest.mark.parametrize("key", sorted(DRUGS))
def test_names_identify_their_drug(key: str) -> None:
    for name in DRUGS[key].names:
        assert key in INDEX.identify_text(f"{name.upper()} 10 MG CAPSULE").drugs
        if name.isalpha():
            assert not INDEX.identify_text(f"x{name}").drugs
            assert not INDEX.identify_text(f"{name}2").drugs


def test_only_ambiguous_codes_stand_under_two_drugs() -> None:
    seen: dict[tuple[str, str], str] = {}
    twice = set()
    for key, drug in DRUGS.items():
        for system, row in rows(drug):
            if seen.setdefault((system, row.code), key) != key:
                twice.add(row.code)
    assert twice == AMBIGUOUS


def test_keys_are_unique_across_the_files_and_classes_exist() -> None:
    assert sum(len(file.drugs) for file in FILES.values()) == len(DRUGS)
    assert {name for drug in DRUGS.values() for name in drug.classes} <= CLASSES.keys()
    assert CLASSES.keys() >= {
        "thalidomideAnalogue", "pd1PdL1Antibody", "antiCd38Antibody", "systemicCorticosteroid", "anticoagulant",
        "antiplatelet", "nsaid", "erythropoiesisStimulatingAgent", "systemicEstrogen", "hormonalContraceptive",
        "thyroidTreatment", "granulocyteColonyStimulatingFactor", "statin",
    }  # fmt: skip


@pytest.mark.parametrize("key", sorted(DRUGS))
def test_the_strength_is_the_one_the_display_says(key: str) -> None:
    alone = re.compile(r"[^/{]*? ([\d.]+) MG(?: [^/]*Oral (?:Capsule|Tablet)\b[^/]*| \[[^/]*\])?", re.IGNORECASE)
    for _, row in rows(DRUGS[key]):
        if tablet := alone.fullmatch(row.display):
            assert row.strength_mg == float(tablet[1]), row


def test_lenalidomide_has_every_capsule_strength_generic_and_brand() -> None:
    capsules = [row for row in DRUGS["lenalidomide"].RxNorm if row.display.endswith("Oral Capsule")]
    brands = [row for row in DRUGS["lenalidomide"].RxNorm if row.display.endswith("Oral Capsule [Revlimid]")]
    for found in (capsules, brands):
        assert {row.strength_mg for row in found} - {None} == {2.5, 5, 10, 15, 20, 25}


# --- traps ------------------------------------------------------------------------------------------------------------


def test_snomed_421779007_is_an_eye_disorder_and_not_lenalidomide() -> None:
    assert "lenalidomide" not in INDEX.identify(concept(SNOMED, "421779007")).drugs
    assert all(row.code != "421779007" for drug in DRUGS.values() for row in drug.SNOMED)


def test_a_wrong_snomed_code_does_not_silence_the_right_rxnorm_code_beside_it() -> None:
    match = INDEX.identify({"coding": [{"system": SNOMED, "code": "421779007"}, {"system": RXNORM, "code": "602910"}]})
    assert match.drugs == {"lenalidomide"}


@pytest.mark.parametrize("key", ["lenalidomide", "thalidomide", "pomalidomide"])
def test_no_snomed_code_of_a_thalidomide_analogue_is_confirmed(key: str) -> None:
    assert not [row for row in DRUGS[key].SNOMED if row.verified]


def test_digoxin_antibodies_are_not_digoxin() -> None:
    assert not INDEX.identify(concept(RXNORM, "203223", "digoxin antibodies Fab fragments")).drugs
    assert not INDEX.identify_text("Digoxin Immune Fab (DigiFab) 40 mg vial").drugs


@pytest.mark.parametrize(
    "text",
    [
        "Acetaminophen 250 MG / Aspirin 250 MG / Caffeine 65 MG Oral Tablet [Excedrin]",
        "Aspirin 325 MG / butalbital 50 MG / Caffeine 40 MG Oral Capsule",
        "Aspirin 325 MG / Chlorpheniramine Maleate 2 MG / Phenylephrine bitartrate 7.8 MG Effervescent Oral Tablet",
        "Aspirin 325 MG / Oxycodone Hydrochloride 4.84 MG Oral Tablet",
        "aspirin-free pain reliever",
    ],
)
def test_pain_and_cold_remedies_with_aspirin_are_not_thrombosis_prophylaxis(text: str) -> None:
    assert "aspirin" not in INDEX.identify_text(text).drugs
    assert "aspirin" not in INDEX.identify(concept(RXNORM, "1191", "Aspirin", text)).drugs


@pytest.mark.parametrize(
    ("text", "drug"),
    [("12 HR Aspirin 25 MG / Dipyridamole 200 MG", "aspirin"), ("ASPIRIN 81 MG CHEWABLE TABLET", "aspirin")],
)
def test_aspirin_of_cardiovascular_use_counts(text: str, drug: str) -> None:
    assert drug in INDEX.identify_text(text).drugs


@pytest.mark.parametrize(
    "form",
    ["ophthalmic suspension", "otic drops", "topical solution", "nasal spray", "intravitreal implant", "eye"],
)
def test_dexamethasone_for_eye_ear_nose_and_skin_is_not_systemic(form: str) -> None:
    ingredient = concept(RXNORM, "3264", "dexamethasone", "dexamethasone")
    assert INDEX.identify(ingredient).drugs == {"dexamethasone"}
    assert not INDEX.identify(ingredient, route_and_form=form).drugs
    assert not INDEX.identify_text(f"dexamethasone 0.1 % {form}").drugs


def test_an_eye_product_code_beside_the_ingredient_code_takes_dexamethasone_out() -> None:
    codes = [{"system": RXNORM, "code": code} for code in ("3264", "309692")]
    assert not INDEX.identify({"coding": codes}).drugs


def test_catheter_flushes_are_not_heparin_prophylaxis() -> None:
    assert not INDEX.identify(concept(RXNORM, "1362060")).drugs
    assert not INDEX.identify_text("heparin lock flush 100 unit/mL").drugs
    assert INDEX.identify_text("heparin 5,000 unit/mL injection").drugs == {"heparin"}


@pytest.mark.parametrize("text", ["ipilimumab", "Yervoy (ipilimumab) 5 mg/mL", "tremelimumab"])
def test_ctla4_antibodies_alone_are_not_pd1_antibodies(text: str) -> None:
    assert not INDEX.identify_text(text).drugs
    assert not INDEX.identify(concept(ATC, "L01FX04", "ipilimumab")).drugs
    assert not INDEX.identify(concept(RXNORM, "1094833", "ipilimumab")).drugs


@pytest.mark.parametrize("code", ["L01XC18", "L01XC17", "L01XC32"])
def test_atc_codes_of_before_2022_still_mean_the_antibody(code: str) -> None:
    assert INDEX.identify(concept(ATC, code)).drugs <= INDEX.members("pd1PdL1Antibody")


@pytest.mark.parametrize(
    "text",
    ["estradiol 0.01 % vaginal cream", "Vagifem 10 mcg vaginal tablet", "Premarin vaginal cream", "ESTRING"],
)
def test_local_vaginal_estrogen_is_not_systemic(text: str) -> None:
    assert not INDEX.identify_text(text).drugs & INDEX.members("systemicEstrogen")


@pytest.mark.parametrize("code", ["1367436", "242892", "197658", "405416"])
def test_ring_patch_and_tablet_estrogen_is_systemic(code: str) -> None:
    match = INDEX.identify(concept(RXNORM, code), route_and_form="Vaginal" if code in ("1367436", "405416") else "")
    assert match.drugs & INDEX.members("systemicEstrogen")


def test_combined_contraceptives_count_as_estrogen_and_menopausal_doses_not_as_contraceptive() -> None:
    contraceptive, menopausal = (INDEX.identify(concept(RXNORM, code)).drugs for code in ("238019", "1251323"))
    assert contraceptive & INDEX.members("systemicEstrogen") and contraceptive & INDEX.members("hormonalContraceptive")
    assert menopausal & INDEX.members("systemicEstrogen") and not menopausal & INDEX.members("hormonalContraceptive")
    both = {"coding": [{"system": RXNORM, "code": "4124"}, {"system": RXNORM, "code": "1251323"}]}
    assert INDEX.identify(both).drugs == menopausal


def test_mini_pills_and_emergency_pills_are_not_highly_effective() -> None:
    for code in ("198042", "483325"):
        assert not INDEX.identify(concept(RXNORM, code)).drugs & INDEX.members("hormonalContraceptive")


def test_iberdomide_is_known_by_name() -> None:
    assert INDEX.identify_text("iberdomide 1 mg capsule").drugs == {"iberdomide"}
    assert "iberdomide" in INDEX.members("thalidomideAnalogue")


@pytest.mark.parametrize("text", ["quinidine gluconate 324 mg", "temsirolimus 25 mg/mL"])
def test_quinidine_and_temsirolimus_are_none_of_our_drugs(text: str) -> None:
    assert not INDEX.identify_text(text).drugs


@pytest.mark.parametrize(
    "brand",
    ["keytruda qlex", "opdivo", "opdualag", "libtayo", "jemperli", "zynyz", "loqtorzi", "tevimbra", "tecentriq",
     "imfinzi", "bavencio", "unloxcyt", "penpulimab-kcqx"],
)  # fmt: skip
def test_every_us_brand_of_a_pd1_or_pdl1_antibody_is_known(brand: str) -> None:
    match = INDEX.identify_text(f"{brand} infusion")
    assert match.drugs and match.drugs <= INDEX.members("pd1PdL1Antibody")
