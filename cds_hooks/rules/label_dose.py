"""What the label gives: the dose of a table row in words, and the higher dose it allows after some cycles."""

from __future__ import annotations

from cds_hooks.chart.therapy import Therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Basis, Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import LabelDose
from cds_hooks.rules.renal_function import DIALYSIS, RenalFunction

_EVERY = {1: "dose_daily", 2: "dose_everyOtherDay"}


def dose_words(table: LabelDose, knowledge: Knowledge) -> str:
    """Return the dose without the days of the cycle, short enough for the summary of a card."""
    return knowledge.phrases.sentences[_EVERY[table.every_days]].format(mg=f"{table.single_mg:g}")


def allowed_mg_per_day(table: LabelDose, course: Therapy) -> float:
    """Return the highest average the label allows now: a later, higher dose counts once its cycles are completed."""
    later, cycle = table.later, course.course.cycle
    if later is not None and cycle is not None and cycle > later.after_cycles:
        return later.average_mg_per_day
    return table.average_mg_per_day


def later_words(after_cycles: int, regimen: str, course: Therapy, knowledge: Knowledge) -> str:
    """Return the sentence about a higher dose after some cycles, with the cycle that is running."""
    sentences, number = knowledge.phrases.sentences, course.course.cycle or (1 if course.course.first_order else None)
    cycle = sentences["dose_cycleUnknown"] if number is None else sentences["dose_cycle"].format(number=number)
    return sentences["dose_later"].format(cycles=after_cycles, regimen=regimen, cycle=cycle)


def labelled_words(course: Therapy, function: RenalFunction, knowledge: Knowledge) -> str:
    """Return the label dose for the renal function, or those for every renal function while it is not known."""
    doses, column = course.profile.doses, function.column(knowledge)
    if column is not None:
        return f"{doses[column].regimen} ({function.words()})"
    names = {**{key: band.name for key, band in knowledge.bands.items()}, DIALYSIS: "on dialysis"}
    return "; ".join(f"{doses[key].regimen} ({name})" for key, name in names.items())


def table_basis(course: Therapy, column: str, knowledge: Knowledge) -> tuple[Basis, ...]:
    """Cite the row of the label table, and the later dose of the same row."""
    band = knowledge.bands[column].name if column in knowledge.bands else "on dialysis"
    table, meaning = course.profile.doses[column], f"{course.profile.name}, {band}"
    rows = [Basis(meaning, table.regimen, table.source, table.verified)]
    if (later := table.later) is not None:
        meaning += f", after {later.after_cycles} cycles"
        rows.append(Basis(meaning, later.regimen, later.source, later.verified))
    return tuple(rows)


def profile_needs(course: Therapy, column: str, mg_per_day: float, knowledge: Knowledge) -> frozenset[str]:
    """Return the data needs in which something was not found without which the dose would not be too high.

    Maintenance is assumed where dexamethasone is not found, and has lower doses than the combination.
    """
    combination = knowledge.profiles["mmCombination"].doses[column].average_mg_per_day
    assumed = course.profile_key == "mmMaintenance" and mg_per_day <= combination
    return frozenset(MEDICATION_NEEDS) if assumed else frozenset()


def indication_fact(course: Therapy) -> Fact:
    """Return the fact line of the indication that chose the doses."""
    found = course.indication
    return Fact("Indication", found.text or course.profile.name, "", found.reference, found.source.value)
