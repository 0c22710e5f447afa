"""What the scores of thrombosis risk ask about, as far as the record answers it (`clinical.md` E.3, E.4)."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact, ProcedureFact
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.medications import MedicationFact
from cds_hooks.chart.when import When
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.antithrombotics import antithrombotics
from cds_hooks.rules.dexamethasone import dexamethasone_dose
from cds_hooks.rules.lab_facts import satisfies, shown
from cds_hooks.rules.medication_facts import medication_fact
from cds_hooks.rules.recorded_dose import recorded_dose

_LMWH = ("enoxaparin", "dalteparin", "tinzaparin")
_OPERATIONS = ("surgery", "hysterectomy", "partialHysterectomy", "bilateralOophorectomy", "tubalLigation")
_NO_OPERATIONS = frozenset({"centralVenousCatheter", "centralVenousCatheterRemoval", "stemCellHarvest", "dialysis"})
"""Procedures that an EHR may file under surgery and that are none in the sense of SAVED."""


class Presence(Enum):
    """Whether an item of a score is present."""

    PRESENT = "present"
    NOT_PRESENT = "not present"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


class Factor(Struct, frozen=True):
    """One thing the scores ask about.

    Attributes:
        items: the items of the scores it stands for: those that apply when present, else those it was looked for.
        presence: whether it is there.
        value: what was seen, in words.
        when: its date.
        reference: `Type/id` of the record.
        note: caveats.
        label: what it is, "" where the label of its first item says so.
    """

    items: tuple[str, ...]
    presence: Presence
    value: str = ""
    when: str = ""
    reference: str = ""
    note: str = ""
    label: str = ""


def read_factors(chart: Chart, knowledge: Knowledge, order: Fact) -> tuple[Factor, ...]:
    """Return every factor of both scores, in the order in which a card lists them.

    Args:
        chart: the chart.
        knowledge: the limits.
        order: the drafted immunomodulatory drug.
    """
    return (
        Factor(("immunomodulatoryDrug",), Presence.PRESENT, order.value, "", order.reference),
        _dexamethasone(chart, knowledge),
        _prior_thrombosis(chart),
        _body_mass_index(chart, knowledge),
        _age(chart, knowledge),
        _surgery(chart, knowledge),
        _problem(chart, "pelvicHipFemurFracture"),
        _drug(chart, knowledge, "erythropoiesisStimulatingAgent"),
        _drug(chart, knowledge, "doxorubicin"),
        _catheter(chart, knowledge),
        _ancestry(chart, knowledge),
        *_prophylaxis(chart, knowledge),
    )


def _not_found(chart: Chart, items: tuple[str, ...], *needs: str, label: str = "") -> Factor:
    """Say that nothing was found, or that one could not look everywhere."""
    incomplete = next((chart.gaps[need] for need in needs if need in chart.gaps), "") if chart.gaps else ""
    return Factor(items, Presence.UNKNOWN if incomplete else Presence.NOT_FOUND, incomplete, label=label)


def _words(when: When | None) -> str:
    return str(when) if when else "no date"


def _entry(items: tuple[str, ...], entry: ConditionFact | ProcedureFact) -> Factor:
    if isinstance(entry, ProcedureFact):
        return Factor(items, Presence.PRESENT, entry.text, _words(entry.when), entry.reference, entry.status)
    status = ", ".join(filter(None, (entry.clinical_status, entry.verification_status)))
    return Factor(items, Presence.PRESENT, entry.text, _words(entry.onset or entry.recorded), entry.reference, status)


def _medication(items: tuple[str, ...], fact: MedicationFact, knowledge: Knowledge) -> Factor:
    line = medication_fact(fact, "", knowledge)
    return Factor(items, Presence.PRESENT, line.value, line.when, line.reference, line.note)


def _drug(chart: Chart, knowledge: Knowledge, drug: str) -> Factor:
    in_use = chart.active(drug)
    return _medication((drug,), in_use[0], knowledge) if in_use else _not_found(chart, (drug,), *MEDICATION_NEEDS)


def _problem(chart: Chart, code_set: str) -> Factor:
    found = chart.conditions(code_set)
    return _entry((code_set,), found[0]) if found else _not_found(chart, (code_set,), "conditions")


def _prior_thrombosis(chart: Chart) -> Factor:
    """Any venous thromboembolism on record counts, present or past; superficial ones are not in the code sets."""
    items = ("priorVenousThromboembolism",)
    found = chart.conditions("venousThromboembolism", "priorVenousThromboembolism", active=False)
    return _entry(items, found[0]) if found else _not_found(chart, items, "conditions")


def _dexamethasone(chart: Chart, knowledge: Knowledge) -> Factor:
    figures, sentences = knowledge.figures, knowledge.phrases.sentences
    low = ("dexamethasoneMonthLow",)
    dose = dexamethasone_dose(chart, knowledge)
    if dose is None:
        both = (*low, "dexamethasoneCycleStandard")
        return _not_found(chart, both, *MEDICATION_NEEDS, label=knowledge.drugs["dexamethasone"].name)
    line = medication_fact(dose.records[0], "", knowledge)
    if dose.per_month is None or dose.per_cycle is None:
        note = "; ".join((line.note, sentences["thrombosis_dexamethasoneUnreadable"]))
        return Factor(low, Presence.PRESENT, line.value, line.when, line.reference, note)
    items = ["dexamethasoneMonthHigh"] if figures["dexamethasoneMonthHigh"].holds(dose.per_month) else [*low]
    notes = [line.note]
    if figures["dexamethasoneCycleHigh"].holds(dose.per_cycle):
        items.append("dexamethasoneCycleHigh")
    elif figures["dexamethasoneCycleStandard"].holds(dose.per_cycle):
        items.append("dexamethasoneCycleStandard")
    else:
        limit = f"{figures['dexamethasoneCycleStandard'].value:g}"
        notes.append(sentences["thrombosis_dexamethasoneBelow"].format(limit=limit))
    month = int(figures["dexamethasoneMonthDays"].value)
    amount = sentences["thrombosis_dexamethasone"].format(amount=f"{dose.per_month:g}", days=month)
    if dose.cycle_days != month:
        cycle = sentences["thrombosis_dexamethasone"].format(amount=f"{dose.per_cycle:g}", days=dose.cycle_days)
        amount = f"{amount}, {cycle}"
    drug = ", ".join(dict.fromkeys(fact.text for fact in dose.records))
    return Factor(tuple(items), Presence.PRESENT, f"{drug}: {amount}", line.when, line.reference, "; ".join(notes))


def _body_mass_index(chart: Chart, knowledge: Knowledge) -> Factor:
    """Judge the newer of a recorded index and one computed from the newest weight and height."""
    figure, items = knowledge.figures["bodyMassIndexRaised"], ("bodyMassIndexRaised",)
    weight, height, recorded = (
        next((one for one in chart.results(analyte) if one.is_final), None)
        for analyte in ("bodyWeight", "bodyHeight", "bodyMassIndex")
    )
    computable = weight is not None and height is not None and weight.value and height.value
    if recorded is not None and not (computable and _is_newer(weight, recorded)):
        return _index(satisfies(recorded, figure), shown(recorded), recorded, "")
    if weight is None or height is None or not weight.value or not height.value:
        return Factor(items, Presence.UNKNOWN, knowledge.phrases.states["absent"])
    index = weight.value / (height.value / 100) ** 2
    raised = None if weight.comparator or height.comparator else figure.holds(index)
    note = knowledge.phrases.sentences["thrombosis_bodyMassIndex"].format(
        weight=shown(weight), height=shown(height), date=_words(height.when)
    )
    return _index(raised, f"{index:.1f} kg/m²", weight, note)


def _index(raised: bool | None, value: str, result: LabResult, note: str) -> Factor:
    presence = {True: Presence.PRESENT, False: Presence.NOT_PRESENT, None: Presence.UNKNOWN}[raised]
    return Factor(("bodyMassIndexRaised",), presence, value, _words(result.when), result.reference, note)


def _is_newer(one: LabResult | None, other: LabResult) -> bool:
    return one is not None and one.when is not None and (other.when is None or one.when.start > other.when.start)


def _age(chart: Chart, knowledge: Knowledge) -> Factor:
    figure, patient = knowledge.figures["ageRaised"], chart.patient
    age = patient.age_years(chart.now)
    if age is None:
        return Factor(("ageRaised",), Presence.UNKNOWN, knowledge.phrases.states["absent"])
    presence = Presence.PRESENT if figure.holds(age) else Presence.NOT_PRESENT
    value = knowledge.phrases.sentences["thrombosis_age"].format(age=age)
    return Factor(("ageRaised",), presence, value, str(patient.birth), patient.reference)


def _surgery(chart: Chart, knowledge: Knowledge) -> Factor:
    figure, items, undated = knowledge.figures["surgeryDays"], ("surgery",), None
    for procedure in chart.procedures(*_OPERATIONS):
        when = procedure.when
        if procedure.sets & _NO_OPERATIONS or (when is not None and when.is_future(chart.now)):
            continue
        if when is None:
            undated = procedure
        elif figure.holds(when.days_before(chart.now)):
            return _entry(items, procedure)
    if undated is not None:
        return replace(_entry(items, undated), presence=Presence.UNKNOWN)
    return _not_found(chart, items, "procedures")


def _catheter(chart: Chart, knowledge: Knowledge) -> Factor:
    """A catheter on the problem list, or inserted within a year and not removed since."""
    items, figure = ("centralVenousCatheter",), knowledge.figures["catheterDays"]
    active = chart.conditions("centralVenousCatheter")
    removals = [one.when for one in chart.procedures("centralVenousCatheterRemoval") if one.when is not None]
    if active:
        return _entry(items, active[0])
    for procedure in chart.procedures("centralVenousCatheter"):
        when = procedure.when
        if "centralVenousCatheterRemoval" in procedure.sets or when is None or when.is_future(chart.now):
            continue
        removed = any(removal.start > when.start for removal in removals)
        if figure.holds(when.days_before(chart.now)) and not removed:
            return _entry(items, procedure)
    return _not_found(chart, items, "conditions", "procedures")


def _ancestry(chart: Chart, knowledge: Knowledge) -> Factor:
    """Use the ancestry term only for one recorded category; two categories leave it open."""
    patient, ancestries = chart.patient, knowledge.scores.ancestries
    sentences, every = knowledge.phrases.sentences, tuple(knowledge.scores.ancestries)
    words = ", ".join(race.display or race.code for race in patient.races)

    def factor(items: tuple[str, ...], presence: Presence, note: str = "") -> Factor:
        reference, label = patient.reference, sentences["thrombosis_ancestry"]
        return Factor(items, presence, words or sentences["thrombosis_ancestryMissing"], "", reference, note, label)

    if not patient.races:
        return factor(every, Presence.UNKNOWN)
    if len(patient.races) > 1:
        return factor(every, Presence.UNKNOWN, sentences["thrombosis_ancestrySeveral"])
    recorded = patient.races[0].code
    matches = (key for key, one in ancestries.items() for row in one.codes if row.verified and row.code == recorded)
    key = next(matches, None)
    return factor((key,), Presence.PRESENT) if key else factor(every, Presence.NOT_PRESENT)


def _prophylaxis(chart: Chart, knowledge: Knowledge) -> tuple[Factor, ...]:
    """Sort what is in use into the two items of IMPEDE-VTE; one of them at most applies.

    Warfarin counts as therapeutic, low molecular weight heparin by its dose, other anticoagulants are not in the score.
    """
    sentences, in_use = knowledge.phrases.sentences, antithrombotics(chart, knowledge)
    others = []
    prophylactic = next((fact for fact in in_use.antiplatelets if "aspirin" in fact.drugs), None)
    for fact in in_use.anticoagulants:
        if "warfarin" in fact.drugs or ("enoxaparin" in fact.drugs and _is_therapeutic(fact, chart, knowledge)):
            return (_medication(("anticoagulantTherapeutic",), fact, knowledge),)
        if not fact.drugs.isdisjoint(_LMWH):
            prophylactic = fact
        else:
            others.append(fact)
    others += [fact for fact in in_use.antiplatelets if "aspirin" not in fact.drugs]
    if prophylactic is not None:
        return (_medication(("prophylaxis",), prophylactic, knowledge),)
    if others:
        line = medication_fact(others[0], "", knowledge)
        note = "; ".join((line.note, sentences["thrombosis_notInScore"]))
        return (Factor(("prophylaxis",), Presence.NOT_PRESENT, line.value, line.when, line.reference, note),)
    return (_not_found(chart, ("prophylaxis",), *MEDICATION_NEEDS),)


def _is_therapeutic(fact: MedicationFact, chart: Chart, knowledge: Knowledge) -> bool:
    weight = next((one for one in chart.results("bodyWeight") if one.is_final), None)
    amount = recorded_dose(fact).average_mg_per_day
    if weight is None or not weight.value or amount is None:
        return False
    return knowledge.figures["enoxaparinTherapeutic"].holds(amount / weight.value)
