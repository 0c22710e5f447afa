"""Reactions on record, whatever resource holds them: allergies, adverse events, and problems that name a culprit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact, ReactionFact
from cds_hooks.chart.when import When
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge

SEVERE_SKIN = frozenset({"stevensJohnsonSyndrome", "toxicEpidermalNecrolysis", "drugReactionWithEosinophilia"})
RASH = frozenset({"rash", "exfoliativeOrBullousRash"})
_SEVERE = SEVERE_SKIN | {"angioedema", "anaphylaxis", "exfoliativeOrBullousRash"}
_KINDS = (
    "anaphylaxis", "angioedema", "toxicEpidermalNecrolysis", "stevensJohnsonSyndrome", "drugReactionWithEosinophilia",
    "exfoliativeOrBullousRash", "rash",
)  # fmt: skip
_REACTIONS = frozenset(_KINDS)
"""Kinds of reaction, the one to be named first at the front."""
_TOXICITY = frozenset(
    {
        "knownToxicity", "venousThromboembolism", "priorVenousThromboembolism", "myocardialInfarction", "strokeOrTia",
        "atrialFibrillation", "heartFailure", "activeInfection", "bleeding", "hypothyroidism", "hyperthyroidism",
        "tumorLysisSyndrome", "hepaticImpairment", "acuteKidneyInjury", "pregnancy",
    }
)  # fmt: skip
"""Code sets of adverse events that are no hypersensitivity."""
_CAUSE = re.compile(
    r"\b(?:due|secondary|related) to\s+(?P<what>\w[\w/-]*)|\b(?:caused|induced) by\s+(?P<agent>\w[\w/-]*)"
    r"|\b(?P<inducer>\w+)-induced\b",
    re.IGNORECASE,
)
_NO_CAUSE = re.compile(
    r"(?:an?|the|adverse|unknown|unspecified|unclear|other|oral|drugs?|medications?|medicines?|medicaments?|agents?"
    r"|chemotherapy)",
    re.IGNORECASE,
)
_DOUBT = re.compile(r"\bnot (?:due|related|caused)\b|\bunlikely\b|\bunrelated\b|\bruled? out\b|\bvs\b", re.IGNORECASE)
_LONGEST = 40
"""Characters of a reaction's words that fit into the summary of a card."""


@dataclass(frozen=True, slots=True)
class RecordedReaction:
    """One reaction.

    Attributes:
        what: the reaction as the record words it; "reaction not described" for an allergy without one.
        drugs: drug keys of the knowledge it is attributed to.
        attributed: whether any culprit is named, known to the knowledge or not.
        sets: code sets of the manifestations.
        severity: `mild`, `moderate`, `severe`, or "".
        criticality: `low`, `high`, `unable-to-assess`, or "".
        grade: CTCAE grade.
        when: date of the reaction, else of the record.
        active: false when the record says that it is over.
        reference: `Type/id`.
    """

    what: str
    drugs: frozenset[str]
    attributed: bool
    sets: frozenset[str]
    severity: str
    criticality: str
    grade: int | None
    when: When | None
    active: bool
    reference: str

    @property
    def is_event(self) -> bool:
        """Whether it is an AdverseEvent, which says less often than other resources that it is over."""
        return self.reference.startswith("AdverseEvent")

    @property
    def is_other_toxicity(self) -> bool:
        """Whether it is an adverse event of a kind that is no hypersensitivity (a low count, a thrombosis)."""
        return self.is_event and not self.sets & _REACTIONS and bool(self.sets & _TOXICITY)

    def is_severe(self, knowledge: Knowledge) -> bool:
        """Whether it counts as severe hypersensitivity: by its kind, grade, severity, or criticality."""
        by_grade = self.grade is not None and knowledge.figures["severeReactionGrade"].holds(self.grade)
        return bool(self.sets & _SEVERE) or by_grade or self.severity == "severe" or self.criticality == "high"

    def is_known_to_concern(self, drugs: Iterable[str]) -> bool:
        """Whether it is attributed to one of the drugs."""
        return not self.drugs.isdisjoint(drugs)

    def kind(self, knowledge: Knowledge) -> str:
        """Return the reaction in a few words: its kind where it is known, else the beginning of its own words."""
        known = next((key for key in _KINDS if key in self.sets), "")
        words = self.what if len(self.what) <= _LONGEST else self.what[: _LONGEST - 1].rstrip() + "…"
        grade = f", grade {self.grade}" if known and self.grade is not None else ""
        return (knowledge.phrases.sentences[f"reaction_{known}"] if known else words) + grade

    def day(self) -> str:
        """Return the day in parentheses, with a space before; "" without one."""
        return f" ({self.when.day})" if self.when else ""


