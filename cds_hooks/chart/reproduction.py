"""Whether the patient can become pregnant, as far as the record tells (`clinical.md` C.1, FRP of the US REMS).

Only three things exclude it: hysterectomy, removal of both ovaries, natural menopause for 24 months. What is missing
or contradictory never excludes; tubal ligation, premature menopause and amenorrhoea under treatment do not either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact, ProcedureFact
from cds_hooks.chart.patient import PatientFacts, Sex
from cds_hooks.chart.when import When
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure

_EXCLUDING = (("hysterectomy", "hysterectomy"), ("bilateralOophorectomy", "removal of both ovaries"))
_NOT_EXCLUDING = (
    ("partialHysterectomy", "Partial hysterectomy"),
    ("prematureMenopause", "Premature menopause"),
    ("tubalLigation", "Tubal ligation"),
)
_FEMALE_ORGANS = (
    "partialHysterectomy", "naturalMenopause", "prematureMenopause", "tubalLigation", "irregularCycles", "pregnancy",
)  # fmt: skip
"""Entries that show a uterus or ovaries; coded, they come before the administrative gender."""
_NO_EXCLUSION = "does not exclude reproductive potential"
_SURE = frozenset({"", "confirmed"})
_MONTHS_PER_YEAR = 12


class ReproductivePotential(StrEnum):
    """Whether the patient can become pregnant."""

    YES = "yes"
    NOT_EXCLUDED = "not excluded"
    NO = "no"


@dataclass(frozen=True, slots=True)
class ReproductiveStatus:
    """The answer and what it rests on.

    Attributes:
        potential: the answer.
        reason: why, in a few words for a card ("age 52", "hysterectomy").
        facts: what was seen.
        figures: limits that decided.
    """

    potential: ReproductivePotential
    reason: str
    facts: tuple[Fact, ...]
    figures: tuple[Figure, ...] = ()


def reproductive_status(chart: Chart, knowledge: Knowledge) -> ReproductiveStatus:
    """Return whether the patient can become pregnant, computed once per evaluation.

    Raises:
        LookupError: the Patient resource could not be obtained.
    """
    return chart.derive("reproductive status", lambda view: read_reproductive_status(view, knowledge))


def read_reproductive_status(chart: Chart, knowledge: Knowledge) -> ReproductiveStatus:
    """Judge age, then sex with the organs on record, then menopause; read no further than needed."""
    figures, patient = knowledge.figures, chart.patient
    ages = _ages(patient, chart)
    facts = [
        Fact("Sex", patient.sex.value, reference=patient.reference, note=patient.sex_source),
        Fact(
            "Age",
            _age_words(ages).removeprefix("age "),
            when=str(patient.birth) if patient.birth else "",
            reference=patient.reference,
        ),
    ]

    def answer(potential: ReproductivePotential, reason: str, *basis: str) -> ReproductiveStatus:
        return ReproductiveStatus(potential, reason, tuple(facts), tuple(figures[key] for key in basis))

    if ages is not None and not figures["reproductiveAgeFrom"].holds(ages.oldest):
        return answer(ReproductivePotential.NO, f"age {ages.oldest}", "reproductiveAgeFrom")
    if ages is not None and not figures["reproductiveAgeBelow"].holds(ages.youngest):
        return answer(ReproductivePotential.NO, f"age {ages.youngest}", "reproductiveAgeBelow")
    by_gender = patient.sex_source == "administrative gender"
    disagree = patient.sex is Sex.MALE and patient.birth_sex is Sex.FEMALE
    if patient.sex is Sex.MALE and not by_gender and not disagree:
        return answer(ReproductivePotential.NO, f"male ({patient.sex_source})")
    in_words = ""
    for code_set, words in _EXCLUDING:
        for entry in _entries(chart, code_set):
            doubt = _doubt(entry, chart)
            if not doubt and not is_proven(entry, code_set, knowledge):
                doubt, in_words = f"in words only: {_NO_EXCLUSION}", in_words or f"{words} in words only"
            facts.append(_entry_fact(words.capitalize(), entry, doubt))
            if not doubt:
                return answer(ReproductivePotential.NO, words)
    organs = [entry for key in _FEMALE_ORGANS for entry in _entries(chart, key) if key not in entry.named]
    if patient.sex is Sex.MALE and by_gender and not organs:
        return answer(ReproductivePotential.NO, "male (administrative gender)")
    if organs and patient.sex is not Sex.FEMALE:
        facts.append(_entry_fact("Shows female organs", organs[0]))
    for code_set, words in _NOT_EXCLUDING:
        facts += [_entry_fact(words, entry, _NO_EXCLUSION) for entry in _entries(chart, code_set)]
    if menses := _recent_menses(chart, figures["menopauseMonths"]):
        facts.append(menses)
    menopause = _menopause(chart, knowledge)
    facts += menopause.facts
    if menopause.excluding and not menses:
        return answer(ReproductivePotential.NO, menopause.excluding, "menopauseMonths")
    if menopause.recent:
        return answer(ReproductivePotential.YES, menopause.recent, "menopauseMonths")
    if patient.sex is not Sex.FEMALE and not organs and not menses:
        reason = "sex records disagree" if disagree else "sex not recorded"
        return answer(ReproductivePotential.NOT_EXCLUDED, reason)
    if menses:
        return answer(ReproductivePotential.YES, "menses recorded", "menopauseMonths")
    if in_words:
        return answer(ReproductivePotential.NOT_EXCLUDED, in_words)
    if menopause.undated:
        return answer(ReproductivePotential.NOT_EXCLUDED, "menopause undated", "menopauseMonths")
    if ages is None:
        return answer(ReproductivePotential.YES, "birth date missing")
    if figures["menopausalAgeFrom"].holds(ages.youngest):
        facts.append(Fact("Menopause", knowledge.phrases.states["absent"]))
        return answer(ReproductivePotential.NOT_EXCLUDED, _age_words(ages), "menopausalAgeFrom", "menopauseMonths")
    return answer(ReproductivePotential.YES, _age_words(ages), "reproductiveAgeFrom", "reproductiveAgeBelow")


# --- age --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ages:
    """Completed years; two different ones when only year or month of birth are known."""

    youngest: int
    oldest: int


def _ages(patient: PatientFacts, chart: Chart) -> _Ages | None:
    birth = patient.birth
    if birth is None or birth.is_future(chart.now):
        return None
    return _Ages(_whole_years(birth.last_day, chart.now.date()), _whole_years(birth.day, chart.now.date()))


def _age_words(ages: _Ages | None) -> str:
    if ages is None:
        return "birth date missing"
    return f"age {ages.youngest}" if ages.youngest == ages.oldest else f"age {ages.youngest} or {ages.oldest}"


def _whole_years(first: date, later: date) -> int:
    return _whole_months(first, later) // _MONTHS_PER_YEAR


def _whole_months(first: date, later: date) -> int:
    months = (later.year - first.year) * _MONTHS_PER_YEAR + later.month - first.month
    return months - (later.day < first.day)


# --- organs and menopause ---------------------------------------------------------------------------------------------


def _entries(chart: Chart, code_set: str) -> list[ConditionFact | ProcedureFact]:
    return [*chart.conditions(code_set, active=False), *chart.procedures(code_set)]


def is_proven(entry: ConditionFact | ProcedureFact, code_set: str, knowledge: Knowledge) -> bool:
    """Whether an entry certainly means its code set: coded, or its whole text is the name ("discussed …" is not)."""
    if code_set not in entry.named:
        return True
    return entry.text.casefold() in {name.casefold() for name in knowledge.code_sets[code_set].names}


def _doubt(entry: ConditionFact | ProcedureFact, chart: Chart) -> str:
    """Return why an entry does not show that the organ is gone; "" when it does."""
    if isinstance(entry, ConditionFact):
        return "" if entry.verification_status in _SURE else f"{entry.verification_status}: {_NO_EXCLUSION}"
    if entry.status != "completed":
        return f"{entry.status or 'no status'}: {_NO_EXCLUSION}"
    return f"date lies in the future: {_NO_EXCLUSION}" if entry.when and entry.when.is_future(chart.now) else ""


def _entry_fact(label: str, entry: ConditionFact | ProcedureFact, note: str = "") -> Fact:
    when = (entry.onset or entry.recorded) if isinstance(entry, ConditionFact) else entry.when
    return Fact(label, entry.text, str(when) if when else "no date", entry.reference, note)


@dataclass(frozen=True, slots=True)
class _Menopause:
    """What the entries of natural menopause say; each in words, "" for nothing."""

    excluding: str = ""
    recent: str = ""
    undated: bool = False
    facts: tuple[Fact, ...] = ()


def _menopause(chart: Chart, knowledge: Knowledge) -> _Menopause:
    """Sort the active entries of natural menopause by how long ago it certainly was, or certainly was not.

    A date of recording shows only that it was not later. The onset is known to the day, month or year; what that
    leaves open counts as undated.
    """
    figure = knowledge.figures["menopauseMonths"]
    today = chart.now.date()
    excluding, recent, undated = "", "", False
    facts = []
    for entry in chart.conditions("naturalMenopause"):
        note = ""
        since = entry.onset or entry.recorded
        months = None if since is None else _whole_months(since.last_day, today)
        at_most = None if entry.onset is None else _whole_months(entry.onset.day, today)
        if entry.verification_status not in _SURE:
            note, undated = f"{entry.verification_status}: {_NO_EXCLUSION}", True
        elif not is_proven(entry, "naturalMenopause", knowledge):
            note, undated = f"in words only: {_NO_EXCLUSION}", True
        elif _is_premature(since, chart, knowledge):
            note = f"premature: {_NO_EXCLUSION}"
        elif months is not None and figure.holds(months):
            excluding = excluding or f"natural menopause, {months} months"
        elif at_most is not None and not figure.holds(at_most):
            note = f"{at_most} months"
            recent = recent or f"menopause {at_most} months ago"
        else:
            note, undated = "onset without a date that settles it", True
        facts.append(_entry_fact("Menopause", entry, note))
    return _Menopause(excluding, recent, undated, tuple(facts))


def _is_premature(since: When | None, chart: Chart, knowledge: Knowledge) -> bool:
    """Whether the patient certainly was younger at menopause than natural menopause allows."""
    birth = chart.patient.birth
    if birth is None:
        return False
    day = since.last_day if since is not None else chart.now.date()
    return knowledge.figures["prematureMenopauseBelow"].holds(_whole_years(birth.day, day))


def _recent_menses(chart: Chart, figure: Figure) -> Fact | None:
    """Return a last menstrual period less than 24 months ago: it disproves a menopause said to be older."""
    today = chart.now.date()
    results: Iterable[tuple[When, str]] = (
        (result.date, result.reference) for result in chart.results("lastMenstrualPeriod") if result.date is not None
    )
    for period, reference in results:
        if not period.is_future(chart.now) and not figure.holds(_whole_months(period.day, today)):
            return Fact("Last menstrual period", str(period), reference=reference)
    return None
