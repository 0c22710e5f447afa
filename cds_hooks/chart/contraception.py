"""Contraception as far as the record tells it (`clinical.md` C.2, F.3; S-09).

Highly effective in the sense of the REMS: intrauterine device, hormonal methods other than the mini-pill, tubal
ligation, partner's vasectomy. Condom, diaphragm and cervical cap are additional methods. A device counts until its
removal or the end of its life, a word in passing ("discussed IUD") does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cds_hooks.chart.chart import Chart
from cds_hooks.chart.conditions import ConditionFact, ProcedureFact
from cds_hooks.chart.fhir import LOINC, SNOMED
from cds_hooks.chart.labs import LabProblem, LabResult
from cds_hooks.chart.medications import MedicationFact
from cds_hooks.chart.when import When, whole_years
from cds_hooks.findings import Fact
from cds_hooks.knowledge.loader import Knowledge

_DAYS_PER_YEAR = 366  # more than any year has: the whole years decide
_SURE = frozenset({"", "confirmed"})
_TALK = re.compile(r"\b(?:discuss|counsel|educat|interest|inform|offer|review|option|refer)", re.IGNORECASE)
_DEVICES = {"intrauterineDevice": "intrauterineDeviceYears", "contraceptiveImplant": "contraceptiveImplantYears"}
"""Code sets of devices, each with the figure of its lifetime. Their removal is the code set of that name + Removal."""
_DEVICE_DRUGS = {"levonorgestrelDevice": "intrauterineDevice", "etonogestrel": "contraceptiveImplant"}
_STERILIZATIONS = ("tubalLigation", "vasectomy")
_HIGHLY_EFFECTIVE = frozenset({*_DEVICES, *_STERILIZATIONS, "hormonalContraception"})


class MethodKind(StrEnum):
    """What a recorded method is worth."""

    HIGHLY_EFFECTIVE = "highly effective"
    ADDITIONAL = "additional"
    ABSTINENCE = "abstinence"
    NONE = "does not count"


@dataclass(frozen=True, slots=True)
class Method:
    """A recorded method of contraception; `fact` shows where it stands, and why where it does not count."""

    kind: MethodKind
    fact: Fact


@dataclass(frozen=True, slots=True)
class Contraception:
    """The methods on record."""

    methods: tuple[Method, ...]

    def of(self, kind: MethodKind) -> tuple[Fact, ...]:
        """Return the methods of a kind."""
        return tuple(method.fact for method in self.methods if method.kind is kind)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All of them."""
        return tuple(method.fact for method in self.methods)


def contraception(chart: Chart, knowledge: Knowledge) -> Contraception:
    """Return the recorded methods, computed once per evaluation."""
    return chart.derive("contraception", lambda view: _Reader(view, knowledge).read())


