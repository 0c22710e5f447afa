"""From the results of a case to FHIR Observations."""

from __future__ import annotations

from typing import Any

from cds_hooks.cases.case import Case
from cds_hooks.cases.codes import (
    INTERPRETATION,
    analyte_concept,
    analyte_of,
    answer_concept,
    coding,
    quantity,
    ucum_units,
)
from cds_hooks.cases.lab_phrases import FreeText, LabPhrase, Measured, NoValue
from cds_hooks.cases.moment import Moment
from cds_hooks.cases.pieces import json_number
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.terminology import Analyte

_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_CATEGORIES = {"vitalSigns": "vital-signs", "pregnancy": "laboratory"}
_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def observations(case: Case, knowledge: Knowledge) -> dict[str, list[dict[str, Any]]]:
    """Return the results of a case as Observations, by the data need that fetches them.

    Raises:
        KnowledgeError: a result names something the knowledge does not have.
    """
    by_need: dict[str, list[dict[str, Any]]] = {}
    for key, results in case.chart.labs.items():
        for index, result in enumerate(results, start=1):
            analyte = analyte_of(key, knowledge, result.place)
            identity = f"{case.patient_id}-{key[:24]}-{index}"
            by_need.setdefault(analyte.need, []).append(_observation(case, result, analyte, identity, knowledge))
    return by_need


def _observation(
    case: Case, result: LabPhrase, analyte: Analyte, identity: str, knowledge: Knowledge
) -> dict[str, Any]:
    category = _CATEGORIES.get(analyte.need, "laboratory")
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": identity,
        "status": result.status,
        "category": [{"coding": [coding(_CATEGORY, category)]}],
        "code": analyte_concept(analyte, result.loinc),
        "subject": {"reference": f"Patient/{case.patient_id}"},
    }
    if result.when.fhir:
        observation["effectiveDateTime"] = result.when.fhir
    if result.specimen:
        observation["specimen"] = {"reference": f"Specimen/{case.patient_id}-{result.specimen}"}
    if result.interpretation:
        observation["interpretation"] = [{"coding": [coding(INTERPRETATION, result.interpretation)]}]
    if limits := _reference_range(result, analyte, knowledge):
        observation["referenceRange"] = [limits]
    return observation | _value(result, analyte, knowledge)


def _value(result: LabPhrase, analyte: Analyte, knowledge: Knowledge) -> dict[str, Any]:
    match result.value:
        case Measured(number, unit, comparator):
            measured = quantity(json_number(number), unit, ucum_units(analyte, knowledge))
            return {"valueQuantity": {**measured, **({"comparator": comparator} if comparator else {})}}
        case FreeText(text):
            return {"valueString": text}
        case NoValue():
            return {"dataAbsentReason": {"coding": [coding(_ABSENT_REASON, "unknown")]}}
        case Moment() as moment:
            return {"valueDateTime": moment.fhir}
        case answer:
            return {"valueCodeableConcept": answer_concept(answer, analyte, knowledge, result.place)}


def _reference_range(result: LabPhrase, analyte: Analyte, knowledge: Knowledge) -> dict[str, Any]:
    """Return the reference range, in the unit of the value."""
    unit = result.value.unit if isinstance(result.value, Measured) else ""
    units = ucum_units(analyte, knowledge)
    return {
        side: quantity(json_number(limit), unit, units)
        for side, limit in (("low", result.lower_limit), ("high", result.upper_limit))
        if limit
    }
