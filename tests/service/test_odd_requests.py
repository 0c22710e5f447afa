"""Requests as real EHRs send them, each a variation of one that conforms: the cards stay the right ones."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.config import Settings
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import create_sandbox

Json = dict[str, Any]
Change = Callable[[Json], None]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATIENT = "severe-renal-impairment"
EXPECTED = {"renalDose": "critical", "counselling": "info"}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
EHR = "https://ehr.example.org/api/FHIR/R4"


@dataclass(frozen=True)
class Ehr:
    """A service and the requests of an EHR that conforms."""

    web: FlaskClient
    patients: dict[str, SandboxPatient]
    bodies: dict[str, Json]

    def body(self, patient_id: str = PATIENT) -> Json:
        return copy.deepcopy(self.bodies[patient_id])

    def cards(self, body: Json, hook: str = "order-sign") -> list[Json]:
        response = self.web.post(
            f"/cds-services/lenalidomide-{hook}", data=json.dumps(body, ensure_ascii=False).encode()
        )
        assert response.status_code == 200, response.text
        cards: list[Json] = response.get_json()["cards"]
        return cards

    def said(self, body: Json, hook: str = "order-sign") -> dict[str, tuple[str, str]]:
        """Topic → indicator and summary."""
        return {
            card["source"]["topic"]["code"]: (card["indicator"], card["summary"]) for card in self.cards(body, hook)
        }


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    folder = tmp_path_factory.mktemp("odd")
    settings = Settings(
        auth="off", database_url=f"sqlite:///{folder / 'x.sqlite3'}", spool_dir=folder / "spool", deadline_ms=20_000
    )
    app = create_app(settings, clock=lambda: NOW)
    patients = {patient.id: patient for patient in load_patients(NOW)}
    sandbox = create_sandbox(one for patient in patients.values() for one in patient.resources).extensions["sandbox"]
    templates = app.test_client().get("/cds-services").get_json()["services"][0]["prefetch"]
    bodies = {
        patient.id: hook_request(
            patient,
            hook="order-sign",
            fhir_server=None,
            prefetch=fill_prefetch(templates, patient, lambda url: sandbox.get(url, base_url=f"{EHR}")),
            hook_instance=str(uuid.uuid4()),
        )
        for patient in patients.values()
    }
    yield Ehr(app.test_client(), patients, bodies)
    app.extensions["lencds"].close()


def drafts(body: Json) -> list[Json]:
    return [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]


def resources(body: Json) -> Iterator[Json]:
    """Every FHIR resource of a request: drafts and prefetch."""
    yield from drafts(body)
    for value in body["prefetch"].values():
        yield from (entry["resource"] for entry in value.get("entry", ())) if "entry" in value else (value,)


def objects(value: Any) -> Iterator[Json]:
    """Every JSON object in a value, the innermost first."""
    for child in list(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()):
        yield from objects(child)
    if isinstance(value, dict):
        yield value


def rename(value: Any, old: str, new: str) -> Any:
    """Return JSON with one string replaced in all texts."""
    return json.loads(json.dumps(value).replace(old, new))


# --- variations that must not change a word --------------------------------------------------------------------------


def bundle_without_type(body: Json) -> None:
    del body["context"]["draftOrders"]["type"]


def bundle_without_resource_type(body: Json) -> None:
    del body["context"]["draftOrders"]["resourceType"]


def category_as_object(body: Json) -> None:
    for resource in resources(body):
        if isinstance(resource.get("category"), list):
            resource["category"] = resource["category"][0]
        elif resource["resourceType"] == "MedicationRequest":
            resource["category"] = {"coding": [{"code": "outpatient"}], "text": "Outpatient"}


def patient_prefix(body: Json) -> None:
    body["context"]["patientId"] = f"Patient/{PATIENT}"


def uuid_of_version_1(body: Json) -> None:
    body["hookInstance"] = "3f1dde72-162b-11ec-99e8-0050568b7be6"


def instance_that_is_no_uuid(body: Json) -> None:
    body["hookInstance"] = "urn:instance/" + "é" * 400


def very_long_ids(body: Json) -> None:
    """Epic's ids have more than 200 characters; the standard allows 64."""
    renamed = rename(body, PATIENT, PATIENT + ".eX-4" * 60)
    body.clear()
    body.update(renamed)


