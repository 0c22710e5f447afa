"""The knowledge and the look-up tables, built once for all cases, and a case that says everything it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.cases.case import Case, load_cases
from cds_hooks.chart.chart import Reader, make_reader
from cds_hooks.knowledge.loader import Knowledge, load_knowledge

EVERYTHING = """\
cases:
  - case: everything a case can say
    hook: order-select
    patient: {sex: other, birth_date: 1970-05, sex_for_clinical_use: female, birth_sex: female}
    orders:
      - {drug: lenalidomide, strength: 25 mg, dose: 25 mg, every: 2 days, times: 1, for_days: 28, days_on: 1-21 of 28,
         reason: multipleMyeloma, supply_days: 28, quantity: 21, refills: 0, route: oral}
      - {drug: thalidomide, dose: 2 capsules, every: day, continuous: true, reference: contained, reason_text: trial}
      - {drug: pomalidomide, reference: beside, selected: false}
      - {drug: digoxin, reference: missing}
      - {text: some capsules, reference: named, status: active, patient: other}
      - {code: RxNorm 3407, sig: as directed}
    medications:
      - pd1PdL1Antibody, completed administration, 90 days ago
      - dexamethasone 4 mg, active order, 20 days ago, until in 20 days, 40 mg every 7 days, sig "weekly", route "oral"
      - aspirin, active statement, 2 years ago, 81 mg every day
      - lenalidomide, completed dispenses, every 28 days from 56 days ago to 28 days ago
      - '"unknown potion", stopped administration, 3 hours ago, until now'
      - ATC B01AA03, on-hold order, no date
    conditions:
      - multipleMyeloma, active, confirmed, 400 days ago, recorded 390 days ago
      - ICD10CM O09.90, resolved, since 300 days ago, 20 days ago
      - '"skin rash", active, severe, grade 3'
      - multipleMyeloma, refuted
      - bulkyDisease, active
    procedures:
      - autologousStemCellTransplant, not-done, 30 days ago
      - '"hip replacement", yesterday at 08:00'
    reactions:
      - thalidomide, rash, severe, grade 4, high criticality, 300 days ago
      - lenalidomide, angioedema, adverse event, severe, grade 3, 2 days ago
      - none, "hives", adverse event
      - none, "hives", refuted
      - warfarin, "bruise", entered-in-error
    studies:
      - active, 100 days ago
      - completed
    labs:
      alt:
        - ">200 U/L, today, preliminary, upper limit 40, lower limit 5, interpretation H"
        - no value, 2 days ago
      anc: 900 cells/uL, 3 hours ago, specimen A
      inr: 2.5, no date
      hcgQualitative: negative, 12 days ago, LOINC 2118-8
      pregnancyStatus: ["not pregnant, 5 days ago", "pregnant, 400 days ago"]
      estimatedDeliveryDate: in 60 days, recorded 5 days ago
      bloodGroup: '"A Rh positive", 3 days ago'
      tsh: text "see comment", 2 days ago, corrected
    unavailable: {chemistry: the FHIR server did not answer in time}
    incomplete: {vitalSigns: a page was not followed}
    only: true
"""


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def reader(knowledge: Knowledge) -> Reader:
    return make_reader(knowledge)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder: Path = tmp_path_factory.mktemp("cases")
    (folder / "base_charts.yaml").write_text("charts: {}\n", "utf-8")
    (folder / "everything.yaml").write_text(EVERYTHING, "utf-8")
    return load_cases(folder)[0]
