"""The grammar of the phrases: what can be written can be read back, and what cannot be read is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.cases import phrases
from cds_hooks.cases.lab_phrases import (
    LAB_STATUSES,
    FreeText,
    LabPhrase,
    Measured,
    NoValue,
    parse_lab,
)
from cds_hooks.cases.moment import NOW, Moment, PhraseError, find_moment, parse_moment
from cds_hooks.cases.pieces import CODE_SYSTEMS, Amount, Every, Subject, parse_every, parse_subject
from cds_hooks.chart.when import parse_when

counts = st.integers(0, 4000)
clocks = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
units = st.sampled_from(["hour", "day", "week", "month", "year"])
keys = st.from_regex(r"[a-z][A-Za-z0-9]{2,12}", fullmatch=True).filter(lambda key: find_moment(key) is None)
numbers = st.from_regex(r"[1-9][0-9]{0,3}(\.[0-9]{1,3})?", fullmatch=True)
quotable = st.text(st.characters(exclude_characters='"', exclude_categories=["C", "Z"]), min_size=1)
moments = st.one_of(
    st.sampled_from(["today", "yesterday", "now", "no date", "2026-01-31", "2025-12", "2026-01-31T08:00:00Z"]),
    st.builds("{} days ago".format, counts),
    st.builds("{} days ago at {}".format, counts, clocks),
    st.builds("in {} days".format, counts),
    st.builds("{} hours ago".format, counts),
    st.builds("{} months ago".format, st.integers(0, 1000)),
).map(parse_moment)
maybe_moments = st.none() | moments
codes = st.builds(
    Subject, system=st.sampled_from(CODE_SYSTEMS), code=st.from_regex(r"[A-Z0-9][A-Z0-9.-]{0,8}", fullmatch=True)
)
subjects = st.builds(Subject, key=keys) | st.builds(Subject, name=quotable) | codes
drugs = st.builds(Subject, key=keys, strength=st.just("") | numbers) | st.builds(Subject, name=quotable)
grades = st.sampled_from(["", *"12345"])
severities = st.sampled_from(["", *phrases.SEVERITIES])


class TestMoment:
    @given(counts)
    def test_days_are_calendar_days(self, days: int) -> None:
        moment = parse_moment(f"{days} days ago")
        assert date.fromisoformat(moment.fhir) == NOW.date() - timedelta(days=days)
        when = parse_when(moment.fhir)
        assert when is not None
        assert (when.days_before(NOW), when.has_time) == (days, False)

    @given(counts)
    def test_hours_are_exact(self, hours: int) -> None:
        assert datetime.fromisoformat(parse_moment(f"{hours} hours ago").fhir) == NOW - timedelta(hours=hours)

    @given(counts, clocks)
    def test_a_clock_makes_a_time_of_a_day(self, days: int, clock: str) -> None:
        assert parse_moment(f"{days} days ago at {clock}").fhir.endswith(f"T{clock}:00Z")

    @given(moments)
    def test_what_was_written_is_read_back(self, moment: Moment) -> None:
        assert parse_moment(str(moment)) == moment

    @pytest.mark.parametrize(
        ("words", "fhir"),
        [
            ("today", "2026-03-02"),
            ("yesterday", "2026-03-01"),
            ("now", "2026-03-02T12:00:00Z"),
            ("3 hours ago", "2026-03-02T09:00:00Z"),
            ("1 day ago", "2026-03-01"),
            ("12 days ago at 08:00", "2026-02-18T08:00:00Z"),
            ("3 weeks ago", "2026-02-09"),
            ("23 months ago", "2024-04-02"),
            ("32 years ago", "1994-03-02"),
            ("in 60 days", "2026-05-01"),
            ("in 11 months", "2027-02-02"),
            ("no date", ""),
            ("2026-01-31", "2026-01-31"),
        ],
    )
    def test_the_forms(self, words: str, fhir: str) -> None:
        assert parse_moment(words).fhir == fhir

    @pytest.mark.parametrize(
        "words",
        ["", "soon", "12 days", "-3 days ago", "12 days ago at 24:00", "3 hours ago at 08:00", "2026", "2026-02-30",
         "no date at 08:00", "9999 years ago", "12  days ago"],
    )  # fmt: skip
    def test_anything_else_is_refused(self, words: str) -> None:
        with pytest.raises(PhraseError, match="is not a point in time"):
            parse_moment(words)


@given(subjects)
def test_a_subject_is_read_back(subject: Subject) -> None:
    assert parse_subject(str(subject)) == subject


@given(st.builds(Every, st.integers(1, 90), st.sampled_from(["hour", "day", "week", "month"])))
def test_an_interval_is_read_back(every: Every) -> None:
    assert parse_every(str(every)) == every


series = st.builds(
    lambda step, turns, last: phrases.Series(step, last + step * turns, last),
    st.integers(1, 90),
    st.integers(0, 12),
    counts,
)
amounts = st.none() | st.builds(Amount, numbers, st.sampled_from(["mg", "capsules", "mL"]))


@st.composite
def medications(draw: st.DrawFn) -> phrases.MedicationPhrase:
    kind = draw(st.sampled_from(list(phrases.MEDICATION_STATUSES)))
    repeated = draw(st.booleans())
    amount = draw(amounts)
    return phrases.MedicationPhrase(
        drug=draw(drugs),
        status=draw(st.sampled_from(phrases.MEDICATION_STATUSES[kind])),
        kind=kind,
        when=None if repeated else draw(maybe_moments),
        series=draw(series) if repeated else None,
        until=draw(maybe_moments),
        amount=amount,
        every=Every(draw(st.integers(1, 90)), "day") if amount else None,
        sig=draw(st.just("") | quotable),
        route=draw(st.just("") | quotable),
    )


@given(medications())
def test_a_medication_is_read_back(phrase: phrases.MedicationPhrase) -> None:
    assert phrases.parse_medication(str(phrase)) == phrase


@given(
    st.builds(
        phrases.ConditionPhrase,
        condition=subjects,
        clinical=st.sampled_from(phrases.CLINICAL_STATUSES),
        verification=st.sampled_from(["", *phrases.VERIFICATION_STATUSES]),
        when=maybe_moments,
        recorded=maybe_moments,
        severity=severities,
        grade=grades,
    )
)
def test_a_condition_is_read_back(phrase: phrases.ConditionPhrase) -> None:
    assert phrases.parse_condition(str(phrase)) == phrase


@given(
    st.builds(
        phrases.ProcedurePhrase,
        procedure=subjects,
        status=st.sampled_from(phrases.PROCEDURE_STATUSES),
        when=maybe_moments,
    )
)
def test_a_procedure_is_read_back(phrase: phrases.ProcedurePhrase) -> None:
    assert phrases.parse_procedure(str(phrase)) == phrase


culprits = st.none() | subjects.filter(lambda subject: subject.key != "none")
manifestations = subjects.filter(lambda subject: subject.key not in ("active", "inactive", "resolved", "refuted"))


@given(
    st.builds(
        phrases.ReactionPhrase,
        drug=culprits,
        reaction=manifestations,
        severity=severities,
        grade=grades,
        criticality=st.sampled_from(["", "low", "high"]),
        status=st.sampled_from(["", "active", "resolved", "refuted"]),
        when=maybe_moments,
    )
    | st.builds(
        phrases.ReactionPhrase,
        drug=culprits,
        reaction=manifestations,
        severity=severities,
        grade=grades,
        adverse_event=st.just(True),
        when=maybe_moments,
    )
)
def test_a_reaction_is_read_back(phrase: phrases.ReactionPhrase) -> None:
    assert phrases.parse_reaction(str(phrase)) == phrase


@given(st.builds(phrases.StudyPhrase, status=st.sampled_from(list(phrases.STUDY_STATUSES)), when=maybe_moments))
def test_a_study_is_read_back(phrase: phrases.StudyPhrase) -> None:
    assert phrases.parse_study(str(phrase)) == phrase


lab_units = st.sampled_from(["", "U/L", "10*3/uL", "µkat/L", "cu mm"])
values = st.one_of(
    st.builds(Measured, numbers, lab_units, st.sampled_from(["", "<", ">="])),
    st.builds(FreeText, quotable),
    st.just(NoValue()),
    subjects,
    moments,
)


@given(
    st.builds(
        LabPhrase,
        analyte=st.just("alt"),
        value=values,
        when=moments,
        status=st.sampled_from(LAB_STATUSES),
        upper_limit=st.just("") | numbers,
        lower_limit=st.just("") | numbers,
        loinc=st.sampled_from(["", "1742-6"]),
        specimen=st.sampled_from(["", "A"]),
        interpretation=st.sampled_from(["", "H", "POS"]),
    )
)
def test_a_result_is_read_back(phrase: LabPhrase) -> None:
    assert parse_lab("alt", str(phrase)) == phrase


def alt(phrase: str) -> LabPhrase:
    return parse_lab("alt", phrase)


SERIES = "every 28 days from {} days ago to {} days ago"


@pytest.mark.parametrize(
    ("parse", "phrase", "problem"),
    [
        (phrases.parse_medication, "lenalidomide, active, today", "does not say what kind of record it is"),
        (phrases.parse_medication, "lenalidomide, finished order", "'finished' is not a FHIR status"),
        (phrases.parse_medication, "lenalidomide, completed orders, today", "several records need"),
        (phrases.parse_medication, f"lenalidomide, completed order, {SERIES.format(56, 28)}", "a single one must not"),
        (phrases.parse_medication, f"lenalidomide, completed orders, {SERIES.format(28, 56)}", "from the older day"),
        (phrases.parse_medication, "lenalidomide, active order, tomorrow", "'tomorrow' is not understood; the form is"),
        (phrases.parse_medication, 'lenalidomide, active order, sig "open', "a double quote is left open"),
        (phrases.parse_medication, "lenalidomide,, active order", "a piece is empty"),
        (phrases.parse_condition, "multipleMyeloma, 400 days ago", "neither a clinical nor a verification status"),
        (phrases.parse_condition, "multipleMyeloma, activ", "neither a clinical nor a verification status"),
        (phrases.parse_condition, "ICD10 C90.0, active", "neither a key, nor a code"),
        (phrases.parse_procedure, "hysterectomy, done", "'done' is not understood"),
        (phrases.parse_reaction, "thalidomide, severe", "does not say which reaction it was"),
        (phrases.parse_reaction, "thalidomide, rash, sever", "'sever' is not understood"),
        (phrases.parse_reaction, "thalidomide, rash, adverse event, refuted", "only an allergy has"),
        (phrases.parse_study, "running", "'running' is not a status of a ResearchSubject"),
        (alt, "121 U/L", "does not say when"),
        (alt, "121 U/L, last week", "does not say when"),
        (alt, "121 U/L, today, prelim", "'prelim' is not understood"),
        (alt, "in 60 days, 5 days ago", 'does not say "recorded <when>"'),
        (alt, "?, today", r"'\?' is not a value"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(parse: Callable[[str], object], phrase: str, problem: str) -> None:
    with pytest.raises(PhraseError, match=problem):
        parse(phrase)
