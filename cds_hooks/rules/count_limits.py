"""Limits of neutrophils and platelets by regimen: hold, start, infection (`clinical.md` B.4; S-11, S-12, S-14, S-29).

Every regimen has rows of figures named `ancHold.<row>`, `ancHoldLasting.<row>`, `ancResume.<row>` and the same for
platelets. The row is the profile; the one for MDS depends also on time, dose and the count before treatment.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.labs import LabResult
from cds_hooks.chart.therapy import Therapy
from cds_hooks.data_needs import MEDICATION_NEEDS
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Figure
from cds_hooks.rules.lab_facts import day_of, days_old, newest_alarming, result_fact, satisfies, shown
from cds_hooks.rules.ordered_dose import ordered_dose

_MDS = "mds"
_LATE, _NORMAL, _LOW, _VERY_LOW = "late", "earlyBaselineNormal", "earlyBaselineLow", "earlyBaselineVeryLow"
_FIGURES = {"anc": "anc", "platelets": "platelet"}
"""Beginning of the names of the figures of an analyte."""
_RELATIONS = {"<": "below", "<=": "at or below"}


@dataclass(frozen=True, slots=True)
class LowCount:
    """A count beyond a limit.

    Attributes:
        variant: wording it calls for while the result is recent.
        result: the result.
        limit: the limit in words, with the relation: "below 1,000/µL (1 ×10⁹/L)".
        figures: what decided, the limit first.
        reason: what else decided, as a sentence, "" for nothing.
        facts: what else was seen.
        absent: data needs in which nothing was found, which made the limit apply.
    """

    variant: str
    result: LabResult
    limit: str
    figures: tuple[Figure, ...]
    reason: str = ""
    facts: tuple[Fact, ...] = ()
    absent: frozenset[str] = frozenset()


def cell_count(value: float) -> str:
    """Return a cell count (10*9/L) in both units of the field: "1,000/µL (1 ×10⁹/L)"."""
    return f"{value * 1000:,.10g}/µL ({value:g} ×10⁹/L)"


class CountLimits:
    """The limits of one analyte (`anc` or `platelets`) for this patient and order.

    Attributes:
        row: name of the row of figures that applies.
        baseline: the last count before treatment, where the row depends on it.
    """

    def __init__(self, analyte: str, course: Therapy, chart: Chart, knowledge: Knowledge) -> None:
        self._analyte, self._course, self._chart, self._knowledge = analyte, course, chart, knowledge
        self._figures, self._prefix = knowledge.figures, _FIGURES[analyte]
        old = knowledge.figures["countOldDays"]
        self._results = [one for one in chart.results(analyte) if old.holds(days_old(one, chart.now))]
        self.baseline: LabResult | None = None
        self.row = f"{_MDS}.{self._mds_row()}" if course.profile_key == _MDS else course.profile_key

    # --- which row ----------------------------------------------------------------------------------------------------

    def _mds_row(self) -> str:
        if not self._is_mds_early():
            return _LATE
        self.baseline = self._before_treatment()
        if self.baseline is None or self._baseline_is("BaselineNormal") is not False:
            return _NORMAL
        return _VERY_LOW if self._baseline_is("BaselineVeryLow") else _LOW

    def _baseline_is(self, name: str) -> bool | None:
        figure = self._figures.get(f"{self._prefix}{name}.{_MDS}")
        return satisfies(self.baseline, figure) if figure and self.baseline else None

    def _is_mds_early(self) -> bool:
        """Whether the first four weeks at 10 mg run; an unknown dose or start counts as yes, the stricter reading."""
        days, dose = self._course.course.days, ordered_dose(self._chart, self._knowledge).average
        return (days is None or self._figures["mdsEarlyDays"].holds(days)) and (
            dose is None or self._figures["mdsFullDose"].holds(dose)
        )

    def _before_treatment(self) -> LabResult | None:
        """Return the last readable final result up to the day treatment began; at a first order that is the newest."""
        course = self._course.course
        if course.start is None and not course.first_order:
            return None
        for result in self._chart.results(self._analyte):
            early = result.when is not None and (course.start is None or result.when.day <= course.start.date())
            if result.is_final and early:
                return result
        return None

    # --- the limits ---------------------------------------------------------------------------------------------------

    def _figure(self, kind: str) -> Figure | None:
        return self._figures.get(f"{self._prefix}{kind}.{self.row}")

    @property
    def resume(self) -> Figure:
        """The count from which treatment resumes."""
        return self._figures[f"{self._prefix}Resume.{self.row}"]

    def settles(self, result: LabResult) -> bool | None:
        """Whether a result lies on a known side of the hold limits; None when its comparator leaves that open."""
        figures = [figure for kind in ("Hold", "HoldLasting") if (figure := self._figure(kind))]
        return None if any(satisfies(result, figure) is None for figure in figures) else True

    def find(self) -> LowCount | None:
        """Return the count beyond the most serious limit; None when there is none."""
        return (
            self._hold()
            or self._hold_by_baseline()
            or self._hold_lasting()
            or self._start()
            or self._infection()
            or self._duration_unknown()
        )

    def _newest_beyond(self, figure: Figure) -> LabResult | None:
        return newest_alarming(self._results, lambda result: satisfies(result, figure))

    @property
    def _hold_variant(self) -> str:
        return "holdFirstOrder" if self._course.course.first_order else "hold"

    def _hold(self) -> LowCount | None:
        figure = self._figure("Hold")
        if figure is None or (result := self._newest_beyond(figure)) is None:
            return None
        return LowCount(self._hold_variant, result, _words(figure), (figure,))

    def _hold_by_baseline(self) -> LowCount | None:
        """Look for a fall to half of a low count before treatment (MDS, platelets)."""
        figure, baseline = self._figure("HoldShare"), self.baseline
        if figure is None or baseline is None or baseline.value is None:
            return None
        limit = replace(figure, value=figure.value * baseline.value)
        if (result := self._newest_beyond(limit)) is None:
            return None
        sentence = self._knowledge.phrases.sentences["countBaseline"]
        reason = sentence.format(value=shown(baseline), date=day_of(baseline))
        fact = result_fact(baseline, self._chart, self._knowledge)
        return LowCount(self._hold_variant, result, _words(limit), (figure,), reason, (fact,))

    def _hold_lasting(self) -> LowCount | None:
        """Look for a limit that holds only after seven days, or with fever."""
        figure = self._figure("HoldLasting")
        if figure is None or (result := self._newest_beyond(figure)) is None:
            return None
        sentences = self._knowledge.phrases.sentences
        if earlier := self._lasting_since(result, figure):
            reason = sentences["countLasting"].format(value=shown(earlier), date=day_of(earlier))
            basis, fact = self._figures["ancLasting"], result_fact(earlier, self._chart, self._knowledge)
        elif fever := self._fever():
            reason = sentences["countFever"].format(value=shown(fever), date=day_of(fever))
            basis, fact = self._figures["fever"], result_fact(fever, self._chart, self._knowledge)
        else:
            return None
        return LowCount(self._hold_variant, result, _words(figure), (figure, basis), reason, (fact,))

    def _start(self) -> LowCount | None:
        """Look for a count too low to begin with."""
        if not self._course.course.first_order:
            return None
        own = self._figures.get(f"{self._prefix}Start.{self._course.profile_key}")
        figure = own or self._figures[f"{self._prefix}Start"]
        if (result := self._newest_beyond(figure)) is None:
            return None
        variant = "startMaintenance" if own else "start"
        return LowCount(variant, result, _words(figure), (figure,), absent=frozenset(MEDICATION_NEEDS))

    def _infection(self) -> LowCount | None:
        """Look for neutropenia with fever or infection."""
        figure = self._figures.get(f"{self._prefix}Fever")
        if figure is None or (result := self._newest_beyond(figure)) is None:
            return None
        sentences = self._knowledge.phrases.sentences
        if fever := self._fever():
            reason = sentences["countFever"].format(value=shown(fever), date=day_of(fever))
            fact = result_fact(fever, self._chart, self._knowledge)
            return LowCount("infection", result, _words(figure), (figure, self._figures["fever"]), reason, (fact,))
        for infection in self._chart.conditions("activeInfection")[:1]:
            reason = sentences["countInfection"].format(name=infection.text)
            since = infection.onset or infection.recorded
            fact = Fact("Infection", infection.text, str(since) if since else "no date", infection.reference)
            return LowCount("infection", result, _words(figure), (figure,), reason, (fact,))
        return None

    def _duration_unknown(self) -> LowCount | None:
        """Look for grade 4 neutropenia of unknown duration in MDS, where the label holds only after seven days."""
        figure = self._figure("HoldLasting") if self.row == f"{_MDS}.{_LATE}" else None
        if figure is None or (result := self._newest_beyond(figure)) is None:
            return None
        return LowCount("durationUnknown", result, _words(figure), (figure, self._figures["ancLasting"]))

    # --- what else is looked at ---------------------------------------------------------------------------------------

    def _lasting_since(self, result: LabResult, limit: Figure) -> LabResult | None:
        """Return the earlier result that shows the count has been low for 7 days, with none at or above in between."""
        window, apart = self._figures["ancLastingWindow"], self._figures["ancLasting"]
        if result.when is None or not window.holds(days_old(result, self._chart.now)):
            return None
        for earlier in self._results:
            if earlier.problem is not None or earlier.when is None or earlier.when >= result.when:
                continue
            verdict = satisfies(earlier, limit)
            if verdict is False and not earlier.preliminary:
                return None
            is_apart = apart.holds((result.when.day - earlier.when.day).days)
            if verdict and is_apart and window.holds(days_old(earlier, self._chart.now)):
                return earlier
        return None

    def _fever(self) -> LabResult | None:
        """Return the latest temperature of the last 72 hours that is a fever."""
        for result in self._chart.results("bodyTemperature"):
            if result.problem is not None or result.when is None:
                continue
            hours = result.when.age(self._chart.now).total_seconds() / 3600
            if self._figures["feverHours"].holds(hours) and satisfies(result, self._figures["fever"]):
                return result
        return None


def _words(figure: Figure) -> str:
    return f"{_RELATIONS[figure.operator]} {cell_count(figure.value)}"