def recorded_reactions(chart: Chart, knowledge: Knowledge) -> tuple[RecordedReaction, ...]:
    """Return every reaction on record, the newest first, those without a date last."""
    return chart.derive("recorded reactions", lambda view: _read(view, knowledge))


def _read(chart: Chart, knowledge: Knowledge) -> tuple[RecordedReaction, ...]:
    found = [_of_reaction(fact, knowledge) for fact in chart.reactions()]
    found += [_of_condition(fact, chart) for fact in chart.conditions(*sorted(_REACTIONS), active=False)]
    return tuple(sorted(found, key=lambda one: one.when.start.timestamp() if one.when else 0.0, reverse=True))


def _of_reaction(fact: ReactionFact, knowledge: Knowledge) -> RecordedReaction:
    is_allergy = fact.reference.startswith("AllergyIntolerance")
    words = fact.manifestation if is_allergy else fact.text or fact.manifestation
    culprit = fact.attributed or _names_other_cause(f"{fact.text} {fact.manifestation}")
    return RecordedReaction(
        what=words or knowledge.phrases.sentences["reactionNotDescribed"],
        drugs=fact.drugs,
        attributed=culprit,
        sets=fact.sets,
        severity=fact.severity,
        criticality=fact.criticality,
        grade=fact.grade,
        when=fact.when,
        active=fact.active,
        reference=fact.reference,
    )


def _of_condition(fact: ConditionFact, chart: Chart) -> RecordedReaction:
    """Read a problem; its words may name the drug ("Stevens-Johnson syndrome due to lenalidomide")."""
    drugs = frozenset[str]() if _DOUBT.search(fact.text) else chart.drugs_named(fact.text)
    return RecordedReaction(
        what=fact.text,
        drugs=drugs,
        attributed=bool(drugs) or _names_other_cause(fact.text),
        sets=fact.sets,
        severity=fact.severity,
        criticality="",
        grade=fact.grade,
        when=fact.onset or fact.recorded or fact.abated,
        active=fact.active,
        reference=fact.reference,
    )


def _names_other_cause(text: str) -> bool:
    """Whether words blame something in particular, be it unknown to the knowledge ("due to carbamazepine")."""
    if _DOUBT.search(text):
        return False
    causes = (word for hit in _CAUSE.finditer(text) for word in hit.groups() if word)
    return any(not _NO_CAUSE.fullmatch(word) for word in causes)


def explains(one: RecordedReaction, other: RecordedReaction, knowledge: Knowledge) -> bool:
    """Whether a reaction with a culprit is the same as one without: of one kind, and not known to be far apart."""
    kinds = (SEVERE_SKIN - {"drugReactionWithEosinophilia"}, frozenset({"drugReactionWithEosinophilia"}), RASH)
    alike = any(one.sets & kind and other.sets & kind for kind in kinds)
    if not alike or one.when is None or other.when is None:
        return alike
    return knowledge.figures["sameReactionDays"].holds(abs((one.when.day - other.when.day).days))


def reaction_fact(reaction: RecordedReaction, knowledge: Knowledge) -> Fact:
    """Return the fact line of a reaction: drug, words, date, and how severe the record says it was."""
    sentences = knowledge.phrases.sentences
    names = [knowledge.drugs[key].name for key in sorted(reaction.drugs) if key in knowledge.drugs]
    culprit = ", ".join(names) or sentences["culpritOther" if reaction.attributed else "culpritNone"]
    notes = (
        reaction.severity,
        f"grade {reaction.grade}" if reaction.grade is not None else "",
        f"criticality {reaction.criticality}" if reaction.criticality else "",
        "" if reaction.active else sentences["reactionOver"],
    )
    when = str(reaction.when) if reaction.when else sentences["dateMissing"]
    return Fact("Reaction", f"{culprit}: {reaction.what}", when, reaction.reference, "; ".join(filter(None, notes)))


def reaction_values(reaction: RecordedReaction, knowledge: Knowledge) -> dict[str, str]:
    """Return what the wording of a card says about the reaction that decided."""
    over = "" if reaction.active else knowledge.phrases.sentences["reactionOverSentence"]
    what = f"{reaction.what}{reaction.day()}"
    return {"kind": reaction.kind(knowledge), "what": what, "when": reaction.day(), "over": over}


def worst_first(reactions: Iterable[RecordedReaction], knowledge: Knowledge) -> tuple[RecordedReaction, ...]:
    """Return reactions sorted: severe before others, those described before those that are not."""
    return tuple(sorted(reactions, key=lambda one: (not one.is_severe(knowledge), not one.sets, not one.active)))
