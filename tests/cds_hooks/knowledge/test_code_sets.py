"""The code set files: codes exist, names fit, sets do not contradict each other, traps stay out."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import simple_icd_10_cm as icd

import cds_hooks.knowledge
from cds_hooks.chart.code_sets import CodeSetIndex
from cds_hooks.chart.fhir import ICD10CM, SNOMED
from cds_hooks.knowledge.terminology import Code, CodeSet, CodeSetFile
from cds_hooks.knowledge.yaml_document import read_yaml

FOLDER = Path(cds_hooks.knowledge.__file__).parent / "code_sets"
FILES = {
    path.name: msgspec.convert(read_yaml(path, path.name).content, CodeSetFile, strict=True)
    for path in sorted(FOLDER.glob("*.yaml"))
}
SETS: dict[str, CodeSet] = {key: one for file in FILES.values() for key, one in file.code_sets.items()}
INDEX = CodeSetIndex(SETS)
ICD_FORM = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")

ALLOWED_OVERLAPS = {
    frozenset({"stevensJohnsonSyndrome", "toxicEpidermalNecrolysis"}),  # the overlap syndrome is both
    frozenset({"hysterectomy", "bilateralOophorectomy"}),  # one operation
    frozenset({"centralVenousCatheter", "activeInfection"}),  # infected catheter
    frozenset({"pregnancy", "venousThromboembolism"}),  # thrombosis in pregnancy
    frozenset({"endOfPregnancy", "venousThromboembolism"}),  # thrombosis in the puerperium
    frozenset({"endOfPregnancy", "lactation"}),  # postpartum care of a lactating mother
    frozenset({"hypertension", "heartFailure"}),  # hypertensive heart disease with heart failure
}


def concept(system: str, code: str, text: str = "") -> dict[str, object]:
    return {"coding": [{"system": system, "code": code}], "text": text}


def icd_sets(code: str) -> frozenset[str]:
    return INDEX.sets_of(concept(ICD10CM, code))


def snomed_sets(code: str) -> frozenset[str]:
    return INDEX.sets_of(concept(SNOMED, code))


def codes(code_set: CodeSet) -> list[tuple[str, Code]]:
    return [(ICD10CM, row) for row in code_set.ICD10CM] + [(SNOMED, row) for row in code_set.SNOMED]


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z0-9]{3,}", text.lower()) if word not in {"and", "the", "with", "other"}}


@pytest.mark.parametrize("key", sorted(SETS))
def test_every_icd_10_cm_code_exists_and_is_displayed_by_its_own_name(key: str) -> None:
    for row in SETS[key].ICD10CM:
        assert icd.is_valid_item(row.code), row
        assert words(row.display) & words(icd.get_description(row.code)), row
    for left_out in SETS[key].excluded:
        assert not ICD_FORM.fullmatch(left_out.code) or icd.is_valid_item(left_out.code), left_out


@pytest.mark.parametrize("key", sorted(SETS))
def test_codes_have_a_source_and_snomed_codes_their_check_digit(key: str) -> None:
    for system, row in codes(SETS[key]):
        assert row.source and "/work" not in row.source
        if system == SNOMED:
            assert row.code.isdigit() and verhoeff_holds(row.code), row


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


@pytest.mark.parametrize("key", sorted(SETS))
def test_every_verified_code_matches_its_set_and_no_unverified_one_does(key: str) -> None:
    for system, row in codes(SETS[key]):
        found = INDEX.matches(concept(system, row.code), key)
        assert (found is not None) is row.verified, row


@pytest.mark.parametrize("key", sorted(SETS))
def test_excluded_codes_do_not_match(key: str) -> None:
    for left_out in SETS[key].excluded:
        system = ICD10CM if ICD_FORM.fullmatch(left_out.code) else SNOMED
        assert INDEX.matches(concept(system, left_out.code), key) is None, left_out


@pytest.mark.parametrize("key", sorted(SETS))
def test_names_find_their_set(key: str) -> None:
    for name in SETS[key].names:
        assert key in INDEX.sets_of({"text": f"{name.upper()} (2024)"}), name


def test_no_code_is_in_two_sets_that_contradict_each_other() -> None:
    listed = {(system, row.code) for one in SETS.values() for system, row in codes(one) if row.verified}
    below = {
        (ICD10CM, leaf)
        for system, code in listed
        if system == ICD10CM
        for leaf in icd.get_descendants(code)
        if icd.is_leaf(leaf)
    }
    overlaps = {
        frozenset({one, other})
        for system, code in listed | below
        for found in [INDEX.sets_of(concept(system, code))]
        for one in found
        for other in found - {one}
    }
    assert overlaps == ALLOWED_OVERLAPS


def test_keys_are_unique_across_the_files() -> None:
    assert sum(len(file.code_sets) for file in FILES.values()) == len(SETS)


# --- traps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["C82.9A", "C82.90", "C83.1A", "C88.40", "C88.41", "C90.01"])
def test_remission_leaves_of_newer_releases_match_by_prefix(code: str) -> None:
    assert icd_sets(code) & {"follicularLymphoma", "mantleCellLymphoma", "marginalZoneLymphoma", "multipleMyeloma"}


@pytest.mark.parametrize("code", ["C83.0", "C83.00", "C83.0A"])
def test_c83_0_proves_neither_the_marginal_zone_indication_nor_cll(code: str) -> None:
    assert icd_sets(code) == {"smallCellBCellLymphoma"}


def test_a_marginal_zone_snomed_code_beside_c83_0_still_counts() -> None:
    both = {"coding": [{"system": ICD10CM, "code": "C83.07"}, {"system": SNOMED, "code": "763666008"}]}
    assert INDEX.sets_of(both) == {"smallCellBCellLymphoma", "marginalZoneLymphoma"}


@pytest.mark.parametrize("code", ["413587002", "440422002", "441313008"])
def test_smouldering_myeloma_is_not_multiple_myeloma_even_under_c90_0(code: str) -> None:
    assert not snomed_sets(code)
    assert not INDEX.sets_of({"coding": [{"system": ICD10CM, "code": "C90.00"}, {"system": SNOMED, "code": code}]})


@pytest.mark.parametrize("code", ["C90.1", "C90.20", "C90.30", "D47.2"])
def test_solitary_plasmacytoma_and_precursors_are_not_multiple_myeloma(code: str) -> None:
    assert "multipleMyeloma" not in icd_sets(code)


def test_hepatitis_b_carriers_are_b18_1_since_z22_51_is_no_code() -> None:
    assert not icd.is_valid_item("Z22.51") and not icd.is_valid_item("Z22.52")
    assert icd_sets("B18.1") == {"viralHepatitis"}


def test_60001007_is_not_pregnant_and_77386006_is_pregnant_whatever_a_questionnaire_prints() -> None:
    positive = {"coding": [{"system": SNOMED, "code": "60001007", "display": "In-office pregnancy test is negative"}]}
    assert INDEX.sets_of(positive) == {"endOfPregnancy"}
    assert snomed_sets("77386006") == {"pregnancy"}
    assert not snomed_sets("152231000119106")


@pytest.mark.parametrize("code", ["Z98.51", "Z90.711", "Z90.721", "Z90.712", "N95.1", "E28.310", "E89.40"])
def test_no_reproductive_potential_is_not_read_from_ligation_stump_or_one_ovary(code: str) -> None:
    assert not icd_sets(code) & {"hysterectomy", "bilateralOophorectomy", "naturalMenopause"}


def test_end_stage_renal_disease_is_not_dialysis() -> None:
    assert icd_sets("N18.6") == {"endStageRenalDisease"}
    assert icd_sets("Z99.2") == {"dialysis"}
    assert "dialysis" not in icd_sets("Z49.01")


@pytest.mark.parametrize(
    ("code", "expected"),
    [("O99.013", "pregnancy"), ("O99.03", ""), ("O20.0", "pregnancy"), ("O07.4", "pregnancy"),
     ("O80", "endOfPregnancy"), ("O03.9", "endOfPregnancy"), ("Z3A.12", "pregnancy"), ("Z32.01", "pregnancy"),
     ("Z32.02", ""), ("Z37.0", "endOfPregnancy"), ("O24.430", ""), ("O60.14X0", "")],
)  # fmt: skip
def test_the_pregnancy_chapter_is_divided_into_before_and_after(code: str, expected: str) -> None:
    assert icd_sets(code) & {"pregnancy", "endOfPregnancy"} == ({expected} if expected else set())


@pytest.mark.parametrize("code", ["I82.501", "I27.82", "Z86.711", "Z86.718", "I82.221"])
def test_chronic_and_past_thrombosis_is_not_active(code: str) -> None:
    assert icd_sets(code) == {"priorVenousThromboembolism"}


@pytest.mark.parametrize("code", ["I26.99", "I82.401", "I82.220", "I82.A11"])
def test_acute_thrombosis_is_active(code: str) -> None:
    assert icd_sets(code) == {"venousThromboembolism"}


@pytest.mark.parametrize(
    ("text", "code_set"),
    [("MCL sprain, left knee", "mantleCellLymphoma"), ("ten years of eczema", "toxicEpidermalNecrolysis"),
     ("unable to dress self", "drugReactionWithEosinophilia"), ("alcohol abstinent", "sexualAbstinence"),
     ("pregnancy test negative", "pregnancy"), ("history of dvt", "venousThromboembolism"),
     ("partial hysterectomy", "hysterectomy"), ("surgical menopause", "naturalMenopause")],
)  # fmt: skip
def test_ambiguous_words_do_not_decide(text: str, code_set: str) -> None:
    assert INDEX.matches({"text": text}, code_set) is None


@pytest.mark.parametrize("code", ["Z94.81"])
def test_bone_marrow_transplant_status_is_not_taken_for_autologous(code: str) -> None:
    assert not icd_sets(code)
    allogeneic = {"coding": [{"system": ICD10CM, "code": "Z94.84"}, {"system": SNOMED, "code": "58390007"}]}
    assert not INDEX.sets_of(allogeneic)
    assert icd_sets("Z94.84") == {"autologousStemCellTransplant"}


def test_hemorrhagic_stroke_is_bleeding_and_not_an_arterial_occlusion() -> None:
    assert icd_sets("I61.9") == {"bleeding"}
    assert icd_sets("I63.9") == {"strokeOrTia"}
