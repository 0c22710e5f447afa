"""IMPEDE-VTE and SAVED: totals, classes and observed rates, in words for a card (`clinical.md` E.3, E.4, E.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from cds_hooks.findings import Basis, Fact
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.scores import ObservedRate, Score, ScoreClass
from cds_hooks.markdown import escape
from cds_hooks.rules.thrombosis_factors import Factor, Presence


class ScoreResult(Struct, frozen=True):
    """A score computed for a patient.

    Attributes:
        score: the score.
        totals: total by published table; the tables differ in some points.
        risk: class of the highest total, which decides, since it is the one that leaves no risk out.
        without_ancestry: the same without the ancestry term, None when the term did not apply.
        with_ancestry: the same as it would be for Asian ancestry, None unless the ancestry is not known.
    """

    score: Score
    totals: Mapping[str, int]
    risk: ScoreClass
    without_ancestry: Mapping[str, int] | None
    with_ancestry: Mapping[str, int] | None

    def __str__(self) -> str:
        return f"{totals_in_words(self.totals)} ({self.risk.name})"


def signed(points: int) -> str:
    """Return points with their sign: "+4", "−3", "0"."""
    return f"+{points}" if points > 0 else number(points)


def number(value: int) -> str:
    """Return a number with a typographic minus."""
    return f"−{-value}" if value < 0 else str(value)


def totals_in_words(totals: Mapping[str, int]) -> str:
    """Return the different totals, the highest first: "10 or 9"."""
    return " or ".join(number(total) for total in sorted(set(totals.values()), reverse=True))


def compute(score: Score, factors: Iterable[Factor]) -> ScoreResult:
    """Add up the points of the factors that are present."""
    factors = tuple(factors)
    present = [item for factor in factors if factor.presence is Presence.PRESENT for item in factor.items]
    items = [score.items[item] for item in present if item in score.items]

    def totals(*, ancestry: bool, extra: Sequence[str] = ()) -> dict[str, int]:
        counted = [item for item in items if ancestry or not item.ancestry] + [score.items[key] for key in extra]
        return {reading: sum([item.points_in(reading) for item in counted]) for reading in score.readings}

    with_term = totals(ancestry=True)
    terms = [key for key, item in score.items.items() if item.ancestry]
    unknown = any(factor.presence is Presence.UNKNOWN and terms[0] in factor.items for factor in factors)
    applied = any(item.ancestry for item in items)
    return ScoreResult(
        score,
        with_term,
        score.class_of(max(with_term.values())),
        totals(ancestry=False) if applied else None,
        totals(ancestry=True, extra=terms[:1]) if unknown else None,
    )


def result_line(result: ScoreResult, knowledge: Knowledge) -> str:
    """Return total, class, observed rates and what else to know, as one line of Markdown."""
    sentences, risk = knowledge.phrases.sentences, result.risk
    score = result.score
    parts = [
        sentences["thrombosis_score"].format(
            name=score.name,
            total=totals_in_words(result.totals),
            risk=risk.name,
            range=str(risk),
            rates=_rates(risk, knowledge),
            version=escape(score.version),
            population=score.population,
        )
    ]
    if len(set(result.totals.values())) > 1:
        tables = ", ".join(
            f"{number(total)} ({score.readings[reading].name}, {score.class_of(total).name})"
            for reading, total in result.totals.items()
        )
        parts.append(sentences["thrombosis_tablesDiffer"].format(tables=tables))
    if result.without_ancestry is not None:
        total = _with_class(score, result.without_ancestry)
        parts.append(sentences["thrombosis_withoutAncestry"].format(total=total))
    if result.with_ancestry is not None:
        total = _with_class(score, result.with_ancestry)
        parts.append(sentences["thrombosis_ancestryUnknown"].format(total=total))
    return f"* {' '.join(parts)}"


def _with_class(score: Score, totals: Mapping[str, int]) -> str:
    return f"{totals_in_words(totals)} ({score.class_of(max(totals.values())).name})"


def _rates(risk: ScoreClass, knowledge: Knowledge) -> str:
    """Return the observed rates by cohort: "7 % within 6 months and 10 % within 12 months (derivation)"."""
    cohorts = dict.fromkeys(rate.cohort for rate in risk.observed)
    return "; ".join(
        " and ".join(_rate(rate, knowledge) for rate in risk.observed if rate.cohort == cohort) + f" ({cohort})"
        for cohort in cohorts
    )


def _rate(rate: ObservedRate, knowledge: Knowledge) -> str:
    return knowledge.phrases.sentences["thrombosis_rate"].format(percent=f"{rate.percent:g}", months=rate.months)


def score_basis(results: Iterable[ScoreResult], knowledge: Knowledge) -> tuple[Basis, ...]:
    """Return where points, classes and observed rates of the scores stand."""
    sentences, rows = knowledge.phrases.sentences, []
    for result in results:
        score, risk = result.score, result.risk
        verified = all(item.verified for item in score.items.values())
        points = sentences["thrombosis_basisPoints"].format(name=score.name, risk=risk.name)
        rows += [Basis(points, str(risk), reading.source, verified) for reading in score.readings.values()]
        for cohort in dict.fromkeys(rate.cohort for rate in risk.observed):
            observed = [rate for rate in risk.observed if rate.cohort == cohort]
            words = " and ".join(_rate(rate, knowledge) for rate in observed)
            meaning = sentences["thrombosis_basisRates"].format(name=score.name, risk=risk.name, cohort=cohort)
            rows.append(Basis(meaning, words, observed[0].source, verified=True))
    return tuple(rows)


def factor_facts(factors: Sequence[Factor], results: Sequence[ScoreResult], knowledge: Knowledge) -> tuple[Fact, ...]:
    """Return one line per component with value, date and points; what was not found shares one line."""
    sentences = knowledge.phrases.sentences
    scores = [result.score for result in results]
    facts = [_fact(factor, scores, knowledge) for factor in factors if factor.presence is not Presence.NOT_FOUND]
    missing = [_label(factor, scores) for factor in factors if factor.presence is Presence.NOT_FOUND]
    if missing:
        facts.append(Fact(sentences["thrombosis_notFound"], "; ".join(missing)))
    return tuple(facts)


def _fact(factor: Factor, scores: Sequence[Score], knowledge: Knowledge) -> Fact:
    sentences = knowledge.phrases.sentences
    points = [
        f"{score.name} {_points(score, factor) if factor.presence is Presence.PRESENT else '0'}"
        for score in scores
        if not score.items.keys().isdisjoint(factor.items)
    ]
    note = factor.note
    if factor.presence is Presence.UNKNOWN:
        note = "; ".join(filter(None, (note, sentences["thrombosis_notCounted"])))
    label = _label(factor, scores)
    value = f"{factor.value}; {', '.join(points)}"
    return Fact(label[:1].upper() + label[1:], value, factor.when, factor.reference, note)


def _points(score: Score, factor: Factor) -> str:
    """Return the points of a factor in a score; both values where the tables differ."""
    items = [score.items[key] for key in factor.items if key in score.items]
    by_table = {sum([item.points_in(reading) for item in items]) for reading in score.readings}
    return " or ".join(map(signed, sorted(by_table)))


def _label(factor: Factor, scores: Sequence[Score]) -> str:
    """Return what a factor is: its own label, else that of the first score that has it."""
    if factor.label:
        return factor.label
    item = factor.items[0]
    return next(score.items[item].label for score in scores if item in score.items)
