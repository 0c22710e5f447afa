"""The typical patients: which cards they bring, what keeps the cards few, and the page that says so."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from cds_hooks.alert_burden import BEGIN, END, Patient, measure, report, update
from cds_hooks.cases.journeys import MOMENTS, Visit, load_journeys
from cds_hooks.cases.resources import check_case
from cds_hooks.cases.run import run_case
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Reader, make_reader
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.knowledge.yaml_document import KnowledgeError

PAGE = Path(__file__).parents[2] / "docs" / "alert-burden.md"
WELL_MONITORED = frozenset(
    {
        "monitoredMyeloma", "frailMyeloma", "youngWomanMyeloma", "maintenance", "myelodysplastic", "mantleCell",
        "follicular", "marginalZone", "dialysis",
    }
)  # fmt: skip
JOURNEYS = load_journeys()
VISITS = [visit for journey in JOURNEYS for visit in journey.visits]


@cache
def reader() -> Reader:
    return make_reader(load_knowledge())


@cache
def patients() -> tuple[Patient, ...]:
    return measure(JOURNEYS, reader())


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: f"{visit.case.based_on}: {visit.moment}")
def test_an_order_brings_the_cards_a_clinician_would_want(visit: Visit) -> None:
    assert visit.case.only, "an order of a typical patient says all cards that may appear"
    check_case(visit.case, reader().knowledge)
    failures = verdict(visit.case, run_case(visit.case, reader(), reader().knowledge), reader().knowledge)
    if failures:
        pytest.fail("\n  ".join((f"{visit.case.place} {visit.case.sentence}", *failures)), pytrace=False)


def test_there_are_twelve_patients_with_six_orders_each() -> None:
    assert len(JOURNEYS) == 12
    assert all(tuple(visit.moment for visit in journey.visits) == MOMENTS for journey in JOURNEYS)
    assert len({visit.case.patient_id for visit in VISITS}) == len(VISITS)


def test_the_well_monitored_get_no_card_at_cycle_6() -> None:
    brought = {
        one.journey.name: order.cards
        for one in patients()
        for order in one.orders
        if one.journey.name in WELL_MONITORED and order.visit.moment == "Cycle 6"
    }
    assert brought == dict.fromkeys(WELL_MONITORED, ())


def test_no_order_brings_two_cards_of_one_topic() -> None:
    for one in patients():
        for order in one.orders:
            topics = [card.topic for card in order.cards]
            assert len(topics) == len(set(topics)), order.visit.case.sentence


def test_counselling_comes_with_the_first_order_and_never_again() -> None:
    for one in patients():
        counselled = [any(card.topic == "counselling" for card in order.cards) for order in one.orders]
        assert counselled == [True, False, False, False, False, False], one.journey.name


def test_no_order_brings_more_than_one_critical_story() -> None:
    """Both counts may be low at once, for the same reason and with the same consequence."""
    for one in patients():
        for order in one.orders:
            critical = {card.topic for card in order.cards if card.indicator is Indicator.CRITICAL}
            assert len(critical) <= 1 or critical == {"neutropenia", "thrombocytopenia"}, order.visit.case.sentence


def test_later_orders_are_calmer_than_the_first() -> None:
    poorly = next(one for one in patients() if one.journey.name == "poorlyMonitored")
    ranks = [{card.topic: card.indicator.rank for card in order.cards} for order in poorly.orders[:2]]
    for topic in ("thromboprophylaxis", "renalDose", "thyroidTestsOverdue"):
        assert ranks[1][topic] > ranks[0][topic], topic


def test_the_page_shows_what_the_rules_say_today() -> None:
    page = PAGE.read_text("utf-8")
    assert page == update(page, report(patients())), "run: lencds burden --update docs/alert-burden.md"


def test_a_page_without_the_two_lines_is_refused() -> None:
    for page in ("", BEGIN, f"{END} {BEGIN}"):
        with pytest.raises(ValueError, match="lacks the lines"):
            update(page, "tables")


# --- reading the patients ---------------------------------------------------------------------------------------------

BASES = """\
charts:
  someone:
    about: Somebody.
    orders: [{drug: lenalidomide}]
  other:
    about: Somebody else.
    based_on: someone
"""


def journey_file(*moments: str, based_on: str = "someone") -> str:
    return "cases:\n" + "".join(
        f'  - {{case: "{moment}: something", based_on: {based_on}, only: true}}\n' for moment in moments
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (journey_file(*MOMENTS[:5]), "there are 5 orders; a patient has 6"),
        (journey_file(*MOMENTS, "Cycle 9"), "there are 7 orders"),
        (journey_file(*MOMENTS[:4], "Cycle 9", "Dose change"), r"someone.yaml:6: .*'Cycle 6'"),
        (journey_file(*MOMENTS[:3]) + journey_file(*MOMENTS[3:], based_on="other")[7:], "the same base chart"),
    ],
)
def test_a_patient_without_the_six_orders_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "base_charts.yaml").write_text(BASES, "utf-8")
    (tmp_path / "someone.yaml").write_text(text, "utf-8")
    with pytest.raises(KnowledgeError, match=problem):
        load_journeys(tmp_path)
