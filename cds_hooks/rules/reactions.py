"""Reactions to thalidomide analogues on record: hypersensitivity (S-21, S-53), severe skin reactions (S-42 to S-45)."""

from __future__ import annotations

from collections.abc import Sequence

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.therapy import therapy
from cds_hooks.findings import (
    DeleteDraft,
    Fact,
    Finding,
    Outcome,
    basis_of,
    fired,
    not_applicable,
    passed,
)
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.recorded_reactions import (
    RASH,
    SEVERE_SKIN,
    RecordedReaction,
    explains,
    reaction_fact,
    reaction_values,
    recorded_reactions,
    worst_first,
)

_LENALIDOMIDE = "lenalidomide"
_ORDERED = (_LENALIDOMIDE, "thalidomide", "pomalidomide")
"""Analogues whose orders are looked at (`topics.md` section 1)."""
_CLASS = "thalidomideAnalogue"


def hypersensitivity(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire on a reaction to the drafted drug: severe critical, any other warning.

    For thalidomide and pomalidomide a reaction to an analogue counts as well. Adverse events of another kind (a low
    count, a thrombosis) are no hypersensitivity. An entry marked as over still counts when it was severe.
    """
    drafted = tuple(drug for drug in _ORDERED if chart.judged(drug))
    if not drafted:
        return not_applicable("no thalidomide analogue is drafted")
    wanted = drafted if drafted == (_LENALIDOMIDE,) else _analogues(knowledge)
    concerned = [one for one in recorded_reactions(chart, knowledge) if one.is_known_to_concern(wanted)]
    found = [one for one in concerned if not one.is_other_toxicity and (one.active or one.is_severe(knowledge))]
    facts = tuple(reaction_fact(one, knowledge) for one in concerned)
    if not found:
        return passed("no reaction that counts on record", *facts)
    # of equally severe reactions the one to the drafted drug itself is told
    reaction = min(
        worst_first(found, knowledge),
        key=lambda one: (not one.is_severe(knowledge), not one.is_known_to_concern(drafted)),
    )
    own = reaction.is_known_to_concern(drafted)
    drug = next((one for one in drafted if one in reaction.drugs), drafted[-1])
    severe = reaction.is_severe(knowledge)
    return fired(
        Finding(
            topic="hypersensitivity",
            variant=("severe" if severe else "recorded") + ("" if own else "Analogue"),
            values={
                **reaction_values(reaction, knowledge),
                "drug": knowledge.drugs[drug].name,
                "culprit": _name(reaction, wanted, knowledge),
            },
            facts=(*_told_first(reaction, concerned, knowledge), *_order_facts(chart, drafted)),
            basis=(basis_of(knowledge.figures["severeReactionGrade"]),),
            suggestions=tuple(DeleteDraft(order.resource) for order in chart.judged(drug)) if severe else (),
        )
    )


def severe_cutaneous_reaction(chart: Chart, knowledge: Knowledge) -> Outcome:
    """Fire on severe skin reactions that are not attributed to lenalidomide, and on a rash during treatment.

    On thalidomide: grade 4 rash, SJS, TEN, DRESS critical, rash without a grade warning. SJS, TEN, DRESS on
    pomalidomide or without a culprit: warning; of another culprit: none. Rash of grade 2 or more during treatment:
    warning.
    """
    if not chart.judged(_LENALIDOMIDE):
        return not_applicable("lenalidomide is not drafted")
    figures = knowledge.figures
    everything = [one for one in recorded_reactions(chart, knowledge) if one.sets & (SEVERE_SKIN | RASH)]
    others = [one for one in everything if not one.is_known_to_concern({_LENALIDOMIDE})]
    thalidomide = [one for one in others if "thalidomide" in one.drugs]
    grade = figures["thalidomideRashGrade"]
    for variant, found in (
        ("thalidomideSevere", [one for one in thalidomide if one.sets & SEVERE_SKIN or _reaches(one, grade)]),
        ("thalidomideUngraded", [one for one in thalidomide if one.grade is None]),
    ):
        if found:
            return _skin(variant, found, (grade,), chart, knowledge)
    severe = [one for one in others if one.sets & SEVERE_SKIN]
    if pomalidomide := [one for one in severe if one.is_known_to_concern(_analogues(knowledge))]:
        return _skin("pomalidomide", pomalidomide, (), chart, knowledge)
    with_culprit = [one for one in everything if one.attributed]
    orphans = [
        one
        for one in others
        if not one.attributed
        and not any(explains(other, one, knowledge) for other in with_culprit if _may_explain(other, one))
    ]
    if unknown := [one for one in orphans if one.sets & SEVERE_SKIN]:
        return _skin("culpritUnknown", unknown, (figures["sameReactionDays"],), chart, knowledge)
    present = [one for one in orphans if _is_present(one, chart, knowledge)]
    stop, interrupt = figures["rashStopGrade"], figures["rashInterruptGrade"]
    stopping = [one for one in present if _reaches(one, stop) or "exfoliativeOrBullousRash" in one.sets]
    graded = [one for one in present if _reaches(one, interrupt)]
    if (stopping or graded) and not therapy(chart, knowledge).course.first_order:
        if stopping:
            return _skin("activeSevereRash", stopping, (stop, figures["rashEventDays"]), chart, knowledge)
        return _skin("activeRash", graded, (interrupt, figures["rashEventDays"]), chart, knowledge)
    return passed("no skin reaction that counts", *(reaction_fact(one, knowledge) for one in everything))


def _skin(
    variant: str, found: Sequence[RecordedReaction], figures: Sequence[Figure], chart: Chart, knowledge: Knowledge
) -> Outcome:
    reaction = max(found, key=lambda one: (bool(one.sets & SEVERE_SKIN), one.grade or 0))
    values = {**reaction_values(reaction, knowledge), "grade": str(reaction.grade or "")}
    facts = (*_told_first(reaction, found, knowledge), *_order_facts(chart, (_LENALIDOMIDE,)))
    return fired(Finding("severeCutaneousReaction", variant, values, facts, tuple(map(basis_of, figures))))


def _may_explain(culprit: RecordedReaction, orphan: RecordedReaction) -> bool:
    """Whether a reaction with a culprit may be the one without: a common rash only when lenalidomide is blamed."""
    return bool(orphan.sets & SEVERE_SKIN) or culprit.is_known_to_concern({_LENALIDOMIDE})


def _is_present(reaction: RecordedReaction, chart: Chart, knowledge: Knowledge) -> bool:
    """Whether a rash is there now; an adverse event that says nothing of its outcome, if it is recent."""
    if not reaction.active or not reaction.is_event:
        return reaction.active
    days = reaction.when.days_before(chart.now) if reaction.when else None
    return days is not None and knowledge.figures["rashEventDays"].holds(days)


def _reaches(reaction: RecordedReaction, grade: Figure) -> bool:
    return reaction.grade is not None and grade.holds(reaction.grade)


def _analogues(knowledge: Knowledge) -> tuple[str, ...]:
    return tuple(key for key, drug in knowledge.drugs.items() if _CLASS in drug.classes)


def _name(reaction: RecordedReaction, wanted: Sequence[str], knowledge: Knowledge) -> str:
    return next(knowledge.drugs[key].name for key in wanted if key in reaction.drugs)


def _told_first(
    reaction: RecordedReaction, found: Sequence[RecordedReaction], knowledge: Knowledge
) -> tuple[Fact, ...]:
    rest = (one for one in found if one is not reaction)
    return tuple(reaction_fact(one, knowledge) for one in (reaction, *rest))


def _order_facts(chart: Chart, drugs: Sequence[str]) -> tuple[Fact, ...]:
    return tuple(Fact("Order", order.name, "", order.reference) for drug in drugs for order in chart.judged(drug))
