"""Thrombosis prophylaxis beside lenalidomide, thalidomide and pomalidomide (S-16 to S-19, S-32)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact
from cds_hooks.chart.therapy import course, read_indication, therapy
from cds_hooks.chart.when import When
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import (
    CreateMedication,
    Fact,
    Finding,
    Outcome,
    Suggestion,
    basis_of,
    fired,
    not_applicable,
    passed,
)
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.markdown import escape
from cds_hooks.rules.antithrombotics import Antithrombotics, antithrombotics
from cds_hooks.rules.bleeding import Caution, read_caution
from cds_hooks.rules.medication_facts import drug_name
from cds_hooks.rules.pregnancy import draft_facts, drafted_analogues, names_of
from cds_hooks.rules.thrombosis_factors import Factor, read_factors
from cds_hooks.rules.thrombosis_scores import ScoreResult, compute, factor_facts, result_line, score_basis

_TOPIC = "thromboprophylaxis"
_THROMBOSIS, _PRIOR_THROMBOSIS = "venousThromboembolism", "priorVenousThromboembolism"
_HEPARIN = "enoxaparin40"
_CHOICES = (("aspirin81", ("aspirin",)), (_HEPARIN, ("heparin", "enoxaparin", "dalteparin", "tinzaparin")))
"""Medication orders a card offers, each with the drugs a reaction to which takes it out."""


def thromboprophylaxis(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire when the drug meets myeloma in combination treatment, or dexamethasone, without thrombosis prophylaxis.

    Critical with an acute venous thromboembolism and no anticoagulant. Nothing found: warning at a first order, info
    later. A platelet inhibitor alone deserves a second look at a first order when the risk is high (info).
    """
    setting = _setting(chart, knowledge)
    if setting is None:
        return not_applicable("neither myeloma in combination treatment nor dexamethasone")
    in_use = antithrombotics(chart, knowledge)
    acute = [entry for entry in chart.conditions(_THROMBOSIS) if _is_acute(entry, chart, knowledge)]
    if acute and not in_use.anticoagulants:
        return _acute(acute, setting, in_use, chart, knowledge)
    if in_use.found and (in_use.anticoagulants or not setting.first_order):
        return passed("prophylaxis found", *setting.facts, *in_use.facts)
    factors = read_factors(chart, knowledge, setting.orders)
    risk = _Risk(factors, tuple(compute(score, factors) for score in knowledge.scores.scores.values()))
    if not in_use.found:
        variant = "firstOrder" if setting.first_order else "continuing"
        return _scored(variant, setting, in_use, risk, chart, knowledge, choices=True)
    reasons = [f"{result.score.name} {result}" for result in risk.scores if result.risk.raised]
    if chart.conditions(_THROMBOSIS, _PRIOR_THROMBOSIS, active=False):
        reasons.insert(0, knowledge.phrases.sentences["thrombosis_reasonPrior"])
    if reasons:
        alone = in_use.antiplatelets[0]
        values = {"antiplatelet": drug_name(alone.drugs, alone.text, knowledge), "reasons": ", ".join(reasons)}
        return _scored("plateletInhibitorAlone", setting, in_use, risk, chart, knowledge, values=values)
    totals = (Fact(result.score.name, str(result)) for result in risk.scores)
    facts = (*setting.facts, *in_use.facts, *factor_facts(factors, risk.scores, knowledge), *totals)
    return passed("a platelet inhibitor is found, and the risk is not high", *facts)


# --- whom it concerns -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Setting:
    """Why the rule concerns the drafts.

    Attributes:
        orders: name and reference of the drafted orders.
        first_order: whether one of them is the first of its drug.
        regimen: the drugs in words.
        facts: orders and indication.
    """

    orders: Fact
    first_order: bool
    regimen: str
    facts: tuple[Fact, ...]


def _setting(chart: Chart, knowledge: Knowledge) -> _Setting | None:
    """Return the setting; None when it is neither myeloma in combination treatment nor dexamethasone."""
    drafts = drafted_analogues(chart)
    if not drafts:
        return None
    is_first, is_myeloma, indications = False, False, []
    for drug, orders in drafts.items():
        if drug == "lenalidomide":
            treatment = therapy(chart, knowledge)
            indication, series = treatment.indication, treatment.course
            is_myeloma |= treatment.profile_key == "mmCombination"
        else:
            indication = read_indication(chart, [order.resource for order in orders], knowledge)
            series = course(chart, knowledge, drug)
            is_myeloma |= indication.code_set == "multipleMyeloma"
        is_first |= series.first_order
        text = indication.text or "not documented"
        indications.append(Fact("Indication", text, "", indication.reference, indication.source.value))
    dexamethasone = chart.active("dexamethasone")
    if not is_myeloma and not dexamethasone:
        return None
    regimen = names_of(drafts, knowledge)
    if dexamethasone:
        regimen = knowledge.phrases.sentences["thrombosis_withDexamethasone"].format(drug=regimen)
    orders_seen = draft_facts(drafts, knowledge)
    return _Setting(orders_seen[0], is_first, regimen, (*orders_seen, *dict.fromkeys(indications)))