class _Reader:
    def __init__(self, chart: Chart, knowledge: Knowledge) -> None:
        self._chart, self._knowledge = chart, knowledge
        self._sentences = knowledge.phrases.sentences

    def read(self) -> Contraception:
        return Contraception((*self._drugs(), *self._problems(), *self._procedures(), *self._answers()))

    # --- drugs ----------------------------------------------------------------------------------------------------

    def _drugs(self) -> Iterator[Method]:
        active = self._chart.active("hormonalContraceptive")
        for fact in active:
            yield self._drug(fact)
        for fact in self._chart.medications(*_DEVICE_DRUGS):
            device = self._device_of(fact)
            if device and fact not in active and fact.status != "stopped" and self._lasts(device, fact):
                yield self._drug(fact)
        for fact in self._chart.active("progestinOnlyPill"):
            yield Method(MethodKind.NONE, self._drug_line(fact, self._sentences["contraception_notHighlyEffective"]))

    def _drug(self, fact: MedicationFact) -> Method:
        device = self._device_of(fact)
        if device and self._is_removed(device, fact.when):
            return Method(MethodKind.NONE, self._drug_line(fact, self._sentences["contraception_removed"]))
        return Method(MethodKind.HIGHLY_EFFECTIVE, self._drug_line(fact, ""))

    @staticmethod
    def _device_of(fact: MedicationFact) -> str:
        """Return the device a drug is; "" for a pill, patch, ring or injection (etonogestrel is in rings, too)."""
        return next((device for drug, device in _DEVICE_DRUGS.items() if fact.drugs == {drug}), "")

    def _lasts(self, device: str, fact: MedicationFact) -> bool:
        lifetime = self._knowledge.figures[_DEVICES[device]]
        if fact.when is None or not lifetime.holds(whole_years(fact.when, self._chart.now)):
            return False
        return fact.is_within(self._chart.now, int(lifetime.value) * _DAYS_PER_YEAR)

    def _drug_line(self, fact: MedicationFact, note: str) -> Fact:
        when = str(fact.when) if fact.when and not fact.is_draft else ""
        status = self._sentences["drafted"] if fact.is_draft else f"{fact.kind}, {fact.status}"
        return self._line(fact.text, when, fact.reference, "; ".join(filter(None, (status, note))))

    def _line(self, value: str, when: str, reference: str, note: str) -> Fact:
        return Fact(self._sentences["contraception_label"], value, when, reference, note)

    # --- problem list and procedures ------------------------------------------------------------------------------

    def _problems(self) -> Iterator[Method]:
        for code_set in (*_DEVICES, "hormonalContraception"):
            for entry in self._chart.conditions(code_set):
                yield self._entry(entry, code_set, entry.onset or entry.recorded)
        for code_set in _STERILIZATIONS:
            for entry in self._chart.conditions(code_set, active=False):
                yield self._entry(entry, code_set, entry.onset or entry.recorded)
        for code_set, kind in (
            ("barrierContraception", MethodKind.ADDITIONAL),
            ("sexualAbstinence", MethodKind.ABSTINENCE),
        ):
            for entry in self._chart.conditions(code_set):
                yield self._entry(entry, code_set, entry.onset or entry.recorded, kind)

    def _procedures(self) -> Iterator[Method]:
        for code_set in (*_DEVICES, *_STERILIZATIONS):
            for entry in self._chart.procedures(code_set):
                if entry.status == "completed" and not (entry.when and entry.when.is_future(self._chart.now)):
                    yield self._entry(entry, code_set, entry.when)

    def _entry(
        self,
        entry: ConditionFact | ProcedureFact,
        code_set: str,
        when: When | None,
        kind: MethodKind = MethodKind.HIGHLY_EFFECTIVE,
    ) -> Method:
        note = self._why_not(entry, code_set, when)
        fact = self._line(entry.text, str(when) if when else "no date", entry.reference, note)
        return Method(MethodKind.NONE if note else kind, fact)

    def _why_not(self, entry: ConditionFact | ProcedureFact, code_set: str, when: When | None) -> str:
        if isinstance(entry, ConditionFact) and entry.verification_status not in _SURE:
            return entry.verification_status
        if code_set in entry.named and _TALK.search(entry.text):
            return self._sentences["contraception_mentioned"]
        if code_set not in _DEVICES:
            return ""
        if self._is_removed(code_set, when):
            return self._sentences["contraception_removed"]
        if isinstance(entry, ProcedureFact):
            lifetime = self._knowledge.figures[_DEVICES[code_set]]
            if when is None or not lifetime.holds(whole_years(when, self._chart.now)):
                return self._sentences["contraception_expired"]
        return ""

    def _is_removed(self, device: str, since: When | None) -> bool:
        """Whether a removal is on record that may be later than the evidence; same-day exchanges are none."""
        code_set = f"{device}Removal"
        removals = [one.onset or one.recorded for one in self._chart.conditions(code_set, active=False)]
        removals += [one.when for one in self._chart.procedures(code_set)]
        return any(one is None or since is None or one.start > since.start for one in removals)

    # --- answers --------------------------------------------------------------------------------------------------

    def _answers(self) -> Iterator[Method]:
        """Yield the latest answer to the question for the method."""
        result = next((one for one in self._chart.results("contraceptiveMethod") if not one.preliminary), None)
        if result is None or result.when is None or result.problem not in (None, LabProblem.FREE_TEXT):
            return
        sets, days = self._sets_of(result), self._knowledge.figures["contraceptionRecordDays"]
        fact = self._line(result.raw, str(result.when), result.reference, "")
        if not days.holds(result.when.days_before(self._chart.now)):
            note = self._sentences["contraception_oldAnswer"]
            yield Method(MethodKind.NONE, self._line(result.raw, str(result.when), result.reference, note))
        elif "sexualAbstinence" in sets:
            yield Method(MethodKind.ABSTINENCE, fact)
        elif sets & _HIGHLY_EFFECTIVE:
            yield Method(MethodKind.HIGHLY_EFFECTIVE, fact)
        elif "barrierContraception" in sets:
            yield Method(MethodKind.ADDITIONAL, fact)

    def _sets_of(self, result: LabResult) -> frozenset[str]:
        """Return the code sets of an answer, by its codes, else by its words; here abstinence can only be sexual."""
        rows = [{"system": system, "code": code} for code in sorted(result.coded) for system in (SNOMED, LOINC)]
        coded = self._chart.code_sets_of({"coding": rows}) if rows else frozenset[str]()
        if coded:
            return coded
        return self._chart.code_sets_of({"text": result.raw}) | self._chart.code_sets_of(
            {"text": f"sexual {result.raw}"}
        )
