"""The two hooks say the same once a dose is entered; before, order-select keeps quiet about the dose and only that."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from cds_hooks.cases.case import BASE_CHARTS, CASES_FOLDER, Case, Draft, load_cases
from cds_hooks.cases.run import case_chart
from cds_hooks.chart.chart import Chart, Reader, make_reader
from cds_hooks.chart.therapy import therapy
from cds_hooks.evaluate import Evaluation, evaluate, indicator_of
from cds_hooks.findings import Indicator
from cds_hooks.knowledge.loader import load_knowledge
from cds_hooks.rules.count_limits import CountLimits

DOSE_TOPICS = frozenset({"doseUnreadable", "scheduleMismatch", "doseExceedsLabel", "remsSupplyLimit", "renalDose"})
COUNTS = {"neutropenia": "anc", "thrombocytopenia": "platelets"}

SUBJECTS: dict[str, list[Case]] = {}
for _case in load_cases():
    if _case.hook == "order-sign":
        SUBJECTS.setdefault(_case.subject, []).append(_case)
each_subject = pytest.mark.parametrize("subject", SUBJECTS, scope="module")  # grouped, so that "told" is shared


@cache
def reader() -> Reader:
    return make_reader(load_knowledge())


@dataclass(frozen=True, slots=True)
class Said:
    """What was said about a case, and the chart it was said about."""

    chart: Chart
    evaluation: Evaluation
    cards: dict[str, Indicator]


def said(case: Case) -> Said:
    chart = case_chart(case, reader())
    evaluation = evaluate(chart, reader().knowledge)
    cards = {finding.topic: indicator_of(finding, reader().knowledge) for finding in evaluation.findings}
    return Said(chart, evaluation, cards)


def selecting(case: Case) -> Case:
    """Return the case at order-select."""
    return replace(case, hook="order-select")


def without_dose(case: Case) -> Case:
    """Return the case with drafts that say neither dose nor frequency nor directions; route and supply stay."""

    def emptied(draft: Draft) -> Draft:
        lines = msgspec.structs.replace(
            draft.lines, dose="", every="", times=1, for_days=None, sig="", days_on="", continuous=False
        )
        return replace(draft, lines=lines)

    return replace(case, chart=replace(case.chart, orders=tuple(map(emptied, case.chart.orders))))


@dataclass(frozen=True, slots=True)
class Told:
    """A case at signing, at selection, and at selection before a dose is entered."""

    case: Case
    signing: Said
    selection: Said
    doseless: Said


@cache
def told(subject: str) -> tuple[Told, ...]:
    """Return all cases of a file; kept for the next test, since every case is judged three times."""
    return tuple(
        Told(case, said(case), said(selecting(case)), said(selecting(without_dose(case)))) for case in SUBJECTS[subject]
    )


def differing(one: Said, other: Said) -> set[str]:
    """Return topics with another indicator, or with a card here and none there."""
    return {topic for topic, _ in one.cards.items() ^ other.cards.items()}


def refuse(failures: Sequence[tuple[Case, Set[str]]]) -> None:
    """Fail with one line for each case."""
    if failures:
        lines = (f"{case.place} {case.sentence}: {', '.join(sorted(topics))}" for case, topics in failures)
        pytest.fail("\n  ".join(("these cards should be the same", *lines)), pytrace=False)


# --- with a dose ------------------------------------------------------------------------------------------------------


def lacks_dose(said: Said) -> bool:
    return any(not order.dose.is_entered for order in said.chart.judged("thalidomideAnalogue"))


@each_subject
def test_with_a_dose_both_hooks_say_the_same(subject: str) -> None:
    """Without one, signing asks for it and selecting waits."""
    unlike = [
        (one.case, differing(one.signing, one.selection) - (DOSE_TOPICS if lacks_dose(one.signing) else set()))
        for one in told(subject)
    ]
    refuse([(case, topics) for case, topics in unlike if topics])


# --- before a dose is entered -----------------------------------------------------------------------------------------
# Two things may differ besides the cards about the dose, since they follow from the dose.


def early_limits_of_mds(one: Told) -> frozenset[str]:
    """In the first four weeks of MDS the limits of 10 mg are stricter; an unknown dose counts as 10 mg."""
    course = therapy(one.signing.chart, reader().knowledge)
    if course.profile_key != "mds":
        return frozenset()

    def row(analyte: str, said: Said) -> str:
        return CountLimits(analyte, course, said.chart, reader().knowledge).row

    return frozenset(
        topic for topic, analyte in COUNTS.items() if row(analyte, one.signing) != row(analyte, one.doseless)
    )


def no_longer_beside_a_card_about_the_dose(one: Told) -> frozenset[str]:
    """What a card about the dose made unnecessary is said while that card is quiet."""
    return frozenset(trace.topic for trace in one.signing.evaluation.trace if trace.suppressed_by in DOSE_TOPICS)


FOLLOWS_FROM_THE_DOSE: tuple[Callable[[Told], frozenset[str]], ...] = (
    early_limits_of_mds,
    no_longer_beside_a_card_about_the_dose,
)


@each_subject
def test_before_a_dose_is_entered_no_card_is_about_it(subject: str) -> None:
    loud = [(one.case, DOSE_TOPICS & one.doseless.cards.keys()) for one in told(subject)]
    refuse([(case, topics) for case, topics in loud if topics])


@each_subject
def test_before_a_dose_is_entered_nothing_else_changes(subject: str) -> None:
    unlike = []
    for one in told(subject):
        follows = frozenset[str]().union(*(may(one) for may in FOLLOWS_FROM_THE_DOSE))
        if topics := differing(one.signing, one.doseless) - DOSE_TOPICS - follows:
            unlike.append((one.case, topics))
    refuse(unlike)


@pytest.mark.parametrize(("may", "subject"), list(zip(FOLLOWS_FROM_THE_DOSE, ("counts", "renal"), strict=True)))
def test_each_exception_is_needed(may: Callable[[Told], frozenset[str]], subject: str) -> None:
    assert any((differing(one.signing, one.doseless) - DOSE_TOPICS) & may(one) for one in told(subject))


# --- drafts that are not selected -------------------------------------------------------------------------------------

AFTER_TRANSPLANT = """\
    based_on: maintenanceContinuing
    labs: {anc: "0.9 10*3/uL, 2 days ago"}
    orders:
      - {drug: lenalidomide, strength: 10 mg, dose: 1 capsule, every: day, reason: multipleMyeloma}
