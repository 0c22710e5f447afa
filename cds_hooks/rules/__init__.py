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
    checkpoint_inhibitors,
    counselling,
    count_schedule,
    counts,
    dose,
    levels,
    liver,
    pregnancy,
    pregnancy_tests,
    renal,
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
    Rule("checkpointInhibitorCombination", ALL, checkpoint_inhibitors.checkpoint_inhibitor_combination),
    Rule("neutropenia", LENALIDOMIDE, counts.neutropenia),
    Rule("thrombocytopenia", LENALIDOMIDE, counts.thrombocytopenia),
    Rule("renalDose", LENALIDOMIDE, renal.renal_dose),
    Rule("doseExceedsLabel", LENALIDOMIDE, dose.dose_exceeds_label),
    Rule("hepatotoxicity", LENALIDOMIDE, liver.hepatotoxicity),
    Rule("renalFunctionUnknown", LENALIDOMIDE, renal.renal_function_unknown),
    Rule("doseUnreadable", LENALIDOMIDE, dose.dose_unreadable),
    Rule("scheduleMismatch", LENALIDOMIDE, dose.schedule_mismatch),
    Rule("cbcOverdue", LENALIDOMIDE, count_schedule.cbc_overdue),
    Rule("digoxinMonitoring", PARTNERS, levels.digoxin_monitoring),
    Rule("warfarinMonitoring", PARTNERS, levels.warfarin_monitoring),
    Rule("thyroidDisorder", LENALIDOMIDE, thyroid.thyroid_disorder),
    Rule("liverTestsOverdue", LENALIDOMIDE, liver.liver_tests_overdue),
    Rule("thyroidTestsOverdue", LENALIDOMIDE, thyroid.thyroid_tests_overdue),
    Rule("counselling", LENALIDOMIDE, counselling.counselling),
)
