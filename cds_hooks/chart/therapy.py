"""Where in the treatment the patient is: indication, regimen profile, first or continuing order, cycle.

Derived from the chart by `topics.md` sections 1 and 2, once per evaluation and shared by all rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact
from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text, concept_text, reference_id
from cds_hooks.chart.medications import STATEMENT_TYPES, MedicationFact
from cds_hooks.chart.orders import DraftOrder
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Profile

CYCLE_DAYS = 28


class IndicationSource(StrEnum):
    """Where the indication was read."""

    ORDER = "reason of the order"
    PROBLEM_LIST = "only labelled indication among the active conditions"
    NONE = "not documented"


@dataclass(frozen=True, slots=True)
class Indication:
    """Why the drug is given.

    Attributes:
        code_set: key of the labelled indication's code set, "" when unknown.
        text: as the record words it.
        reference: `Condition/id` or the order.
        source: where it was read.
        other_reason: code sets of the order's reasons that are no labelled indication (CLL, say).
        candidates: labelled indications among the active conditions.
        other_text: the order's reasons that are no labelled indication, as the order words them.
    """

    code_set: str
    text: str
    reference: str
    source: IndicationSource
    other_reason: frozenset[str]
    candidates: tuple[ConditionFact, ...]
    other_text: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """The treatment with one drug so far.

    Attributes:
        first_order: no order, statement or dispense in the 90 days before, drafts aside.
        start: day of the first record of the uninterrupted series, None for a first order or when undated.
        days: completed days since the start.
        records: the series, newest first.
    """

    first_order: bool
    start: datetime | None
    days: int | None
    records: tuple[MedicationFact, ...]

    @property
    def cycle(self) -> int | None:
        """Number of the 28-day cycle that runs, 1 for the first; None when the start is unknown."""
        return None if self.days is None else self.days // CYCLE_DAYS + 1

    @property
    def week(self) -> int | None:
        """Number of the week that runs, 1 for the first; None when the start is unknown."""
        return None if self.days is None else self.days // 7 + 1


@dataclass(frozen=True, slots=True)
class Therapy:
    """Indication, profile and course of the drafted lenalidomide.

    Attributes:
        profile_key: key of the profile in the knowledge, `unknown` when the indication is.
        transplant: day of the latest autologous transplant, None when there is none on record.
    """

    indication: Indication
    profile_key: str
    profile: Profile
    course: Course
    transplant: datetime | None


def labelled_indications(knowledge: Knowledge) -> frozenset[str]:
    """Return the code sets that are an indication of some profile."""
    return frozenset(name for profile in knowledge.profiles.values() for name in profile.conditions)


def read_indication(chart: Chart, orders: Sequence[Resource], knowledge: Knowledge) -> Indication:
    """Find the indication: the orders' reason first, else the only labelled one among the active conditions.

    Args:
        chart: the chart.
        orders: medication orders or statements as received.
        knowledge: the labelled indications.
    """
    labelled = labelled_indications(knowledge)
    candidates = chart.conditions(*labelled)
    reasons = [reason for order in orders for reason in _reasons(chart, order)]
    rest = [reason for reason in reasons if not reason[0] & labelled]
    other = frozenset(name for sets, _, _ in rest for name in sets)
    other_text = "; ".join(dict.fromkeys(text for _, text, _ in rest if text))
    for sets, text, reference in reasons:
        for name in sorted(sets & labelled):
            return Indication(name, text, reference, IndicationSource.ORDER, other, candidates, other_text)
    names = {name for fact in candidates for name in fact.sets & labelled}
    if len(names) == 1 and not other:
        fact, source = candidates[0], IndicationSource.PROBLEM_LIST
        return Indication(names.pop(), fact.text, fact.reference, source, other, candidates, other_text)
    return Indication("", "", "", IndicationSource.NONE, other, candidates, other_text)


def _reasons(chart: Chart, order: Resource) -> list[tuple[frozenset[str], str, str]]:
    """Return code sets, words and reference of each reason of an order (R4, R5, STU3, DSTU2 spellings)."""
    found: list[tuple[frozenset[str], str, str]] = []
    concepts = [*as_list(order.get("reasonCode")), *as_list(order.get("reasonCodeableConcept"))]
    references = [*as_list(order.get("reasonReference"))]
    for reason in map(as_mapping, as_list(order.get("reason"))):
        concepts.append(reason.get("concept", reason))
        references.append(reason.get("reference") if isinstance(reason.get("reference"), dict) else reason)
    found += [(chart.code_sets_of(concept), concept_text(concept), "") for concept in concepts]
    for reference in references:
        identity = reference_id(reference, "Condition")
        if identity and (fact := chart.condition(f"Condition/{identity}")):
            found.append((fact.sets, fact.text, fact.reference))
        else:
            found.append((frozenset(), as_text(as_mapping(reference).get("display")), ""))
    return [reason for reason in found if reason[0] or reason[1]]


def read_course(chart: Chart, drug: str, *, not_before: datetime | None, window_days: int) -> Course:
    """Find out whether the drafted drug is new and when the series of orders began.

    Args:
        chart: the chart.
        drug: drug key.
        not_before: ignore records before this instant (maintenance counts from the transplant).
        window_days: gap in days beyond which a series is interrupted (90, `topics.md` section 1).
    """
    records = tuple(
        fact
        for fact in chart.medications(drug)
        if not fact.is_draft
        and fact.kind != "MedicationAdministration"
        and (not_before is None or (fact.when is not None and fact.when.start >= not_before))
    )
    dated = [fact for fact in records if fact.when is not None and fact.when.start <= chart.now]
    undated_in_use = any(fact.when is None and fact.is_active(chart.now, window_days) for fact in records)
    recent = [fact for fact in dated if _in_use_within(fact, chart.now, window_days)]
    if not recent:
        return Course(not undated_in_use, None, None, records)
    series_start = min(fact.when.start for fact in recent if fact.when)
    for fact in sorted(dated, key=lambda one: one.when.start if one.when else chart.now, reverse=True):
        assert fact.when is not None  # noqa: S101  `dated` holds only dated records
        last_day = max(fact.when.start, fact.end.start) if fact.end else fact.when.start
        if last_day >= series_start - timedelta(days=window_days):
            series_start = min(series_start, fact.when.start)
    return Course(False, series_start, (chart.now.date() - series_start.date()).days, records)


def _in_use_within(fact: MedicationFact, now: datetime, days: int) -> bool:
    """Whether a record falls into the window; a statement that is still going on always does."""
    ongoing = fact.kind in STATEMENT_TYPES and fact.status in ("active", "recorded")
    return fact.is_within(now, days) or (ongoing and fact.end is None)


def therapy(chart: Chart, knowledge: Knowledge) -> Therapy:
    """Return indication, profile and course of lenalidomide, computed once per evaluation."""
    return chart.derive("therapy", lambda view: read_therapy(view, knowledge))


def course(chart: Chart, knowledge: Knowledge, drug: str) -> Course:
    """Return the course of any drug, computed once per evaluation."""
    window = int(knowledge.figures["firstOrderWindowDays"].value)
    return chart.derive(f"course of {drug}", lambda view: read_course(view, drug, not_before=None, window_days=window))


def read_therapy(chart: Chart, knowledge: Knowledge) -> Therapy:
    """Determine indication, profile and course of the drafted lenalidomide orders (`topics.md` section 2)."""
    orders = chart.judged("lenalidomide")
    indication = read_indication(chart, [order.resource for order in orders], knowledge)
    window = int(knowledge.figures["firstOrderWindowDays"].value)
    transplant = _latest_transplant(chart)
    if indication.code_set == "multipleMyeloma":
        maintenance = (
            transplant is not None
            and not chart.active("dexamethasone")
            and _at_most(chart, orders, knowledge.figures["maintenanceMaximumDose"].value)
        )
        key = "mmMaintenance" if maintenance else "mmCombination"
    else:
        key = next((k for k, p in knowledge.profiles.items() if indication.code_set in p.conditions), "unknown")
    profile = knowledge.profiles.get(key, knowledge.unknown_profile)
    series = read_course(
        chart, "lenalidomide", not_before=transplant if key == "mmMaintenance" else None, window_days=window
    )
    return Therapy(indication, key, profile, series, transplant)


def _at_most(chart: Chart, orders: Sequence[DraftOrder], limit_mg_per_day: float) -> bool:
    """Whether the orders are at most so much a day.

    An unreadable dose is not. While no dose is entered yet (order-select) only a capsule above the limit speaks
    against it, so that a maintenance patient is not judged by the limits of combination treatment in the meantime.
    """
    return bool(orders) and all(_may_be_at_most(chart, order, limit_mg_per_day) for order in orders)


def _may_be_at_most(chart: Chart, order: DraftOrder, limit_mg_per_day: float) -> bool:
    if chart.hook == "order-select" and not order.dose.is_entered:
        return order.strength_mg is None or order.strength_mg <= limit_mg_per_day
    dose = order.dose.safety_mg_per_day
    return dose is not None and dose <= limit_mg_per_day


def _latest_transplant(chart: Chart) -> datetime | None:
    """Return the day of the latest autologous transplant; a status condition without a date counts as long ago."""
    long_ago = datetime.min.replace(tzinfo=UTC)
    days = [fact.when.start if fact.when else long_ago for fact in chart.procedures("autologousStemCellTransplant")]
    status = chart.conditions("autologousStemCellTransplant", active=False)
    days += [fact.onset.start if fact.onset else long_ago for fact in status]
    past = [day for day in days if day <= chart.now]
    return max(past) if past else None
