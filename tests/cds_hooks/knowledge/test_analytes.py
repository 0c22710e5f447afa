"""The analytes, units and result words that ship: complete, unambiguous, and the neighbours left out."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import msgspec
import pytest

import cds_hooks.knowledge
from cds_hooks.chart.labs.index import AnalyteIndex, OutcomeWords
from cds_hooks.chart.labs.result import Outcome
from cds_hooks.chart.units import UnitTable
from cds_hooks.knowledge.terminology import Analyte, AnalyteFile, QualitativeFile, UnitFile
from cds_hooks.knowledge.yaml_document import read_yaml

FOLDER = Path(cds_hooks.knowledge.__file__).parent
ANALYTES = msgspec.convert(read_yaml(FOLDER / "analytes.yaml", "analytes.yaml").content, AnalyteFile).analytes
GROUPS = msgspec.convert(read_yaml(FOLDER / "units.yaml", "units.yaml").content, UnitFile).groups
RESULTS = msgspec.convert(read_yaml(FOLDER / "qualitative_results.yaml", "results.yaml").content, QualitativeFile)
INDEX = AnalyteIndex(ANALYTES)

NEEDS = {
    "bloodCounts": "anc segmentedNeutrophilsAbsolute bandNeutrophilsAbsolute neutrophilsPercent "
    "segmentedNeutrophilsPercent bandNeutrophilsPercent wbc platelets hemoglobin",
    "chemistry": "creatinine alt ast bilirubinTotal uricAcid potassium phosphate calcium ldh albumin",
    "monitoring": "tsh inr digoxinLevel",
    "pregnancy": "hcgQualitative hcgQuantitative pregnancyStatus estimatedDeliveryDate breastfeedingStatus "
    "lastMenstrualPeriod contraceptiveMethod",
    "vitalSigns": "bodyWeight bodyHeight bodyMassIndex bodyTemperature",
    "bloodBank": "bloodGroup antibodyScreen",
}


def loinc(code: str) -> dict[str, object]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def found(code: str) -> str | None:
    answer = INDEX.find(loinc(code))
    return answer[0] if answer else None


def test_every_analyte_is_there_under_its_need() -> None:
    expected = {key: need for need, keys in NEEDS.items() for key in keys.split()}
    assert {key: analyte.need for key, analyte in ANALYTES.items()} == expected


def test_no_code_stands_under_two_analytes() -> None:
    codes = [row.code for analyte in ANALYTES.values() for row in analyte.LOINC]
    assert len(codes) == len(set(codes))


def test_no_code_is_both_used_and_left_out_by_one_analyte() -> None:
    for key, analyte in ANALYTES.items():
        used, left_out = {row.code for row in analyte.LOINC}, {row.code for row in analyte.excluded}
        assert not used & left_out, key


@pytest.mark.parametrize("code", sorted({row.code for a in ANALYTES.values() for row in (*a.LOINC, *a.excluded)}))
def test_loinc_check_digit(code: str) -> None:
    """LOINC codes end in a Luhn (mod 10) check digit, which catches the misremembered ones."""
    digits, check = code.split("-")
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    assert (10 - total % 10) % 10 == int(check)


@pytest.mark.parametrize("wrong", ["20994-9", "12195-8", "14297-4", "14999-5", "16933-4"])
def test_misremembered_codes_are_unknown(wrong: str) -> None:
    assert found(wrong) is None


@pytest.mark.parametrize(
    ("code", "analyte"),
    [
        ("751-8", "anc"),
        ("753-4", "anc"),
        ("26499-4", "anc"),
        ("752-6", "anc"),  # deprecated, in old records
        ("768-2", "segmentedNeutrophilsAbsolute"),
        ("30451-9", "segmentedNeutrophilsAbsolute"),
        ("763-3", "bandNeutrophilsAbsolute"),
        ("770-8", "neutrophilsPercent"),
        ("769-0", "segmentedNeutrophilsPercent"),
        ("764-1", "bandNeutrophilsPercent"),
        ("777-3", "platelets"),
        ("2160-0", "creatinine"),
        ("14682-9", "creatinine"),
        ("3016-3", "tsh"),
        ("6301-6", "inr"),
        ("2118-8", "hcgQualitative"),
        ("20994-0", "hcgQualitative"),
        ("21198-7", "hcgQuantitative"),
        ("34670-0", "hcgQuantitative"),  # mass: shown as unreadable, not overlooked
        ("82810-3", "pregnancyStatus"),
        ("11778-8", "estimatedDeliveryDate"),
        ("8310-5", "bodyTemperature"),
        ("882-1", "bloodGroup"),
        ("890-4", "antibodyScreen"),
    ],
)
def test_chosen_codes(code: str, analyte: str) -> None:
    assert found(code) == analyte


@pytest.mark.parametrize(
    "code",
    [
        "74398-9",  # neutrophils in cord blood
        "30394-1",
        "20482-6",  # granulocytes
        "74775-8",  # platelet-rich plasma
        "49497-1",
        "49498-9",  # smear estimates
        "54289-4",  # hemoglobin of a blood product
        "19180-9",
        "25373-2",
        "2115-4",  # free beta hCG
        "55870-0",  # hCG in cord blood
        "32166-1",  # multiple of the median
        "33914-3",
        "98979-8",
        "62238-1",
        "69405-9",  # eGFR
        "35591-7",
        "2164-2",
        "35592-5",  # clearances
        "1968-7",  # direct bilirubin
        "1995-0",  # ionised calcium
        "5902-2",  # prothrombin time
        "29575-8",  # TSH in a dried blood spot
        "86645-9",  # pregnancy intention
        "11885-1",  # gestational age
        "10331-7",  # Rh alone
    ],
)
def test_neighbours_are_left_out_with_a_reason(code: str) -> None:
    assert found(code) is None
    assert any(row.code == code and row.reason for analyte in ANALYTES.values() for row in analyte.excluded)


def test_bands_and_segmented_forms_are_no_anc() -> None:
    assert {"26507-4", "763-3", "30451-9", "768-2"} <= {row.code for row in ANALYTES["anc"].excluded}


def test_egfr_is_no_analyte() -> None:
    names = chain.from_iterable((row.display for row in analyte.LOINC) for analyte in ANALYTES.values())
    assert not any("glomerular" in name.casefold() or "clearance" in name.casefold() for name in names)


@pytest.mark.parametrize(("key", "analyte"), ANALYTES.items())
def test_units_limits_and_intervals_fit_the_kind(key: str, analyte: Analyte) -> None:
    measured = analyte.kind in ("quantity", "hcg")
    assert (analyte.units in GROUPS) if measured else (analyte.units in (None, "hcg"))
    assert (analyte.plausible is not None) == (analyte.units is not None)
    if analyte.plausible:
        assert analyte.plausible.low < analyte.plausible.high
        assert analyte.plausible.source
    if analyte.reference:
        assert measured
        assert not analyte.reference.verified
        assert analyte.plausible is not None
        for limit in (analyte.reference.low, analyte.reference.high):
            assert limit is None or analyte.plausible.low <= limit <= analyte.plausible.high


def test_default_intervals_the_rules_need() -> None:
    intervals = {key: (a.reference.low, a.reference.high) for key, a in ANALYTES.items() if a.reference}
    assert intervals == {
        "alt": (None, 40),
        "ast": (None, 40),
        "bilirubinTotal": (None, 1.2),
        "ldh": (None, 250),
        "tsh": (0.4, 4.0),
    }


def test_sources_name_no_path_of_a_machine() -> None:
    for name in ("analytes.yaml", "units.yaml", "qualitative_results.yaml"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert "/work/" not in text
        assert "/home/" not in text
        assert "/tmp/" not in text


def test_unit_groups_are_all_used() -> None:
    assert {analyte.units for analyte in ANALYTES.values()} - {None} == GROUPS.keys()


def test_plausible_limits_catch_the_usual_slips() -> None:
    """A value in the right unit's neighbour must not pass as a value."""
    table = UnitTable(GROUPS)

    def plausible(analyte: str, value: float, unit: str) -> bool:
        definition = ANALYTES[analyte]
        assert definition.plausible is not None
        assert definition.units is not None
        converted = table.convert(value, unit, None, None, definition.units)
        assert converted is not None
        return definition.plausible.low <= converted <= definition.plausible.high

    assert not plausible("anc", 1500, "K/uL")  # /uL meant
    assert not plausible("platelets", 150_000, "10*3/uL")  # /uL meant
    assert not plausible("creatinine", 88, "mg/dL")  # umol/L meant
    assert not plausible("creatinine", 1.0, "umol/L")  # mg/dL meant
    assert not plausible("calcium", 2.4, "mg/dL")  # mmol/L meant
    assert not plausible("bodyTemperature", 98.6, "Cel")  # [degF] meant
    assert not plausible("bodyHeight", 1.75, "cm")  # m meant
    assert not plausible("bodyWeight", 2400, "kg")  # oz meant
    assert not plausible("albumin", 40, "g/dL")  # g/L meant
    assert plausible("anc", 0, "K/uL")
    assert plausible("platelets", 2, "K/uL")
    assert plausible("creatinine", 12.5, "mg/dL")


