"""From the keys a case uses to the codes an EHR would send, all of them taken from the knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cds_hooks.cases.pieces import Place, Subject
from cds_hooks.chart.fhir import ATC, ICD10CM, LOINC, NDC, RXNORM, SNOMED, UCUM
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.terminology import Analyte, Code, Drug, DrugCode

SYSTEMS = {"RxNorm": RXNORM, "NDC": NDC, "ATC": ATC, "SNOMED": SNOMED, "LOINC": LOINC, "ICD10CM": ICD10CM}
_FINDINGS = {"pregnant": "pregnancy", "not pregnant": "endOfPregnancy", "breastfeeding": "lactation"}
"""Answers to coded questions, and the code set whose first SNOMED CT code is the answer."""

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

Concept = dict[str, Any]
"""A FHIR CodeableConcept."""


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    """Return a FHIR Coding."""
    return {"system": system, "code": code, **({"display": display} if display else {})}


def drug_concept(drug: Subject, knowledge: Knowledge, place: Place) -> Concept:
    """Return a drug as an EHR codes it.

    A key gives the RxNorm code of the strength named, else that of the ingredient, else the ATC code, else the name
    alone. The key of a drug class gives its first member.
    """
    if not drug.key:
        return _explicit(drug)
    entry = _drug(drug.key, knowledge, place)
    strength = float(drug.strength) if drug.strength else None
    for system, codes in (("RxNorm", entry.RxNorm), ("ATC", entry.ATC), ("SNOMED", entry.SNOMED)):
        verified = [code for code in codes if code.verified]
        for wanted in dict.fromkeys((strength, None)):
            if match := next((code for code in verified if code.strength_mg == wanted), None):
                return _drug_concept(system, match, entry, drug)
    return {"text": f"{entry.name} {drug.strength} mg" if drug.strength else entry.name}


def _drug_concept(system: str, code: DrugCode, entry: Drug, drug: Subject) -> Concept:
    named = f"{entry.name} {drug.strength} mg" if drug.strength and code.strength_mg is None else code.display
    return {"coding": [coding(SYSTEMS[system], code.code, code.display)], "text": named}


def _drug(key: str, knowledge: Knowledge, place: Place) -> Drug:
    if key in knowledge.drugs:
        return knowledge.drugs[key]
    if key in knowledge.drug_classes:
        for entry in knowledge.drugs.values():
            if key in entry.classes:
                return entry
    raise place.error(f"the knowledge has no drug {key!r}")


def condition_concept(condition: Subject, knowledge: Knowledge, place: Place) -> Concept:
    """Return a diagnosis: the first ICD-10-CM code of the code set, else its first SNOMED CT code, else its name."""
    return _of_code_set(condition, ("ICD10CM", "SNOMED", "LOINC"), knowledge, place)


def finding_concept(finding: Subject, knowledge: Knowledge, place: Place) -> Concept:
    """Return a procedure, a reaction or an observed finding: SNOMED CT first, else LOINC or ICD-10-CM."""
    return _of_code_set(finding, ("SNOMED", "LOINC", "ICD10CM"), knowledge, place)


def _of_code_set(subject: Subject, systems: Sequence[str], knowledge: Knowledge, place: Place) -> Concept:
    if not subject.key:
        return _explicit(subject)
    code_set = knowledge.code_sets.get(subject.key)
    if code_set is None:
        raise place.error(f"the knowledge has no code set {subject.key!r}")
    for system in systems:
        codes: tuple[Code, ...] = getattr(code_set, system)
        if match := next((code for code in codes if code.verified), None):
            return {"coding": [coding(SYSTEMS[system], match.code, match.display)], "text": match.display}
    if code_set.names:
        return {"text": code_set.names[0]}
    raise place.error(f"code set {subject.key!r} has neither a confirmed code nor a name")


def _explicit(subject: Subject) -> Concept:
    if subject.code:
        return {"coding": [coding(SYSTEMS[subject.system], subject.code)]}
    return {"text": f"{subject.name} {subject.strength} mg" if subject.strength else subject.name}


def analyte_of(key: str, knowledge: Knowledge, place: Place) -> Analyte:
    """Return an analyte of the knowledge."""
    if key not in knowledge.analytes:
        raise place.error(f"the knowledge has no analyte {key!r}")
    return knowledge.analytes[key]


def analyte_concept(analyte: Analyte, loinc: str) -> Concept:
    """Return what was measured: the LOINC code named, else the first confirmed one of the analyte."""
    row = next((code for code in analyte.LOINC if code.code == loinc or (not loinc and code.verified)), None)
    code, display = (row.code, row.display) if row else (loinc, "")
    return {"coding": [coding(LOINC, code, display)], "text": analyte.name}


def answer_concept(answer: Subject, analyte: Analyte, knowledge: Knowledge, place: Place) -> Concept:
    """Return a coded result: an outcome (`negative`), a finding (`pregnant`, a code set), or the code or name given."""
    if not answer.key:
        return _explicit(answer)
    if analyte.kind in ("qualitative", "hcg"):
        if answer.key not in ("positive", "negative", "indeterminate"):
            raise place.error(f'{answer.key!r} is not positive, negative or indeterminate; write text "..." for words')
        row = next(row for row in getattr(knowledge.qualitative, answer.key).codes if row.verified)
        system = SNOMED if row.code.isdigit() else LOINC if row.code.startswith("LA") else INTERPRETATION
        return {"coding": [coding(system, row.code, row.display)], "text": row.display}
    return finding_concept(Subject(key=_FINDINGS.get(answer.key, answer.key)), knowledge, place)


def quantity(value: float, unit: str, ucum_units: frozenset[str]) -> dict[str, Any]:
    """Return a FHIR Quantity; coded where the unit is spelled as UCUM, and as a plain unit where it is not."""
    if not unit:
        return {"value": value}
    return {"value": value, "unit": unit, **({"system": UCUM, "code": unit} if unit in ucum_units else {})}


def ucum_units(analyte: Analyte, knowledge: Knowledge) -> frozenset[str]:
    """Return the units of an analyte that are spelled as UCUM."""
    group = knowledge.unit_groups.get(analyte.units or "")
    return frozenset(unit.ucum for unit in group.units) if group else frozenset()