def _began(entry: ConditionFact) -> When | None:
    """Return when a thrombosis began; a date of recording stands in for a missing onset."""
    return entry.onset or entry.recorded


def _is_acute(entry: ConditionFact, chart: Chart, knowledge: Knowledge) -> bool:
    """Whether it may have begun within 90 days; a date known to the month or year counts with its last day."""
    when = _began(entry)
    if when is None or when.is_future(chart.now):
        return False
    return knowledge.figures["acuteThrombosisDays"].holds((chart.now.date() - when.last_day).days)


# --- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Risk:
    """The components of the scores and the scores themselves."""

    factors: tuple[Factor, ...]
    scores: tuple[ScoreResult, ...]


def _acute(
    acute: list[ConditionFact], setting: _Setting, in_use: Antithrombotics, chart: Chart, knowledge: Knowledge
) -> Outcome:
    latest = max(acute, key=lambda entry: when.start.timestamp() if (when := _began(entry)) else 0.0)
    caution = read_caution(chart, knowledge)
    events = (
        Fact(
            "Venous thromboembolism",
            entry.text,
            str(_began(entry)),
            entry.reference,
            ", ".join(filter(None, (entry.clinical_status, entry.verification_status))),
        )
        for entry in acute
    )
    when = _began(latest)
    return fired(
        Finding(
            topic=_TOPIC,
            variant="acuteThrombosisCaution" if caution.bleeding else "acuteThrombosis",
            values={
                "event": latest.text,
                "date": str(when.day) if when else "",
                "regimen": setting.regimen,
                "list": _bullets(caution.remarks),
            },
            facts=(*setting.facts, *events, *in_use.facts, *caution.facts),
            basis=(basis_of(knowledge.figures["acuteThrombosisDays"]), *caution.basis),
            absent=frozenset(MEDICATION_NEEDS),
        )
    )


def _scored(
    variant: str,
    setting: _Setting,
    in_use: Antithrombotics,
    risk: _Risk,
    chart: Chart,
    knowledge: Knowledge,
    *,
    values: Mapping[str, str] | None = None,
    choices: bool = False,
) -> Outcome:
    """Fire with both scores, their components, and what speaks for caution; where it does, nothing is suggested."""
    caution = read_caution(chart, knowledge)
    remarks = (*_remarks(chart, knowledge), *caution.remarks)
    shared = {
        "regimen": setting.regimen,
        "scores": ", ".join(f"{result.score.name} {result}" for result in risk.scores),
        "list": "\n".join([*(result_line(result, knowledge) for result in risk.scores), _bullets(remarks)]),
    }
    return fired(
        Finding(
            topic=_TOPIC,
            variant=f"{variant}Caution" if caution.bleeding else variant,
            values={**shared, **(values or {})},
            facts=(
                *setting.facts,
                *in_use.facts,
                *factor_facts(risk.factors, risk.scores, knowledge),
                *caution.facts,
            ),
            basis=(*caution.basis, *score_basis(risk.scores, knowledge)),
            suggestions=_choices(caution, chart) if choices else (),
            absent=frozenset(MEDICATION_NEEDS),
        )
    )


def _choices(caution: Caution, chart: Chart) -> tuple[Suggestion, ...]:
    """Return the orders to choose from: no drug the patient reacted to, no heparin with severe renal impairment.

    Nothing is offered while allergies could not be looked up.
    """
    if caution.bleeding or not chart.gaps.keys().isdisjoint(("allergies", "adverseEvents")):
        return ()
    return tuple(
        CreateMedication(key)
        for key, drugs in _CHOICES
        if not chart.reactions(*drugs) and not (caution.low_clearance and key == _HEPARIN)
    )


def _remarks(chart: Chart, knowledge: Knowledge) -> tuple[str, ...]:
    """Return what the problem list says besides: a thrombosis without a date, a status without its drug."""
    sentences = knowledge.phrases.sentences
    undated = [entry.text for entry in chart.conditions(_THROMBOSIS) if _began(entry) is None]
    status = [entry.text for entry in chart.conditions("antithromboticUse")]
    rows = (("thrombosis_undated", undated), ("thrombosis_statusRemark", status))
    return tuple(
        sentences[key].format(entries=", ".join(dict.fromkeys(map(escape, entries))))
        for key, entries in rows
        if entries
    )


def _bullets(lines: tuple[str, ...]) -> str:
    return "\n".join(f"* {line}" for line in lines)
