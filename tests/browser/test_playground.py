"""The playground in a real browser: choose, sign, accept, override, by mouse and by keyboard, on every screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from service.commands.demo_service import DemoService
from tests.browser.accessibility import poor_contrasts, scrolls_sideways, structural_faults

PHONE = {"width": 360, "height": 780}
MOST_TABS = 60

OpenPage = Callable[..., Page]
KeepScreenshot = Callable[[Page, str], None]


@pytest.fixture
def open_patient(open_page: OpenPage, demo: DemoService) -> OpenPage:
    def open_one(patient_id: str, **options: Any) -> Page:
        return open_page(f"{demo.playground_url}?patient={patient_id}", **options)

    return open_one


def sign(page: Page) -> list[str]:
    """Send the orders and return the topics of the cards."""
    with page.expect_response("**/playground/fhir-requests"):
        page.locator("#sign").click()
    expect(page.locator("#status")).to_contain_text(" ms.")
    return [str(card.get_attribute("data-topic")) for card in page.locator(".card").all()]


def card(page: Page, topic: str) -> Any:
    return page.locator(f".card[data-topic={topic}]")


def exchange(page: Page, name: str) -> Any:
    """Return what one of the panels shows, as JSON."""
    return json.loads(page.locator(f"[data-exchange={name}] [data-json]").text_content() or "")


def feedback(demo: DemoService, uuid: str) -> list[tuple[str, ...]]:
    query = text("SELECT outcome, topic, reason_code, comment FROM feedback WHERE card = :card")
    with demo.services.database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"card": uuid})]


def uuid_of(page: Page, topic: str) -> str:
    cards = exchange(page, "response")["cards"]
    return next(str(one["uuid"]) for one in cards if one["source"]["topic"]["code"] == topic)


def test_a_patient_is_chosen_from_the_list(open_page: OpenPage, demo: DemoService) -> None:
    page = open_page(demo.playground_url)
    page.get_by_text("Change patient").click()
    expect(page.get_by_role("navigation", name="Patients").get_by_role("link")).to_have_count(len(demo.patients))
    page.get_by_role("link", name="Walter Lindqvist").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Walter Lindqvist")
    expect(page.get_by_label("Newest results")).to_contain_text("2 mg/dL")
    expect(page.get_by_role("spinbutton", name="Dose")).to_have_value("25")


def test_signing_shows_the_cards_and_what_was_sent(open_patient: OpenPage, demo: DemoService) -> None:
    page = open_patient("severe-renal-impairment")
    assert sign(page) == ["renalDose", "counselling"]
    renal = card(page, "renalDose")
    expect(renal).to_have_attribute("data-indicator", "critical")
    expect(renal.get_by_text("Critical")).to_be_visible()
    expect(renal.locator(".lead strong")).to_have_text("15 mg every other day on days 1-21 of 28")
    expect(renal.locator("footer a")).to_have_attribute("rel", "noopener noreferrer")
    renal.get_by_text("Inputs, limits, options and basis").click()
    expect(renal.locator(".rest li").first).to_be_visible()
    request = exchange(page, "request")
    assert request["hook"] == "order-sign"
    assert request["fhirServer"] == demo.fhir_url
    assert request["prefetch"]["patient"]["id"] == "severe-renal-impairment"
    assert len(exchange(page, "response")["cards"]) == 2
    expect(page.locator("[data-exchange=fhir] [data-note]")).to_have_text("0")


def test_what_was_sent_can_be_copied(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment", permissions=["clipboard-read", "clipboard-write"])
    copy = page.locator("[data-exchange=request] [data-copy]")
    expect(copy).to_be_disabled()
    sign(page)
    copy.click()
    expect(copy).to_have_text("Copied")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == exchange(page, "request")


def test_without_prefetch_the_service_asks_the_fhir_server(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment")
    page.get_by_label("Send the prefetch with the call").uncheck()
    assert sign(page) == ["renalDose", "counselling"]
    assert "prefetch" not in exchange(page, "request")
    assert int(page.locator("[data-exchange=fhir] [data-note]").inner_text()) > 0


def test_a_suggestion_changes_the_order_and_the_next_answer(open_patient: OpenPage, demo: DemoService) -> None:
    page = open_patient("severe-renal-impairment")
    sign(page)
    uuid = uuid_of(page, "renalDose")
    page.get_by_role("button", name="Change the order to 15 mg every other day").click()
    expect(card(page, "renalDose")).to_contain_text("Feedback was sent.")
    expect(page.get_by_label("Drug")).to_contain_text("lenalidomide 15 MG Oral Capsule")
    expect(page.get_by_role("spinbutton", name="Dose")).to_have_value("15")
    expect(page.get_by_label("Schedule")).to_have_value("2 d")
    expect(page.locator(".order.changed")).to_have_count(1)
    expect(page.locator("#status")).to_contain_text("The orders have changed")
    assert feedback(demo, uuid) == [("accepted", "renalDose", "", "")]
    assert sign(page) == ["counselling"]


def test_a_suggested_test_becomes_an_order(open_patient: OpenPage) -> None:
    page = open_patient("no-pregnancy-test")
    assert "pregnancyTestRequired" in sign(page)
    page.get_by_role("button", name="Order pregnancy test").click()
    expect(page.locator(".order")).to_have_count(3)
    sign(page)
    entries = exchange(page, "request")["context"]["draftOrders"]["entry"]
    assert entries[-1]["resource"]["resourceType"] == "ServiceRequest"
    assert entries[-1]["resource"]["id"]


def test_an_override_reaches_the_store_with_its_reason(open_patient: OpenPage, demo: DemoService) -> None:
    page = open_patient("pembrolizumab-running")
    sign(page)
    topic = "checkpointInhibitorCombination"
    uuid, shown = uuid_of(page, topic), card(page, topic)
    shown.get_by_text("Override…").click()
    shown.get_by_role("radio").nth(1).check()
    shown.get_by_label("Comment").fill("Agreed in the tumour board")
    shown.get_by_role("button", name="Override card").click()
    expect(shown.locator(".outcome")).to_contain_text("Feedback was sent.")
    expect(shown.locator(".outcome")).to_be_focused()
    reason = exchange(page, "feedback")["feedback"][0]["overrideReason"]["reason"]["code"]
    assert feedback(demo, uuid) == [("overridden", topic, reason, "Agreed in the tumour board")]


def test_an_override_wants_a_reason(open_patient: OpenPage) -> None:
    page = open_patient("pembrolizumab-running")
    sign(page)
    shown = page.locator(".card").first
    shown.get_by_text("Override…").click()
    shown.get_by_role("button", name="Override card").click()
    expect(shown.locator(".outcome")).to_be_hidden()


def test_another_profile_gets_other_suggestions(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment")
    page.get_by_label("EHR profile").select_option("epic")
    assert sign(page) == ["renalDose", "counselling"]
    expect(page.get_by_role("button", name="Change the order")).to_have_count(0)
    expect(page.locator("[data-exchange=request] [data-note]")).to_contain_text("POST /ehr/epic/cds-services/")


def test_order_select_asks_about_the_selection(open_patient: OpenPage) -> None:
    page = open_patient("fresh-thrombosis")
    expect(page.get_by_label("order-select")).to_be_checked()
    expect(page.locator("#sign")).to_have_text("Check selection")
    sign(page)
    request = exchange(page, "request")
    orders = [entry["resource"] for entry in request["context"]["draftOrders"]["entry"]]
    assert request["context"]["selections"] == [f"MedicationRequest/{order['id']}" for order in orders]
    page.get_by_label("order-sign").check()
    expect(page.locator("#sign")).to_have_text("Sign orders")


def test_the_fields_change_what_is_sent(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment")
    page.get_by_label("Drug").select_option(label="lenalidomide 5 MG Oral Capsule")
    expect(page.get_by_role("spinbutton", name="Dose")).to_have_value("5")
    page.get_by_label("Schedule").select_option("2 d")
    page.get_by_label("Supply").fill("84")
    page.get_by_label("Refills").fill("2")
    page.get_by_label("Refills").blur()
    assert "remsSupplyLimit" in sign(page)
    order = exchange(page, "request")["context"]["draftOrders"]["entry"][0]["resource"]
    assert order["dosageInstruction"][0]["text"] == (
        "Take 5 mg by mouth every other day on days 1 to 21 of each 28-day cycle"
    )
    assert order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 5
    assert order["dispenseRequest"]["numberOfRepeatsAllowed"] == 2
    assert order["dispenseRequest"]["expectedSupplyDuration"]["value"] == 84


def test_what_a_clinician_types_is_never_markup(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment")
    directions = '<img src=x onerror="document.title=1"> [go](javascript:alert(1)) 40 mg or maybe 10 mg'
    page.get_by_label("Directions").fill(directions)
    page.get_by_label("Directions").blur()
    sign(page)
    assert "<img" in json.dumps(exchange(page, "request"))
    expect(page.locator(".card img")).to_have_count(0)
    expect(page.locator(".card a[href^=javascript]")).to_have_count(0)
    expect(page).to_have_title("Walter Lindqvist · Playground · lenalidomide-cds")


def test_no_orders_no_cards(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment")
    page.get_by_role("button", name="Remove this order").click()
    expect(page.get_by_text("No draft order is left.")).to_be_visible()
    page.get_by_role("button", name="Add an order").click()
    expect(page.get_by_label("Drug")).to_be_focused()
    page.get_by_label("Drug").select_option(label="Digoxin 0.125 MG Oral Tablet")
    assert sign(page) == []
    expect(page.get_by_role("heading", name="No cards")).to_be_visible()


def test_a_refused_call_is_shown(open_patient: OpenPage) -> None:
    page = open_patient("severe-renal-impairment", tolerated="status of 412")
    refusal = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "invalid", "diagnostics": "It was not to be."}],
    }
    page.route("**/cds-services/*", lambda route: route.fulfill(status=412, json=refusal))
    page.locator("#sign").click()
    expect(page.get_by_role("heading", name="The service answered 412")).to_be_visible()
    expect(page.get_by_text("It was not to be.").first).to_be_visible()


def unfold(page: Page) -> None:
    """Open everything that can be opened."""
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on an element; it must be seen there."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} shows no focus"
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def test_everything_works_by_keyboard(open_patient: OpenPage, demo: DemoService) -> None:
    page = open_patient("severe-renal-impairment")
    tab_to(page, ".skip-link")
    page.keyboard.press("Enter")
    tab_to(page, ".worklist > summary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Patients")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Patients")).to_be_hidden()
    tab_to(page, "#sign")
    with page.expect_response("**/playground/fhir-requests"):
        page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("2 cards: 1 critical, 1 info")
    expect(page.locator("#sign")).to_be_focused()
    uuid = uuid_of(page, "renalDose")
    tab_to(page, ".card .actions > button")
    page.keyboard.press("Space")
    expect(card(page, "renalDose").locator(".outcome")).to_contain_text("Feedback was sent.")
    tab_to(page, ".card[data-topic=counselling] .override > summary")
    page.keyboard.press("Enter")
    tab_to(page, ".override input[type=radio]")
    page.keyboard.press("Space")
    tab_to(page, ".override form button")
    page.keyboard.press("Enter")
    expect(card(page, "counselling").locator(".outcome")).to_contain_text("Feedback was sent.")
    assert [row[0] for row in feedback(demo, uuid)] == ["accepted"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_patient: OpenPage, keep_screenshot: KeepScreenshot, scheme: str) -> None:
    page = open_patient("no-pregnancy-test", color_scheme=scheme)
    assert not poor_contrasts(page)
    sign(page)
    keep_screenshot(page, f"playground-{scheme}")
    unfold(page)
    assert not poor_contrasts(page)
    page.locator(".override").first.get_by_role("radio").first.check()
    page.locator(".override").first.get_by_role("button").click()
    expect(page.locator(".card.overridden")).to_have_count(1)
    assert not poor_contrasts(page)


def test_names_labels_and_headings(open_patient: OpenPage) -> None:
    page = open_patient("no-pregnancy-test")
    assert not structural_faults(page)
    sign(page)
    unfold(page)
    assert not structural_faults(page)


def test_a_phone_shows_all_of_it(open_patient: OpenPage, keep_screenshot: KeepScreenshot) -> None:
    page = open_patient("counts-too-low", **PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    assert not scrolls_sideways(page)
    sign(page)
    expect(page.locator("#decision-title")).to_be_in_viewport()
    assert not scrolls_sideways(page)
    keep_screenshot(page, "playground-phone")
    unfold(page)
    assert not scrolls_sideways(page)
    assert not structural_faults(page)
