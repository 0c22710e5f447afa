"""Suggestions: the draft with another dose, the test to order, the draft to remove."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.medicationrequest import MedicationRequest as R5MedicationRequest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from fhir.resources.servicerequest import ServiceRequest as R5ServiceRequest

from cds_hooks.chart.dosing import ScheduleKind, read_dose
from cds_hooks.chart.fhir import RXNORM
from cds_hooks.findings import CreateMedication, CreateTest, DeleteDraft, Suggestion, UpdateDose
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.knowledge.schema import LabelDose
from cds_hooks.protocol.client_profile import PROFILES, CardOptions
from cds_hooks.protocol.suggestions import suggestion_json, updated_draft
from cds_hooks.protocol.validation import Document, faults

Json = dict[str, Any]

R4: Json = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {
        "coding": [{"system": RXNORM, "code": "643720", "display": "lenalidomide 25 MG Oral Capsule"}],
        "text": "lenalidomide 25 mg capsule",
    },
    "subject": {"reference": "Patient/1"},
    "authoredOn": "2026-03-02T12:00:00Z",
    "requester": {"reference": "Practitioner/1"},
    "reasonCode": [{"text": "Multiple myeloma"}],
    "note": [{"text": "cycle 1"}],
    "dosageInstruction": [
        {
            "sequence": 1,
            "text": "Take 1 capsule (25 mg) by mouth once daily on days 1-21",
            "patientInstruction": "One capsule a day",
            "additionalInstruction": [{"text": "for 21 days"}],
            "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": {"value": 21}}},
            "route": {"text": "oral"},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "capsule"}}],
            "maxDosePerPeriod": {"numerator": {"value": 25, "unit": "mg"}, "denominator": {"value": 1, "unit": "d"}},
        },
        {"sequence": 2, "text": "then 7 days of rest"},
    ],
    "dispenseRequest": {
        "numberOfRepeatsAllowed": 0,
        "quantity": {"value": 21, "unit": "capsule"},
        "initialFill": {"quantity": {"value": 21, "unit": "capsule"}},
        "expectedSupplyDuration": {"value": 28, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"},
    },
}

DSTU2: Json = {
    "resourceType": "MedicationOrder",
    "id": "order-1",
    "status": "draft",
    "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "643722"}], "text": "Revlimid 25 mg"},
    "patient": {"reference": "Patient/1"},
    "dosageInstruction": [
        {
            "text": "25 mg daily",
            "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnits": "d"}},
            "doseQuantity": {"value": 25, "unit": "mg"},
        }
    ],
    "dispenseRequest": {"quantity": {"value": 21, "unit": "capsule"}},
}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


def update(order: Json, table: LabelDose, strength_mg: float | None = 25) -> UpdateDose:
    return UpdateDose(order, strength_mg, table.single_mg, table.every_days, table.regimen)


def updated(order: Json, knowledge: Knowledge, profile: str, column: str, strength_mg: float | None = 25) -> Json:
    draft = updated_draft(update(order, knowledge.profiles[profile].doses[column], strength_mg), knowledge)
    assert draft is not None
    return draft


def rendered(
    suggestion: Suggestion, knowledge: Knowledge, options: CardOptions | None = None, user: str = ""
) -> Json | None:
    return suggestion_json(
        suggestion, knowledge, options or CardOptions(), patient_id="1", user_id=user, new_uuid=lambda: "uuid"
    )


# --- the draft with another dose --------------------------------------------------------------------------------------


def test_everything_but_the_dose_is_kept(knowledge: Knowledge) -> None:
    draft = updated(R4, knowledge, "mmCombination", "reduced")
    changed = {"dosageInstruction", "dispenseRequest", "medicationCodeableConcept"}
    assert {key: value for key, value in draft.items() if key not in changed} == {
        key: value for key, value in R4.items() if key not in changed
    }
    assert draft["dosageInstruction"] == [
        {
            "text": "10 mg once daily on days 1-21 of 28",
            "timing": {
                "repeat": {"frequency": 1, "period": 1, "periodUnit": "d"},
                "code": {"text": "10 mg once daily on days 1-21 of 28"},
            },
            "route": {"text": "oral"},
            "doseAndRate": [
                {"doseQuantity": {"value": 10, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}
            ],
        }
    ]


def test_the_draft_as_received_is_untouched(knowledge: Knowledge) -> None:
    order = deepcopy(R4)
    draft = updated(order, knowledge, "mmCombination", "reduced")
    draft["dosageInstruction"][0]["route"]["text"] = "changed"
    draft["dispenseRequest"]["numberOfRepeatsAllowed"] = 9
    assert order == R4


def test_the_amounts_to_dispense_go_with_the_old_dose(knowledge: Knowledge) -> None:
    draft = updated(R4, knowledge, "mmCombination", "reduced")
    assert draft["dispenseRequest"] == {
        "numberOfRepeatsAllowed": 0,
        "expectedSupplyDuration": R4["dispenseRequest"]["expectedSupplyDuration"],
    }
    assert "dispenseRequest" not in updated(DSTU2, knowledge, "mmCombination", "reduced")


def test_directions_rendered_for_the_old_dose_go_too(knowledge: Knowledge) -> None:
    draft = updated({**R4, "renderedDosageInstruction": "25 mg daily"}, knowledge, "mmCombination", "reduced")
    assert "renderedDosageInstruction" not in draft


def test_every_other_day(knowledge: Knowledge) -> None:
    (dosage,) = updated(R4, knowledge, "mmCombination", "severe")["dosageInstruction"]
    assert dosage["timing"]["repeat"] == {"frequency": 1, "period": 2, "periodUnit": "d"}
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 15
    assert dosage["text"] == "15 mg every other day on days 1-21 of 28"


def test_half_milligrams_stay(knowledge: Knowledge) -> None:
    (dosage,) = updated(R4, knowledge, "mds", "severe")["dosageInstruction"]
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 2.5


def test_r4_drafts_stay_valid(knowledge: Knowledge) -> None:
    draft = updated(R4, knowledge, "mmCombination", "dialysis")
    assert MedicationRequest.model_validate(draft).id == "draft-1"


def test_dstu2_shapes(knowledge: Knowledge) -> None:
    draft = updated(DSTU2, knowledge, "mmCombination", "severe")
    (dosage,) = draft["dosageInstruction"]
    assert dosage["timing"]["repeat"] == {"frequency": 1, "period": 2, "periodUnits": "d"}
    assert dosage["doseQuantity"]["value"] == 15
    assert "doseAndRate" not in dosage
    assert draft["medicationCodeableConcept"]["coding"][0]["code"] == "643714"  # the brand stays the brand


@pytest.mark.parametrize("field", ["doseQuantity", "doseRange"])
def test_stu3_shapes(field: str, knowledge: Knowledge) -> None:
    order = {**R4, "dosageInstruction": [{"text": "25 mg daily", field: {}}]}
    (dosage,) = updated(order, knowledge, "mmCombination", "reduced")["dosageInstruction"]
    assert dosage["doseQuantity"]["value"] == 10
    assert "doseAndRate" not in dosage
    assert dosage["timing"]["repeat"]["periodUnit"] == "d"


def test_a_draft_without_any_dosage(knowledge: Knowledge) -> None:
    order = {key: value for key, value in R4.items() if key not in ("dosageInstruction", "dispenseRequest")}
    (dosage,) = updated(order, knowledge, "mmCombination", "reduced")["dosageInstruction"]
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 10


@pytest.mark.parametrize("broken", ["25 mg daily", [None, 7], {"text": "25 mg daily"}, None])
def test_odd_dosage_does_not_raise(broken: object, knowledge: Knowledge) -> None:
    (dosage,) = updated({**R4, "dosageInstruction": broken}, knowledge, "mmCombination", "reduced")["dosageInstruction"]
    assert dosage["text"] == "10 mg once daily on days 1-21 of 28"


@pytest.mark.parametrize("column", ["full", "reduced", "severe", "dialysis"])
@pytest.mark.parametrize("profile", ["mmCombination", "mmMaintenance", "mds", "mcl", "fl", "mzl"])
@pytest.mark.parametrize("order", [R4, DSTU2], ids=["R4", "DSTU2"])
def test_the_new_draft_reads_as_the_label_regimen(order: Json, profile: str, column: str, knowledge: Knowledge) -> None:
    """Dose, days of the cycle and text agree: our own reader finds the table dose and no contradiction."""
    table = knowledge.profiles[profile].doses[column]
    draft = updated(order, knowledge, profile, column)
    dose = read_dose(draft, strength_mg=table.single_mg)
    assert dose.average_mg_per_day == table.average_mg_per_day
    assert (dose.contradictions, dose.unreadable) == ((), ())
    rests = knowledge.profiles[profile].days_on < knowledge.profiles[profile].cycle_days
    assert (dose.schedule.days_on, dose.schedule.cycle_days) == ((21, 28) if rests else (None, None))
    alternating = dose.schedule.kind is ScheduleKind.EVERY_OTHER_DAY
    assert alternating is (table.every_days == 2)
    assert dose.schedule.after_dialysis is (column == "dialysis")


# --- the capsule that goes with it ------------------------------------------------------------------------------------


def test_the_capsule_changes_with_the_dose(knowledge: Knowledge) -> None:
    """A 25 mg capsule beside a dose of 10 mg would be an order nobody can fill."""
    draft = updated(R4, knowledge, "mmCombination", "reduced")
    assert draft["medicationCodeableConcept"] == {
        "coding": [{"system": RXNORM, "code": "602910", "display": "lenalidomide 10 MG Oral Capsule"}],
        "text": "lenalidomide 10 MG Oral Capsule",
    }


def test_a_capsule_that_fits_the_new_dose_stays(knowledge: Knowledge) -> None:
    order = {**R4, "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "602912"}]}}
    assert (
        updated(order, knowledge, "mmCombination", "reduced", 5)["medicationCodeableConcept"]
        == order["medicationCodeableConcept"]
    )


def test_an_order_by_ingredient_stays(knowledge: Knowledge) -> None:
    order = {**R4, "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "342369"}]}}
    assert (
        updated(order, knowledge, "mmCombination", "reduced", None)["medicationCodeableConcept"]
        == order["medicationCodeableConcept"]
    )


@pytest.mark.parametrize(
    "medication",
    [
        {"medicationCodeableConcept": {"text": "Revlimid 25 mg"}},
        {"medicationCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "69097-385-21"}]}},
        {"medicationReference": {"reference": "Medication/1"}},
    ],
    ids=["name only", "NDC only", "reference"],
)
def test_a_capsule_that_cannot_be_exchanged_gives_no_suggestion(medication: Json, knowledge: Knowledge) -> None:
    order = {key: value for key, value in R4.items() if key != "medicationCodeableConcept"} | medication
    change = update(order, knowledge.profiles["mmCombination"].doses["reduced"])
    assert updated_draft(change, knowledge) is None
    assert rendered(change, knowledge) is None


# --- as a suggestion --------------------------------------------------------------------------------------------------


def test_an_update_of_the_draft(knowledge: Knowledge) -> None:
    suggestion = rendered(update(R4, knowledge.profiles["mmCombination"].doses["reduced"]), knowledge)
    assert suggestion is not None
    assert suggestion["label"] == "Change the order to 10 mg once daily on days 1-21 of 28"
    (action,) = suggestion["actions"]
    assert action["type"] == "update"
    assert action["resource"]["id"] == "draft-1"


def test_a_draft_without_id_gives_no_suggestion(knowledge: Knowledge) -> None:
    anonymous = {key: value for key, value in R4.items() if key != "id"}
    assert rendered(update(anonymous, knowledge.profiles["mmCombination"].doses["reduced"]), knowledge) is None
    assert rendered(DeleteDraft(anonymous), knowledge) is None
    assert rendered(DeleteDraft({**R4, "id": ""}), knowledge) is None
    assert rendered(DeleteDraft({**R4, "id": "a/b"}), knowledge) is None
    assert rendered(DeleteDraft({**R4, "id": "a b"}), knowledge) is None


def test_a_client_that_cannot_update_orders_gets_no_update(knowledge: Knowledge) -> None:
    change = update(R4, knowledge.profiles["mmCombination"].doses["reduced"])
    assert rendered(change, knowledge, CardOptions(profile=PROFILES["epic"])) is None


def test_removal_names_the_draft(knowledge: Knowledge) -> None:
    suggestion = rendered(DeleteDraft(R4), knowledge)
    assert suggestion is not None
    assert suggestion["actions"] == [
        {"type": "delete", "description": suggestion["label"], "resourceId": "MedicationRequest/draft-1"}
    ]


@pytest.mark.parametrize("identity", ["draft_1", "5b}1", "a\u200bb", "urn:uuid:6f"])
def test_removal_names_the_draft_as_it_was_sent(identity: str, knowledge: Knowledge) -> None:
    suggestion = rendered(DeleteDraft({**R4, "id": identity}), knowledge)
    assert suggestion is not None
    assert suggestion["actions"][0]["resourceId"] == f"MedicationRequest/{identity}"
    card = {"summary": "s", "indicator": "info", "source": {"label": "l"}, "suggestions": [suggestion]}
    assert "resourceId" not in str(faults(Document.RESPONSE, {"cards": [card]}))


@pytest.mark.parametrize("user", ["Practitioner/7", "PractitionerRole/7", "", "Patient/1"])
def test_every_test_order_is_valid_fhir(user: str, knowledge: Knowledge) -> None:
    for orderable in knowledge.orderables:
        suggestion = rendered(CreateTest(orderable), knowledge, user=user)
        assert suggestion is not None
        (action,) = suggestion["actions"]
        assert action["type"] == "create"
        resource = ServiceRequest.model_validate(action["resource"])
        assert resource.subject.reference == "Patient/1"
        assert resource.status == "draft"
        assert ("requester" in action["resource"]) is user.startswith("Practitioner")


def test_a_site_may_name_its_own_code(knowledge: Knowledge) -> None:
    options = CardOptions(action_code_map={"creatinine": ("urn:oid:1.2.3", "LAB66")})
    suggestion = rendered(CreateTest("creatinine"), knowledge, options)
    assert suggestion is not None
    codings = suggestion["actions"][0]["resource"]["code"]["coding"]
    assert codings[0] == {"system": "urn:oid:1.2.3", "code": "LAB66"}
    assert codings[1]["code"] == "2160-0"


def test_epic_is_told_to_order_only_what_its_site_has_a_code_for(knowledge: Knowledge) -> None:
    epic = PROFILES["epic"]
    mapped = CardOptions(epic, action_code_map={"creatinine": ("urn:site", "LAB66")})
    assert rendered(CreateTest("creatinine"), knowledge, CardOptions(epic)) is None
    assert rendered(CreateTest("creatinine"), knowledge, mapped) is not None


@pytest.mark.parametrize("version", ["STU3", "DSTU2"])
def test_versions_that_order_tests_by_other_resources_are_told_to_create_nothing(
    version: Any, knowledge: Knowledge
) -> None:
    assert rendered(CreateTest("creatinine"), knowledge, CardOptions(fhir_version=version)) is None


def test_an_order_for_r5_is_valid_there(knowledge: Knowledge) -> None:
    options = CardOptions(fhir_version="R5")
    for orderable in knowledge.orderables:
        suggestion = rendered(CreateTest(orderable), knowledge, options)
        assert suggestion is not None
        resource = R5ServiceRequest.model_validate(suggestion["actions"][0]["resource"])
        assert resource.code.concept.coding
    for medication in knowledge.orderable_medications:
        suggestion = rendered(CreateMedication(medication), knowledge, options)
        assert suggestion is not None
        drug = R5MedicationRequest.model_validate(suggestion["actions"][0]["resource"])
        assert drug.medication.concept.text
