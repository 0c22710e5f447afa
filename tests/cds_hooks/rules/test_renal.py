"""What a case cannot show of the renal cards: what they must not say, and what they offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from cds_hooks.cases.case import BaseChart, Case, load_base_charts
from cds_hooks.cases.lab_phrases import parse_lab
from cds_hooks.cases.lines import PatientLines
from cds_hooks.cases.phrases import parse_condition
from cds_hooks.cases.run import case_chart
from cds_hooks.chart.chart import Chart, Reader, make_reader
from cds_hooks.findings import CreateTest, Finding, Status, Suggestion, UpdateDose
from cds_hooks.knowledge.loader import Knowledge, load_knowledge
from cds_hooks.rules.renal import renal_dose, renal_function_unknown

UNSTABLE = "unreliable while renal function changes"
OBESE = "body mass index"
NOT_STUDIED = "not studied"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


@pytest.fixture(scope="module")
def bases() -> Mapping[str, BaseChart]:
    return load_base_charts()


@pytest.fixture
def man_of_80(bases: Mapping[str, BaseChart], reader: Reader) -> ChartMaker:
    return ChartMaker(bases["mmFirstOrder"], reader)


class ChartMaker:
    """The first order of 25 mg for a man of 80 with 72 kg: CrCl is 60 / creatinine."""

    def __init__(self, base: BaseChart, reader: Reader) -> None:
        self._base, self._reader = base, reader

    def chart(
        self,
        labs: Mapping[str, Sequence[str]],
        *,
        sex: str = "male",
        dialysis: bool = False,
        orders: int = 1,
        without: str = "",
    ) -> Chart:
        base = self._base.chart
        rows = {"bodyWeight": ("72 kg, 2 days ago",), **labs}
        results = {key: tuple(parse_lab(key, phrase) for phrase in phrases) for key, phrases in rows.items()}
        conditions = (*base.conditions, *((parse_condition("dialysis, active, 300 days ago"),) if dialysis else ()))
        chart = replace(
            base,
            patient=PatientLines(sex=sex, age=80),  # type: ignore[arg-type]
            labs={key: value for key, value in {**base.labs, **results}.items() if key != without},
            conditions=conditions,
            orders=base.orders * orders,
        )
        return case_chart(
            Case("renal", "renal", self._base.place, (), "", "order-sign", chart, {}, (), False, {}, ""), self._reader
        )


def fired(chart: Chart, knowledge: Knowledge) -> Finding:
    finding = renal_dose(chart, knowledge).finding
    assert finding is not None
    return finding


def remarks(chart: Chart, knowledge: Knowledge) -> str:
    return fired(chart, knowledge).values["remarks"]


@pytest.mark.parametrize(
    ("creatinine", "said"),
    [
        (["1.51 mg/dL, 1 day ago", "1.0 mg/dL, 8 days ago"], True),
        (["1.5 mg/dL, 1 day ago", "1.0 mg/dL, 8 days ago"], False),
        (["1.51 mg/dL, 1 day ago", "1.0 mg/dL, 9 days ago"], False),
        (["1.2 mg/dL, 1 day ago", "2.41 mg/dL, 3 days ago"], True),
        (["1.2 mg/dL, 1 day ago", "2.4 mg/dL, 3 days ago"], False),
        (["1.51 mg/dL, 1 day ago", "1.0 mg/dL, 3 days ago, preliminary"], False),
        (["1.51 mg/dL, 1 day ago", "<1.0 mg/dL, 3 days ago"], False),
        (["1.51 mg/dL, 1 day ago", "1.4 mg/dL, 2 days ago", "1.0 mg/dL, 3 days ago"], True),
    ],
)
def test_unstable_creatinine(creatinine: list[str], said: bool, man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    assert (UNSTABLE in remarks(man_of_80.chart({"creatinine": creatinine}), knowledge)) is said


@pytest.mark.parametrize(
    ("weight", "height", "creatinine", "said"),
    [
        ("97.2 kg", "180 cm", "2.6 mg/dL", True),  # BMI 30.0, CrCl 31.2 or 26.4
        ("97.1 kg", "180 cm", "2.6 mg/dL", False),  # BMI 29.97
        ("97.2 kg", "180 cm", "2.0 mg/dL", False),  # 40.5 or 34.2: the same band
    ],
)
def test_adjusted_weight_is_said_from_a_body_mass_index_of_30_where_it_changes_the_band(
    weight: str, height: str, creatinine: str, said: bool, man_of_80: ChartMaker, knowledge: Knowledge
) -> None:
    labs = {
        "bodyWeight": [f"{weight}, 2 days ago"],
        "bodyHeight": [f"{height}, 2 days ago"],
        "creatinine": [f"{creatinine}, 2 days ago"],
    }
    assert (OBESE in remarks(man_of_80.chart(labs), knowledge)) is said


def test_ideal_weight_of_women(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    labs = {
        "bodyWeight": ["97.2 kg, 2 days ago"],
        "bodyHeight": ["165.1 cm, 2 days ago"],
        "creatinine": ["2.0 mg/dL, 2 days ago"],
    }
    assert "ideal 57.0 kg" in remarks(man_of_80.chart(labs, sex="female"), knowledge)


def test_on_dialysis_nothing_is_said_of_weight_or_change(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    labs = {
        "bodyWeight": ["97.2 kg, 2 days ago"],
        "bodyHeight": ["180 cm, 2 days ago"],
        "creatinine": ["2.6 mg/dL, 1 day ago", "1.0 mg/dL, 3 days ago"],
    }
    said = remarks(man_of_80.chart(labs, dialysis=True), knowledge)
    assert UNSTABLE not in said
    assert OBESE not in said


@pytest.mark.parametrize(
    ("creatinine", "dialysis", "said"),
    [("5.45", False, False), ("5.5", False, True), ("8.5", True, False), ("8.6", True, True)],
)
def test_what_was_never_studied(
    creatinine: str, dialysis: bool, said: bool, man_of_80: ChartMaker, knowledge: Knowledge
) -> None:
    """CrCl 11.01, 10.9 without dialysis; 7.06, 6.98 on dialysis."""
    chart = man_of_80.chart({"creatinine": [f"{creatinine} mg/dL, 2 days ago"]}, dialysis=dialysis)
    assert (NOT_STUDIED in remarks(chart, knowledge)) is said


@pytest.mark.parametrize(
    ("weight", "dialysis", "said"),
    [("42 kg", True, False), ("41.9 kg", True, True), ("66 kg", False, False), ("65.9 kg", False, True)],
)
def test_a_clearance_of_exactly_the_limit_was_studied(
    weight: str, dialysis: bool, said: bool, man_of_80: ChartMaker, knowledge: Knowledge
) -> None:
    """60 × 42 / (72 × 5) is 7, 60 × 66 / (72 × 5) is 11."""
    labs = {"bodyWeight": [f"{weight}, 2 days ago"], "creatinine": ["5.0 mg/dL, 2 days ago"]}
    assert (NOT_STUDIED in remarks(man_of_80.chart(labs, dialysis=dialysis), knowledge)) is said


# --- what is offered --------------------------------------------------------------------------------------------------


def kinds(suggestions: Sequence[Suggestion]) -> list[type]:
    return [type(one) for one in suggestions]


def test_the_table_dose_is_offered_as_an_update(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    (update,) = fired(man_of_80.chart({"creatinine": ["2.4 mg/dL, 2 days ago"]}), knowledge).suggestions
    assert isinstance(update, UpdateDose)
    assert (update.strength_mg, update.single_mg, update.every_days) == (25, 15, 2)


def test_no_update_where_several_orders_make_the_dose(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    chart = man_of_80.chart({"creatinine": ["2.4 mg/dL, 2 days ago"]}, orders=2)
    assert fired(chart, knowledge).suggestions == ()


def test_creatinine_is_offered_while_it_is_preliminary(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    chart = man_of_80.chart({"creatinine": ["2.4 mg/dL, today, preliminary", "1.0 mg/dL, 2 days ago"]})
    assert kinds(fired(chart, knowledge).suggestions) == [UpdateDose, CreateTest]


def test_creatinine_is_offered_where_it_is_missing_not_where_only_the_weight_is(
    man_of_80: ChartMaker, knowledge: Knowledge
) -> None:
    without_creatinine = renal_function_unknown(man_of_80.chart({}, without="creatinine"), knowledge).finding
    without_weight = renal_function_unknown(man_of_80.chart({}, without="bodyWeight"), knowledge).finding
    assert without_creatinine is not None
    assert without_creatinine.suggestions == (CreateTest("creatinine"),)
    assert without_creatinine.absent == {"chemistry"}
    assert without_weight is not None
    assert without_weight.suggestions == ()
    assert without_weight.absent == {"vitalSigns"}


def test_a_preliminary_result_in_the_same_band_changes_nothing(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    chart = man_of_80.chart({"creatinine": ["1.3 mg/dL, today, preliminary", "1.2 mg/dL, 2 days ago"]})
    finding = fired(chart, knowledge)
    assert finding.values["clearance"] == "CrCl 50.0 mL/min"
    assert kinds(finding.suggestions) == [UpdateDose]


def test_a_preliminary_result_does_not_stand_in_the_way_of_a_recent_final_one(
    man_of_80: ChartMaker, knowledge: Knowledge
) -> None:
    labs = {"creatinine": ["0.6 mg/dL, today, preliminary", "0.7 mg/dL, 2 days ago"]}
    chart = man_of_80.chart(labs)
    assert renal_dose(chart, knowledge).status is Status.PASSED
    assert renal_function_unknown(chart, knowledge).status is Status.PASSED


def test_an_open_comparator_does_not_hide_an_older_exact_result(man_of_80: ChartMaker, knowledge: Knowledge) -> None:
    chart = man_of_80.chart({"creatinine": [">1.5 mg/dL, today", "2.4 mg/dL, 2 days ago"]})
    finding = fired(chart, knowledge)
    assert finding.variant == "aboveTableSevere"
    assert "2.4 mg/dL" in {fact.value for fact in finding.facts}