def absolute_references(body: Json) -> None:
    for one in objects(body):
        if isinstance(one.get("reference"), str) and not one["reference"].startswith("#"):
            one["reference"] = f"{EHR}/{one['reference']}"


def references_to_versions(body: Json) -> None:
    for one in objects(body):
        if isinstance(one.get("reference"), str) and not one["reference"].startswith("#"):
            one["reference"] = f"{EHR}/{one['reference']}/_history/3"


def user_is_a_role(body: Json) -> None:
    body["context"]["userId"] = "PractitionerRole/eRole.1-x"


def user_is_missing(body: Json) -> None:
    del body["context"]["userId"]


def status(value: str | None) -> Change:
    def change(body: Json) -> None:
        for draft in drafts(body):
            draft.pop("status")
            if value is not None:
                draft["status"] = value

    change.__name__ = f"status {value}"
    return change


def other_orders_mixed_in(body: Json) -> None:
    others: list[Any] = [
        {"resourceType": "ServiceRequest", "id": "s", "status": "draft", "code": {"text": "lenalidomide level"}},
        {"resourceType": "DeviceRequest", "id": "d", "codeCodeableConcept": {"text": "walker"}},
        {"resourceType": "NutritionOrder", "id": "n", "oralDiet": {"type": [{"text": "low salt"}]}},
        {"resourceType": "VisionPrescription", "id": "v"},
        {"resourceType": "SomethingOfALaterVersion", "id": "l"},
    ]
    entries = body["context"]["draftOrders"]["entry"]
    entries[:0] = [{"resource": one} for one in others[:2]]
    entries += [{"resource": one} for one in others[2:]] + [None, {}, {"resource": None}, {"fullUrl": "urn:uuid:1"}]


def order_without_medication_beside(body: Json) -> None:
    body["context"]["draftOrders"]["entry"].insert(
        0, {"resource": {"resourceType": "MedicationRequest", "id": "none", "status": "draft", "intent": "order"}}
    )


def outcome_only_bundles(body: Json) -> None:
    """How Epic says that a search found nothing."""
    issue = {
        "severity": "warning",
        "code": "processing",
        "details": {"coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": "4101"}]},
        "diagnostics": "Resource request returns no results.",
    }
    nothing = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
    for key, value in body["prefetch"].items():
        if value.get("resourceType") == "Bundle" and not value.get("entry"):
            body["prefetch"][key] = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [nothing]}


def outcome_beside_the_entries(body: Json) -> None:
    note = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}
    for value in body["prefetch"].values():
        if value.get("entry"):
            value["entry"].append({"resource": note, "search": {"mode": "outcome"}})


def unknown_members_everywhere(body: Json) -> None:
    for one in list(objects(body)):
        if one is not body["prefetch"]:
            one["x-vendor"] = {"a": [1, None, {"b": ""}], "reference": "Medication/none"}
    body["prefetch"]["x-vendor"] = {"resourceType": "Basic", "id": "b"}


def extensions_everywhere(body: Json) -> None:
    extension = {"url": "http://vendor.example/x", "valueReference": {"reference": "Medication/none"}}
    for resource in resources(body):
        for one in list(objects(resource)):
            one["extension"] = [*one.get("extension", ()), extension]
            one |= {f"_{name}": {"extension": [extension]} for name, value in one.items() if isinstance(value, str)}
        resource["modifierExtension"] = [{"url": "http://vendor.example/m", "valueBoolean": True}]


def zero_width_characters(body: Json) -> None:
    """Copied from web pages into codes, texts and ids."""
    for resource in resources(body):
        for one in objects(resource):
            for name in ("code", "display", "text", "system", "unit", "id", "reference", "status", "url", "div"):
                if isinstance(one.get(name), str):
                    text = one[name]
                    one[name] = f"\ufeff{text[:2]}\u200b{text[2:]}\u2060"
    body["context"]["patientId"] += "\u200b"