# --- outcomes -----------------------------------------------------------------------------------------------------


def test_words_are_unambiguous_and_complete() -> None:
    words = OutcomeWords(RESULTS)
    expected = {
        "260385009": Outcome.NEGATIVE,
        "10828004": Outcome.POSITIVE,
        "82334004": Outcome.INDETERMINATE,
        "LA6577-6": Outcome.NEGATIVE,
        "LA6576-8": Outcome.POSITIVE,
        "LA11884-6": Outcome.INDETERMINATE,
        "LA11885-3": Outcome.INDETERMINATE,
        "NEG": Outcome.NEGATIVE,
        "POS": Outcome.POSITIVE,
    }
    assert {code: words.of_concepts({"coding": [{"code": code}]}) for code in expected} == {
        code: frozenset({outcome}) for code, outcome in expected.items()
    }


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("NEG", Outcome.NEGATIVE),
        ("POS", Outcome.POSITIVE),
        ("IND", Outcome.INDETERMINATE),
        ("E", Outcome.INDETERMINATE),
        ("ND", Outcome.NEGATIVE),
        ("DET", Outcome.POSITIVE),
    ],
)
@pytest.mark.parametrize(
    "system",
    [
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        "http://hl7.org/fhir/v3/ObservationInterpretation",
        "http://hl7.org/fhir/v2/0078",
    ],
)
def test_interpretation_codes(code: str, outcome: Outcome, system: str) -> None:
    words = OutcomeWords(RESULTS)
    assert words.of_concepts([{"coding": [{"system": system, "code": code}]}]) == {outcome}


