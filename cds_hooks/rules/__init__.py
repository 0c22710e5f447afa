"""Clinical rules: pure functions from chart and knowledge to an outcome, one per topic.

`RULES` lists them in the order in which cards of equal urgency are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.data_needs import Scope
from cds_hooks.findings import Outcome
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules import (
    bleeding,
    checkpoint_inhibitors,
    contraception,
    counselling,
    count_schedule,
    counts,
    daratumumab,
    dose,
    indication,
    levels,
    liver,
    lymphoma,
    pregnancy,
    pregnancy_tests,
    reactions,
    rems,
    renal,
    stem_cells,
    thrombosis,
    thrombosis_medication,
    thyroid,
)

LENALIDOMIDE = frozenset({Scope.LENALIDOMIDE})
ANALOGUES = frozenset({Scope.LENALIDOMIDE, Scope.ANALOGUE})
PARTNERS = frozenset({Scope.LENALIDOMIDE, Scope.PARTNER})
ALL = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the topic it answers for, the scopes in which it runs, the function that judges."""

    topic: str
    scopes: frozenset[Scope]
    judge: Callable[[Chart, Knowledge], Outcome]


RULES: tuple[Rule, ...] = (
    Rule("pregnancyContraindicated", ANALOGUES, pregnancy.pregnancy_contraindicated),
    Rule("pregnancyTestRequired", ANALOGUES, pregnancy_tests.pregnancy_test_required),
    Rule("contraceptionRequired", ANALOGUES, contraception.contraception_required),
    Rule("lactation", ANALOGUES, contraception.lactation),
    Rule("hypersensitivity", ANALOGUES, reactions.hypersensitivity),
    Rule("severeCutaneousReaction", LENALIDOMIDE, reactions.severe_cutaneous_reaction),
    Rule("daratumumabHypersensitivity", PARTNERS, daratumumab.daratumumab_hypersensitivity),
    Rule("chronicLymphocyticLeukemia", LENALIDOMIDE, indication.chronic_lymphocytic_leukemia),
    Rule("checkpointInhibitorCombination", ALL, checkpoint_inhibitors.checkpoint_inhibitor_combination),
    Rule("neutropenia", LENALIDOMIDE, counts.neutropenia),
    Rule("thrombocytopenia", LENALIDOMIDE, counts.thrombocytopenia),
    Rule("thromboprophylaxis", ANALOGUES, thrombosis.thromboprophylaxis),
    Rule("bleedingRisk", LENALIDOMIDE, bleeding.bleeding_risk),
    Rule("renalDose", LENALIDOMIDE, renal.renal_dose),
    Rule("doseExceedsLabel", LENALIDOMIDE, dose.dose_exceeds_label),
    Rule("hepatotoxicity", LENALIDOMIDE, liver.hepatotoxicity),
    Rule("daratumumabCounts", PARTNERS, daratumumab.daratumumab_counts),
    Rule("mantleCellLymphoma", LENALIDOMIDE, lymphoma.mantle_cell_lymphoma),
    Rule("tumorLysisRisk", LENALIDOMIDE, lymphoma.tumor_lysis_risk),
    Rule("renalFunctionUnknown", LENALIDOMIDE, renal.renal_function_unknown),
    Rule("doseUnreadable", LENALIDOMIDE, dose.dose_unreadable),
    Rule("scheduleMismatch", LENALIDOMIDE, dose.schedule_mismatch),
    Rule("cbcOverdue", LENALIDOMIDE, count_schedule.cbc_overdue),
    Rule("remsSupplyLimit", ANALOGUES, rems.rems_supply_limit),
    Rule("thrombosisRiskMedication", PARTNERS, thrombosis_medication.thrombosis_risk_medication),
    Rule("digoxinMonitoring", PARTNERS, levels.digoxin_monitoring),
    Rule("warfarinMonitoring", PARTNERS, levels.warfarin_monitoring),
    Rule("thyroidDisorder", LENALIDOMIDE, thyroid.thyroid_disorder),
    Rule("liverTestsOverdue", LENALIDOMIDE, liver.liver_tests_overdue),
    Rule("thyroidTestsOverdue", LENALIDOMIDE, thyroid.thyroid_tests_overdue),
    Rule("daratumumabBloodBank", PARTNERS, daratumumab.daratumumab_blood_bank),
    Rule("stemCellMobilization", LENALIDOMIDE, stem_cells.stem_cell_mobilization),
    Rule("indicationUnclear", LENALIDOMIDE, indication.indication_unclear),
    Rule("daratumumabCounselling", PARTNERS, daratumumab.daratumumab_counselling),
    Rule("counselling", LENALIDOMIDE, counselling.counselling),
)