"""
WITH_DIGOXIN = """\
    based_on: mmContinuing
    orders:
      - {drug: lenalidomide, strength: 25 mg, dose: 2 capsules, every: day, reason: multipleMyeloma, refills: 3,
         selected: LENALIDOMIDE}
      - {drug: digoxin, dose: 0.125 mg, every: day, selected: DIGOXIN}
    medications: ["lenalidomide 25 mg, active order, today"]
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Said]:
    """Return what is said at order-select about a case given as YAML without its first lines."""

    def run(lines: str) -> Said:
        shutil.copy(CASES_FOLDER / BASE_CHARTS, tmp_path)
        text = f"cases:\n  - case: some drafts are selected\n    hook: order-select\n{lines}    only: true\n"
        (tmp_path / "selection.yaml").write_text(text, "utf-8")
        return said(load_cases(tmp_path)[0])

    return run


def test_an_unselected_draft_counts_as_drafted(read: Callable[[str], Said]) -> None:
    """With dexamethasone among the drafts it is combination treatment, whose limit is 1,000 instead of 500."""
    alone = read(AFTER_TRANSPLANT)
    dexamethasone = "      - {drug: dexamethasone, dose: 20 mg, every: week, selected: false}\n"
    beside = read(AFTER_TRANSPLANT + dexamethasone)
    assert [therapy(one.chart, reader().knowledge).profile_key for one in (alone, beside)] == [
        "mmMaintenance",
        "mmCombination",
    ]
    assert "neutropenia" not in alone.cards
    assert beside.cards["neutropenia"] is Indicator.CRITICAL


@pytest.mark.parametrize(
    ("lenalidomide", "digoxin", "expected"),
    [
        ("true", "false", {"doseExceedsLabel", "remsSupplyLimit", "digoxinMonitoring"}),
        ("false", "true", {"digoxinMonitoring"}),
        ("false", "false", set()),
    ],
)
def test_only_selected_drafts_are_judged(
    read: Callable[[str], Said], lenalidomide: str, digoxin: str, expected: set[str]
) -> None:
    lines = WITH_DIGOXIN.replace("LENALIDOMIDE", lenalidomide).replace("DIGOXIN", digoxin)
    assert read(lines).cards.keys() == expected