@pytest.mark.parametrize("code", ["ND", "DET", "IND", "E"])
def test_letter_codes_of_local_lists_are_not_guessed_at(code: str) -> None:
    """ND is "not done" in many a local list: it must not read as a negative pregnancy test."""
    words = OutcomeWords(RESULTS)
    assert words.of_concepts({"coding": [{"code": code}]}) == frozenset()
    assert words.of_concepts({"coding": [{"system": "urn:local", "code": code}]}) == frozenset()


@pytest.mark.parametrize("code", ["77386006", "60001007", "A", "N", "H", "L"])
def test_codes_that_are_no_test_result(code: str) -> None:
    assert OutcomeWords(RESULTS).of_concepts({"coding": [{"code": code}]}) == frozenset()


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("negative", Outcome.NEGATIVE),
        (" NEG. ", Outcome.NEGATIVE),
        ("Not  Detected", Outcome.NEGATIVE),
        ("Non-Reactive", Outcome.NEGATIVE),
        ("Positive!", Outcome.POSITIVE),
        ("POS", Outcome.POSITIVE),
        ("Weakly positive", Outcome.POSITIVE),
        ("equivocal", Outcome.INDETERMINATE),
        ("Borderline", Outcome.INDETERMINATE),
        ("not negative", None),
        ("negative control valid", None),
        ("no", None),
        ("-", None),
        ("normal", None),
        ("", None),
    ],
)
def test_texts_count_as_a_whole(text: str, outcome: Outcome | None) -> None:
    assert OutcomeWords(RESULTS).of_text(text) is outcome


def test_same_word_under_two_outcomes_is_refused() -> None:
    broken = msgspec.structs.replace(RESULTS, negative=RESULTS.positive)
    with pytest.raises(ValueError, match="two outcomes"):
        OutcomeWords(broken)


def test_same_code_under_two_analytes_is_refused() -> None:
    with pytest.raises(ValueError, match="stands under"):
        AnalyteIndex({"one": ANALYTES["anc"], "two": ANALYTES["anc"]})
