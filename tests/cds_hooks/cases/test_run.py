"""What a case writes is what the chart reads."""

from __future__ import annotations

import pytest

from cds_hooks.cases.case import Case
from cds_hooks.cases.moment import NOW
from cds_hooks.cases.run import case_chart
from cds_hooks.chart.chart import Chart, Reader
from cds_hooks.chart.patient import Sex


@pytest.fixture(scope="module")
def chart(everything: Case, reader: Reader) -> Chart:
    return case_chart(everything, reader)


def test_the_patient(chart: Chart) -> None:
    assert (chart.patient.sex, chart.patient.age_years(NOW)) == (Sex.FEMALE, 55)
    assert chart.patient.sex_source == "sex parameter for clinical use"


def test_the_drafts(chart: Chart) -> None:
    drugs = [sorted(order.match.drugs) for order in chart.drafts]
    assert drugs == [["lenalidomide"], ["thalidomide"], ["pomalidomide"], [], ["digoxin"]]
    assert [order.selected for order in chart.drafts] == [True, True, False, True, True]
    assert [order.unresolved for order in chart.drafts] == [False, False, False, True, False]
    assert (chart.drafts[0].dose.single_mg, chart.drafts[0].dose.average_mg_per_day) == (25, 12.5)


def test_the_medications(chart: Chart) -> None:
    assert [(one.kind, str(one.when)) for one in chart.medications("lenalidomide") if not one.is_draft] == [
        ("MedicationDispense", "2026-02-02"),
        ("MedicationDispense", "2026-01-05"),
    ]
    (antibody,) = chart.active("pd1PdL1Antibody")
    assert (antibody.kind, str(antibody.when)) == ("MedicationAdministration", "2025-12-02")
    (dexamethasone,) = chart.active("dexamethasone")
    assert (str(dexamethasone.when), str(dexamethasone.end)) == ("2026-02-10", "2026-03-22")
    assert [one.status for one in chart.active("warfarin")] == ["on-hold"]


def test_conditions_and_procedures(chart: Chart) -> None:
    (myeloma,) = chart.conditions("multipleMyeloma")
    assert (str(myeloma.onset), str(myeloma.recorded)) == ("2025-01-26", "2025-02-05")
    (pregnancy,) = chart.conditions("pregnancy", active=False)
    assert (pregnancy.active, str(pregnancy.abated)) == (False, "2026-02-10")
    (rash,) = chart.conditions("rash")
    assert (rash.severity, rash.grade) == ("severe", 3)
    assert chart.procedures("autologousStemCellTransplant") == (), "not done"


def test_reactions_and_studies(chart: Chart) -> None:
    (allergy,) = chart.reactions("thalidomide")
    assert (allergy.sets, allergy.severity, allergy.grade) == (frozenset({"rash"}), "severe", 4)
    assert allergy.criticality == "high"
    (event,) = chart.reactions("lenalidomide")
    assert (event.sets, event.severity, event.grade) == (frozenset({"angioedema"}), "severe", 3)
    assert chart.reactions("warfarin") == (), "entered in error"
    assert len(chart.research_subjects()) == 1


def test_results(chart: Chart) -> None:
    (anc,) = chart.results("anc")
    assert (anc.value, str(anc.when)) == (0.9, "2026-03-02 09:00 UTC")
    assert chart.results("alt") == (), "chemistry is unavailable"
    assert chart.gaps.keys() == {"chemistry", "vitalSigns"}
    due = chart.results("estimatedDeliveryDate")[0]
    assert (str(due.date), str(due.when)) == ("2026-05-01", "2026-02-25")


def test_the_draft_for_somebody_else_is_dropped(chart: Chart) -> None:
    assert chart.dropped == {}, "a draft of no known drug is nobody's concern"
    assert len(chart.drafts) == 5
