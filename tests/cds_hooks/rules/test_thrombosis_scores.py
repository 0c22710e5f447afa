"""What cases cannot show of thrombosis prophylaxis: totals without a card, and the orders a card offers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_hooks.cases.case import BASE_CHARTS, CASES_FOLDER, load_cases
from cds_hooks.cases.run import case_chart
from cds_hooks.chart.chart import Chart, Reader, make_reader
from cds_hooks.findings import CreateMedication, Fact, Suggestion
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.rules.thrombosis import thromboprophylaxis
from cds_hooks.rules.thrombosis_factors import Presence, read_factors
from cds_hooks.rules.thrombosis_scores import ScoreResult, compute, number, result_line, signed

ChartOf = Callable[[str], Chart]
ORDER = Fact("Order", "lenalidomide", "", "MedicationRequest/draft")
BOTH = (CreateMedication("aspirin81"), CreateMedication("enoxaparin40"))


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


@pytest.fixture
def chart_of(reader: Reader, tmp_path: Path) -> ChartOf:
    """Build the chart of a case given by its lines."""

    def build(lines: str) -> Chart:
        shutil.copy(CASES_FOLDER / BASE_CHARTS, tmp_path)
        indented = "".join(f"    {line.strip()}\n" for line in lines.splitlines() if line.strip())
        (tmp_path / "one.yaml").write_text(f"cases:\n  - case: one\n    only: true\n{indented}", "utf-8")
        return case_chart(load_cases(tmp_path)[0], reader)

    return build


def computed(chart: Chart, knowledge: Knowledge) -> dict[str, ScoreResult]:
    factors = read_factors(chart, knowledge, ORDER)
    return {key: compute(score, factors) for key, score in knowledge.scores.scores.items()}


FOURTEEN = """
    based_on: mmFirstOrder
    without: [aspirin, dexamethasone]
    conditions: ["priorVenousThromboembolism, active, 900 days ago"]
    labs: {bodyWeight: "95.1 kg, 2 days ago"}
"""


def test_g30_therapeutic_warfarin_gives_two_totals(chart_of: ChartOf, knowledge: Knowledge) -> None:
    medications = (
        'medications: ["dexamethasone, active order, 2 days ago, 40 mg every 4 days", "warfarin, active order"]'
    )
    result = computed(chart_of(f"{FOURTEEN}\n{medications}"), knowledge)["impedeVte"]
    assert result.totals == {"ashSap": 9, "ashPublications": 10}
    assert str(result) == "10 or 9 (high)"
    line = result_line(result, knowledge)
    assert "**IMPEDE-VTE 10 or 9**" in line
    assert "9 (ASH Self-Assessment Program, high), 10 (ASH review table, high)" in line


@pytest.mark.parametrize(
    ("prophylaxis", "item"),
    [
        ("enoxaparin, active order, 2 days ago, 94 mg every day", "prophylaxis"),
        ("enoxaparin, active order, 2 days ago, 95.1 mg every day", "anticoagulantTherapeutic"),
        ("enoxaparin, active order, 2 days ago, 96 mg every day", "anticoagulantTherapeutic"),
        ("enoxaparin, active order, 2 days ago", "prophylaxis"),
        ("dalteparin, active order, 2 days ago", "prophylaxis"),
        ("aspirin, active statement, 2 days ago, 81 mg every day", "prophylaxis"),
    ],
)
def test_what_counts_as_therapeutic(prophylaxis: str, item: str, chart_of: ChartOf, knowledge: Knowledge) -> None:
    chart = chart_of(f'{FOURTEEN}\nmedications: ["{prophylaxis}"]')
    found = [one for one in read_factors(chart, knowledge, ORDER) if item in one.items]
    assert [one.presence for one in found] == [Presence.PRESENT]


@pytest.mark.parametrize("drug", ["apixaban", "fondaparinux", "clopidogrel"])
def test_what_the_score_does_not_know_gives_no_points(drug: str, chart_of: ChartOf, knowledge: Knowledge) -> None:
    chart = chart_of(f'{FOURTEEN}\nmedications: ["{drug}, active order, 2 days ago"]')
    (factor,) = [one for one in read_factors(chart, knowledge, ORDER) if "prophylaxis" in one.items]
    assert factor.presence is Presence.NOT_PRESENT
    assert knowledge.phrases.sentences["thrombosis_notInScore"] in factor.note


def test_weight_unknown_leaves_enoxaparin_prophylactic(chart_of: ChartOf, knowledge: Knowledge) -> None:
    chart = chart_of(
        """
        based_on: mmFirstOrder
        without: [aspirin, bodyWeight]
        medications: ["enoxaparin, active order, 2 days ago, 200 mg every day"]
        """
    )
    (factor,) = [one for one in read_factors(chart, knowledge, ORDER) if "prophylaxis" in one.items]
    assert factor.presence is Presence.PRESENT


def test_every_item_of_the_scores_can_be_present(knowledge: Knowledge) -> None:
    source = Path(read_factors.__code__.co_filename).read_text("utf-8")
    for score in knowledge.scores.scores.values():
        for item in score.items:
            assert f'"{item}"' in source or item in knowledge.scores.ancestries, item


def test_points_are_written_with_their_sign() -> None:
    assert [signed(points) for points in (4, 0, -3)] == ["+4", "0", "−3"]
    assert number(-2) == "−2"


# --- orders to choose from --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "suggestions"),
    [
        ("", BOTH),
        ("labs: {platelets: '49 10*3/uL, 2 days ago'}", ()),
        ("conditions: ['bleeding, active, 10 days ago']", ()),
        ("conditions: ['venousThromboembolism, active, 10 days ago']", ()),
        ("labs: {creatinine: '3.2 mg/dL, 2 days ago'}", BOTH[:1]),
        ("conditions: ['dialysis, active, 100 days ago']", BOTH[:1]),
        ("reactions: ['aspirin, angioedema, severe']", BOTH[1:]),
        ("reactions: ['heparin, rash']", BOTH[:1]),
        ("unavailable: {allergies: no answer}", ()),
    ],
)
def test_orders_to_choose_from(
    lines: str, suggestions: tuple[Suggestion, ...], chart_of: ChartOf, knowledge: Knowledge
) -> None:
    finding = thromboprophylaxis(chart_of(f"based_on: mmFirstOrder\nwithout: [aspirin]\n{lines}"), knowledge).finding
    assert finding is not None
    assert finding.suggestions == suggestions


def test_a_second_look_offers_no_order(chart_of: ChartOf, knowledge: Knowledge) -> None:
    lines = "based_on: mmFirstOrder\nconditions: ['priorVenousThromboembolism, active, 900 days ago']"
    finding = thromboprophylaxis(chart_of(lines), knowledge).finding
    assert finding is not None
    assert finding.variant == "plateletInhibitorAlone"
    assert finding.suggestions == ()


def test_nothing_is_read_that_cannot_matter(chart_of: ChartOf, knowledge: Knowledge) -> None:
    view = chart_of("based_on: mmContinuing").watched()
    assert thromboprophylaxis(view, knowledge).finding is None
    assert view.reads.isdisjoint({"vitalSigns", "bloodCounts", "chemistry"})
