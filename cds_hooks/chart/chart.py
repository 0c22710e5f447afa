"""The chart: everything known about one patient at one instant, and what could not be looked up.

Rules ask the chart; the chart remembers which data needs each rule touched. That is how the evaluation knows which
checks were incomplete when a search failed, without every rule having to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar

from msgspec import Struct, field

from cds_hooks.chart.code_sets import CodeSetIndex
from cds_hooks.chart.conditions import (
    ConditionFact,
    ProcedureFact,
    ReactionFact,
    ResearchSubjectFact,
    read_conditions,
    read_procedures,
    read_reactions,
    read_research_subjects,
)
from cds_hooks.chart.drugs import DrugIndex
from cds_hooks.chart.fhir import Resource, as_text, subject_id
from cds_hooks.chart.labs import Lab, LabResult, assess, read_results
from cds_hooks.chart.medications import MEDICATION_TYPES, MedicationFact, medication_fact, read_medications
from cds_hooks.chart.orders import DraftOrder, scope_of
from cds_hooks.chart.patient import PatientFacts, read_patient
from cds_hooks.chart.units import UnitTable
from cds_hooks.chart.when import When
from cds_hooks.data_needs import MEDICATION_NEEDS, PATIENT, DataNeed, Scope, data_needs
from cds_hooks.knowledge.loader import Knowledge

T = TypeVar("T")

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reader:
    """The knowledge in the form in which resources are read with it; built once at start."""

    knowledge: Knowledge
    drugs: DrugIndex
    code_sets: CodeSetIndex
    units: UnitTable
    needs: Mapping[str, DataNeed]


def make_reader(knowledge: Knowledge) -> Reader:
    """Build the look-up tables."""
    return Reader(
        knowledge,
        DrugIndex(knowledge.drugs, knowledge.drug_classes),
        CodeSetIndex(knowledge.code_sets),
        UnitTable(knowledge.unit_groups),
        data_needs(knowledge.analytes),
    )


@dataclass(frozen=True)
class _Record:
    """What is recorded of the patient. Each kind of fact is read on first use: many calls never ask for most of them.

    `of_type` holds the resources by their type, `hcg_limits` below which and from which on hCG (IU/L) is negative and
    positive.
    """

    now: datetime
    birth: When | None
    medications: tuple[MedicationFact, ...]
    reader: Reader
    of_type: Mapping[str, Sequence[Resource]]
    hcg_limits: tuple[float, float]

    @cached_property
    def conditions(self) -> tuple[ConditionFact, ...]:
        return read_conditions(self._of("Condition"), self.reader.code_sets, birth=self.birth)

    @cached_property
    def procedures(self) -> tuple[ProcedureFact, ...]:
        return read_procedures(self._of("Procedure"), self.reader.code_sets)

    @cached_property
    def reactions(self) -> tuple[ReactionFact, ...]:
        if not self._of("AllergyIntolerance") and not self._of("AdverseEvent"):
            return ()
        resources = chain.from_iterable(self.of_type.values())
        return read_reactions(resources, self.reader.drugs, self.reader.code_sets)

    @cached_property
    def research_subjects(self) -> tuple[ResearchSubjectFact, ...]:
        return read_research_subjects(self._of("ResearchSubject"))

    @cached_property
    def results(self) -> Mapping[str, tuple[LabResult, ...]]:
        knowledge = self.reader.knowledge
        negative_below, positive_from = self.hcg_limits
        return read_results(
            self._of("Observation"),
            knowledge.analytes,
            self.reader.units,
            knowledge.qualitative,
            now=self.now,
            hcg_negative_below=negative_below,
            hcg_positive_from=positive_from,
        )

    def _of(self, resource_type: str) -> Sequence[Resource]:
        return self.of_type.get(resource_type, ())


class Chart(Struct, frozen=True):
    """One patient, one instant, one call, as seen by one reader of it.

    Attributes:
        now: evaluation instant.
        hook: `order-sign` or `order-select`.
        drafts: every identified medication draft of the call that is about this patient.
        gaps: data need key → why it could not be looked up (completely), in words for a card.
        dropped: resource type → number of resources left out because they are about another patient.
        reads: the data needs touched through this view; see `watched`.
    """

    now: datetime
    hook: str
    drafts: tuple[DraftOrder, ...]
    gaps: Mapping[str, str]
    dropped: Mapping[str, int]
    _patient: PatientFacts | None
    _record: _Record
    _reader: Reader
    reads: set[str] = field(default_factory=set)
    _derived: dict[str, tuple[Any, set[str]]] = field(default_factory=dict)
    _judged: dict[str, tuple[DraftOrder, ...]] = field(default_factory=dict)

    def derive(self, name: str, derivation: Callable[[Chart], T]) -> T:
        """Return a fact derived from the chart, computed once for all rules.

        Args:
            name: key under which it is kept.
            derivation: pure function of the chart; what it reads counts as read by everybody who asks.
        """
        if (known := self._derived.get(name)) is None:
            view = self.watched()
            try:
                known = derivation(view), view.reads
            finally:  # what it asked for counts as asked for also when it fails, for lack of the Patient say
                self.reads.update(view.reads)
            self._derived[name] = known
        value: T = known[0]
        self.reads.update(known[1])
        return value

    def watched(self) -> Chart:
        """Return the same chart with an empty list of reads."""
        return Chart(
            self.now,
            self.hook,
            self.drafts,
            self.gaps,
            self.dropped,
            self._patient,
            self._record,
            self._reader,
            set(),
            self._derived,
            self._judged,
        )

    # --- drafts ---------------------------------------------------------------------------------------------------

    def judged(self, drug_or_class: str) -> tuple[DraftOrder, ...]:
        """Return the selected drafts of a drug or drug class."""
        if (known := self._judged.get(drug_or_class)) is not None:
            return known
        members = self._reader.drugs.members(drug_or_class)
        found = tuple(order for order in self.drafts if order.selected and order.match.drugs & members)
        self._judged[drug_or_class] = found
        return found

    @property
    def scopes(self) -> frozenset[Scope]:
        """How much the selected drafts call for."""
        scopes = (scope_of(order, self._reader.drugs) for order in self.drafts if order.selected)
        return frozenset(scope for scope in scopes if scope is not None)

    # --- what is recorded -----------------------------------------------------------------------------------------

    @property
    def patient(self) -> PatientFacts:
        """The patient.

        Raises:
            LookupError: the Patient resource could not be obtained.
        """
        self.reads.add(PATIENT)
        if self._patient is None:
            raise LookupError("the Patient resource could not be obtained")
        return self._patient

    @property
    def has_patient(self) -> bool:
        """Whether the Patient resource was obtained."""
        return self._patient is not None

    def medications(self, *drugs_or_classes: str) -> tuple[MedicationFact, ...]:
        """Return records and drafts of the given drugs or classes, newest first, whatever their status."""
        self.reads.update(MEDICATION_NEEDS)
        wanted = self._members(drugs_or_classes)
        return tuple([fact for fact in self._record.medications if not fact.drugs.isdisjoint(wanted)])

    def active(self, *drugs_or_classes: str, days: int | None = None) -> tuple[MedicationFact, ...]:
        """Return what counts as in use; drafts of this call included (`topics.md` section 1).

        Args:
            drugs_or_classes: keys of drugs or drug classes.
            days: how long an order, dispense or administration counts; None for the figure of the knowledge.
        """
        found = self.medications(*drugs_or_classes)
        if not found:
            return found
        window = int(self._reader.knowledge.figures["activeWindowDays"].value) if days is None else days
        return tuple([fact for fact in found if fact.is_active(self.now, window)])

    def conditions(self, *code_sets: str, active: bool = True) -> tuple[ConditionFact, ...]:
        """Return the conditions in any of the code sets; the active ones, or all of them."""
        self.reads.add("conditions")
        found = [fact for fact in self._record.conditions if not fact.sets.isdisjoint(code_sets)]
        return tuple([fact for fact in found if fact.active] if active else found)

    def condition(self, reference: str) -> ConditionFact | None:
        """Return the condition with this `Condition/id`."""
        self.reads.add("conditions")
        return next((fact for fact in self._record.conditions if fact.reference == reference), None)

    def procedures(self, *code_sets: str) -> tuple[ProcedureFact, ...]:
        """Return the procedures done that are in any of the code sets."""
        self.reads.add("procedures")
        return tuple([fact for fact in self._record.procedures if not fact.sets.isdisjoint(code_sets)])

    def reactions(self, *drugs_or_classes: str) -> tuple[ReactionFact, ...]:
        """Return allergies and adverse events attributed to the given drugs; all of them without arguments."""
        self.reads.update(("allergies", "adverseEvents"))
        if not drugs_or_classes:
            return self._record.reactions
        wanted = self._members(drugs_or_classes)
        return tuple(fact for fact in self._record.reactions if not fact.drugs.isdisjoint(wanted))

    def _members(self, drugs_or_classes: tuple[str, ...]) -> frozenset[str]:
        return _NOTHING.union(*map(self._reader.drugs.members, drugs_or_classes))

    def research_subjects(self) -> tuple[ResearchSubjectFact, ...]:
        """Return the studies the patient takes part in now."""
        self.reads.add("researchSubjects")
        return tuple(fact for fact in self._record.research_subjects if fact.active)

    def results(self, analyte: str) -> tuple[LabResult, ...]:
        """Return all results of an analyte, newest first."""
        self.reads.add(self._reader.knowledge.analytes[analyte].need)
        return self._record.results.get(analyte, ())

    def lab(self, analyte: str, max_age_days: float) -> Lab:
        """Return the state of an analyte for a rule that wants a result at most `max_age_days` old."""
        return assess(self.results(analyte), now=self.now, max_age_days=max_age_days)

    # --- coded concepts -------------------------------------------------------------------------------------------

    def code_sets_of(self, concept: object) -> frozenset[str]:
        """Return the code sets a CodeableConcept belongs to."""
        return self._reader.code_sets.sets_of(concept)

    def drugs_named(self, text: str) -> frozenset[str]:
        """Return the drugs a text names."""
        return self._reader.drugs.identify_text(text).drugs

    def gap_words(self, needs: Collection[str]) -> tuple[str, ...]:
        """Return why data needs could not be looked up, those of one cause together: "dispenses: no answer arrived"."""
        titles: dict[str, list[str]] = {}
        for need in self._reader.needs:
            if need in needs and need in self.gaps:
                titles.setdefault(self.gaps[need], []).append(self._reader.needs[need].title)
        return tuple(f"{', '.join(names)}: {why}" for why, names in titles.items())

    def analyte_name(self, analyte: str) -> str:
        """Return the name of an analyte as cards print it."""
        return self._reader.knowledge.analytes[analyte].name


def build_chart(
    reader: Reader,
    *,
    now: datetime,
    hook: str,
    patient_id: str,
    drafts: Sequence[DraftOrder],
    resources: Iterable[Resource],
    gaps: Mapping[str, str],
    dropped: Mapping[str, int] | None = None,
) -> Chart:
    """Turn resources into the chart.

    Args:
        reader: the look-up tables.
        now: evaluation instant.
        hook: name of the hook.
        patient_id: the patient of the call; resources and drafts about anybody else are left out and counted.
        drafts: the identified drafts.
        resources: everything that was prefetched or fetched, in any order.
        gaps: data need key → why it could not be looked up.
        dropped: resources already left out for being about another patient, by type.
    """
    left_out: dict[str, int] = dict(dropped or {})
    of_type: dict[str, list[Resource]] = {}
    medicines: list[Resource] = []
    patient: PatientFacts | None = None
    for resource in resources:
        kind, subject = as_text(resource.get("resourceType")), subject_id(resource)
        if kind == "Patient":
            if patient is None and as_text(resource.get("id")) == patient_id:
                patient = read_patient(resource)
        elif subject and subject != patient_id:
            left_out[kind] = left_out.get(kind, 0) + 1
        else:
            of_type.setdefault(kind, []).append(resource)
            if kind in MEDICATION_TYPES or kind == "Medication":
                medicines.append(resource)
    ours = tuple(order for order in drafts if not order.other_patient)
    for order in drafts:
        if order.other_patient and scope_of(order, reader.drugs) is not None:
            left_out["draft order"] = left_out.get("draft order", 0) + 1
    draft_ids = frozenset(as_text(order.resource.get("id")) for order in ours) - {""}
    records, unknown_drugs = read_medications(medicines, reader.drugs, draft_ids=draft_ids)
    if unknown_drugs:
        gaps = {MEDICATION_NEEDS[0]: reader.knowledge.phrases.sentences["recordedDrugUnknown"], **gaps}
    drafted = tuple(medication_fact(order.resource, order.match, is_draft=True) for order in ours if order.match.drugs)
    figures = reader.knowledge.figures
    record = _Record(
        now=now,
        birth=patient.birth if patient else None,
        medications=drafted + records,
        reader=reader,
        of_type=of_type,
        hcg_limits=(figures["hcgNegativeBelow"].value, figures["hcgPositiveFrom"].value),
    )
    return Chart(now, hook, ours, gaps, left_out, patient, record, reader)