def no_break_spaces(body: Json) -> None:
    for resource in resources(body):
        for one in objects(resource):
            for name in ("display", "text", "unit"):
                if isinstance(one.get(name), str):
                    one[name] = one[name].replace(" ", "\u00a0")


def dosage_of_stu3(body: Json) -> None:
    for resource in resources(body):
        lines = resource.get("dosageInstruction", ())
        resource["dosageInstruction"] = [{**line, **line.pop("doseAndRate", [{}])[0]} for line in lines]


def empty_requester(body: Json) -> None:
    reason = {
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "unknown",
    }
    for draft in drafts(body):
        draft |= {
            "requester": {"extension": [reason]},
            "recorder": {"reference": "Practitioner/e1", "display": "A nurse"},
            "encounter": {"reference": "", "_reference": {"extension": [reason]}},
            "reasonReference": [{"extension": [reason]}],
        }


def epic_medication(body: Json) -> None:
    """The drug is a sibling entry, with codings of several systems and RxNorm codes of several term types."""
    for draft in drafts(body)[:1]:
        concept = draft.pop("medicationCodeableConcept")
        name = concept.get("text") or "lenalidomide 25 mg capsule"
        codings = [
            {"system": "urn:oid:2.16.840.1.113883.6.253", "code": "204211", "display": "LENALIDOMIDE"},
            {"system": "urn:oid:2.16.840.1.113883.6.68", "code": "9939402000"},
            {"system": "urn:oid:2.16.840.1.113883.6.88", "code": "342369", "display": "lenalidomide"},
            *concept["coding"],
            {"system": RXNORM, "code": "999999999"},
            {"system": "http://www.whocc.no/atc", "code": "L04AX04", "display": "lenalidomide"},
        ]
        medication = {
            "resourceType": "Medication",
            "id": "eMed.1",
            "identifier": [{"system": "urn:oid:1.2.3", "value": "204211"}],
            "code": {"coding": codings, "text": name},
            "ingredient": [
                {"strength": {"numerator": {"value": 25, "unit": "mg"}, "denominator": {"value": 25, "unit": "mg"}}}
            ],
        }
        draft["medicationReference"] = {"reference": "Medication/eMed.1", "display": name}
        body["context"]["draftOrders"]["entry"].append({"resource": medication})


def epic_medication_by_absolute_reference(body: Json) -> None:
    epic_medication(body)
    for draft in drafts(body):
        if "medicationReference" in draft:
            draft["medicationReference"]["reference"] = f"{EHR}/Medication/eMed.1"


def medication_by_full_url(body: Json) -> None:
    """A sibling without an id, named by the `fullUrl` of its entry."""
    epic_medication(body)
    for entry in body["context"]["draftOrders"]["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Medication":
            del resource["id"], resource["code"]["text"]
            entry["fullUrl"] = "urn:uuid:6b2d7b0e-60a4-4bb9-9fd1-3c5d4c0e6a11"
        elif "medicationReference" in resource:
            resource["medicationReference"] = {"reference": "urn:uuid:6b2d7b0e-60a4-4bb9-9fd1-3c5d4c0e6a11"}


def medication_reference_without_target(body: Json) -> None:
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    for draft in drafts(body):
        name = draft.pop("medicationCodeableConcept")["coding"][0]["display"]
        draft["medicationReference"] = {"extension": [reason], "display": name}


def three_dose_rows(body: Json) -> None:
    """Epic gives the dose three times; only one of them is the order."""
    for draft in drafts(body):
        (row,) = draft["dosageInstruction"]
        ordered = row["doseAndRate"][0]["doseQuantity"]
        row["doseAndRate"] = [
            epic_dose("calculated", ordered),
            epic_dose("admin-amount", {"value": 1, "unit": "{capsule}", "code": "{capsule}"}),
            epic_dose("ordered", ordered),
        ]


def epic_dose(kind: str, quantity: Json) -> Json:
    system = "http://epic.com/CodeSystem/dose-rate-type"
    return {
        "type": {"coding": [{"system": system, "code": kind, "display": kind}], "text": kind},
        "doseQuantity": quantity,
    }


def numbers_as_strings(body: Json) -> None:
    for resource in resources(body):
        for one in objects(resource):
            if isinstance(one.get("value"), int | float):
                one["value"] = str(one["value"])


HARMLESS: list[Change] = [
    bundle_without_type,
    bundle_without_resource_type,
    category_as_object,
    patient_prefix,
    uuid_of_version_1,
    instance_that_is_no_uuid,
    very_long_ids,
    absolute_references,
    references_to_versions,
    user_is_a_role,
    user_is_missing,
    *(status(value) for value in ("active", "on-hold", "completed", "unknown", "stopped", None)),
    other_orders_mixed_in,
    order_without_medication_beside,
    outcome_only_bundles,
    outcome_beside_the_entries,
    unknown_members_everywhere,
    extensions_everywhere,
    zero_width_characters,
    no_break_spaces,
    dosage_of_stu3,
    empty_requester,
    epic_medication,
    epic_medication_by_absolute_reference,
    medication_by_full_url,
    medication_reference_without_target,
    three_dose_rows,
    numbers_as_strings,
]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__.replace("_", " "))
@pytest.mark.parametrize("patient", [PATIENT, "liver-enzymes-high", "no-pregnancy-test"])
def test_the_cards_are_the_same(ehr: Ehr, change: Change, patient: str) -> None:
    plain = ehr.said(ehr.body(patient))
    assert plain
    body = ehr.body(patient) if patient == PATIENT else rename(ehr.body(patient), patient, PATIENT)
    before = copy.deepcopy(body)
    change(body)
    assert body != before
    assert ehr.said(body) == plain


def test_the_base_request_gets_the_cards_it_should(ehr: Ehr) -> None:
    assert {topic: indicator for topic, (indicator, _) in ehr.said(ehr.body()).items()} == EXPECTED


def test_a_byte_order_mark(ehr: Ehr) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(ehr.body()).encode()
    response = ehr.web.post("/cds-services/lenalidomide-order-sign", data=body)
    assert len(response.get_json()["cards"]) == len(EXPECTED)


# --- which dose is the order -----------------------------------------------------------------------------------------


def with_doses(ehr: Ehr, *rows: Json) -> Json:
    body = ehr.body()
    (draft,) = drafts(body)
    (line,) = draft["dosageInstruction"]
    line["doseAndRate"] = list(rows)
    line.pop("text", None)
    return body


def mg(value: float) -> Json:
    return {"value": value, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


CAPSULE = {"value": 1, "unit": "capsule"}


@pytest.mark.parametrize(
    ("rows", "dose"),
    [
        ([epic_dose("calculated", mg(5)), epic_dose("admin-amount", CAPSULE), epic_dose("ordered", mg(25))], "25 mg"),
        ([epic_dose("ordered", mg(25)), epic_dose("calculated", mg(25)), epic_dose("admin-amount", CAPSULE)], "25 mg"),
        ([epic_dose("calculated", mg(25)), epic_dose("admin-amount", CAPSULE)], "25 mg"),
        ([epic_dose("admin-amount", CAPSULE), epic_dose("ordered", CAPSULE)], "25 mg"),
        ([{"doseQuantity": mg(25)}, {"doseQuantity": mg(25)}], "25 mg"),
    ],
)
def test_the_ordered_dose_is_chosen_and_nothing_is_summed(ehr: Ehr, rows: list[Json], dose: str) -> None:
    (card,) = (card for card in ehr.cards(with_doses(ehr, *rows)) if card["source"]["topic"]["code"] == "renalDose")
    assert dose in card["summary"] + card["detail"]
    for sum_of_rows in ("30 mg", "50 mg", "51 mg", "55 mg", "75 mg"):
        assert sum_of_rows not in card["summary"] + card["detail"]


def test_rows_that_differ_are_said_to(ehr: Ehr) -> None:
    """The ordered dose counts, and the higher one is not passed over."""
    rows = [epic_dose("calculated", mg(250)), epic_dose("ordered", mg(25))]
    said = " ".join(summary for _, summary in ehr.said(with_doses(ehr, *rows)).values())
    assert "ordered 25 mg, but calculated 250 mg" in said
    assert "275" not in said


# --- drugs that are hard to know -------------------------------------------------------------------------------------


def alone(ehr: Ehr, draft: Json, *others: Json) -> Json:
    body = ehr.body()
    body["context"]["draftOrders"]["entry"] = [{"resource": one} for one in (draft, *others)]
    return body


DRAFT = {"resourceType": "MedicationRequest", "id": "d", "status": "draft", "intent": "order"}


@pytest.mark.parametrize(
    "medication", [{}, {"medicationCodeableConcept": {}}, {"medicationCodeableConcept": {"text": ""}}]
)
def test_an_order_without_medication_is_none_of_ours(ehr: Ehr, medication: Json) -> None:
    assert ehr.cards(alone(ehr, {**DRAFT, **medication})) == []


def test_orders_that_are_no_medication_are_none_of_ours(ehr: Ehr) -> None:
    service = {"resourceType": "ServiceRequest", "id": "s", "code": {"text": "lenalidomide level"}}
    assert ehr.cards(alone(ehr, service)) == []


def test_an_empty_reference_without_words_is_said(ehr: Ehr) -> None:
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    body = alone(ehr, {**DRAFT, "medicationReference": {"reference": "Medication/gone", "extension": [reason]}})
    assert {topic: level for topic, (level, _) in ehr.said(body).items()} == {"checkIncomplete": "info"}


def test_codes_of_several_term_types_of_another_drug(ehr: Ehr) -> None:
    """Ingredient, branded and clinical drug of one cough syrup."""
    coding = [{"system": RXNORM, "code": code} for code in ("3289", "102490", "1090496")]
    medication = {"resourceType": "Medication", "id": "m", "code": {"coding": coding, "text": "dextromethorphan syrup"}}
    body = alone(ehr, {**DRAFT, "medicationReference": {"reference": "Medication/m"}}, medication)
    assert ehr.cards(body) == []


# --- what goes back --------------------------------------------------------------------------------------------------


def created_orders(cards: list[Json]) -> list[Json]:
    return [
        action["resource"]
        for card in cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if action["type"] == "create"
    ]


def test_a_role_is_the_requester_of_what_is_suggested(ehr: Ehr) -> None:
    body = ehr.body("no-pregnancy-test")
    body["context"]["userId"] = "PractitionerRole/eRole.1-x"
    orders = created_orders(ehr.cards(body))
    assert orders
    assert {order["requester"]["reference"] for order in orders} == {"PractitionerRole/eRole.1-x"}


def test_the_prefix_of_the_patient_is_not_doubled(ehr: Ehr) -> None:
    body = ehr.body("no-pregnancy-test")
    body["context"]["patientId"] = "Patient/no-pregnancy-test"
    orders = created_orders(ehr.cards(body))
    assert orders
    assert {order["subject"]["reference"] for order in orders} == {"Patient/no-pregnancy-test"}


def test_selections_by_absolute_reference(ehr: Ehr) -> None:
    body = ehr.body()
    (draft,) = drafts(body)
    body |= {"hook": "order-select"}
    body["context"]["selections"] = [f"{EHR}/MedicationRequest/{draft['id']}"]
    assert "renalDose" in ehr.said(body, "order-select")
    body["context"]["selections"] = ["MedicationRequest/another"]
    assert ehr.cards(body, "order-select") == []


def test_resources_count_under_keys_of_the_site_which_do_not_tell_what_was_searched(ehr: Ehr) -> None:
    body = ehr.body()
    body["prefetch"] = {f"site-{number}": value for number, value in enumerate(body["prefetch"].values())}
    assert {topic: level for topic, (level, _) in ehr.said(body).items()} == {
        "renalDose": "critical",
        "checkIncomplete": "warning",
    }
