"""All clinical cases as one readable page: what is known of the patient, what must be said, what is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from textwrap import dedent

from cds_hooks.cases.case import BASE_CHARTS, CASES_FOLDER, BaseChart, Case
from cds_hooks.cases.run import run_case
from cds_hooks.cases.verdict import verdict
from cds_hooks.chart.chart import Reader
from cds_hooks.evaluate import indicator_of
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.protocol.cards import summary

_LISTED_BESIDE = ("expect: {", "silent: [", "only: ")
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
h2 { margin-top: 3rem; border-bottom: 2px solid #888; }
article { border-left: 4px solid #bbb; padding: 0 0 0 1rem; margin: 1.6rem 0; }
article.fails { border-color: #c00; }
h3 { margin: 0; font-size: 1.05rem; }
pre { background: #f4f4f2; padding: .6rem; overflow-x: auto; font-size: 13px; }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .15rem .8rem; margin: .4rem 0; }
dt { color: #666; } dd { margin: 0; }
.critical { color: #b00020; font-weight: 600; } .warning { color: #8a5a00; font-weight: 600; }
.info { color: #005a8a; font-weight: 600; } .fails b { color: #c00; }
nav { columns: 3; } nav a { display: block; }
"""


@dataclass(frozen=True, slots=True)
class ToldCase:
    """A case with what the service says today.

    Attributes:
        cards: topic, indicator and summary of each card, most urgent first.
        failures: in words; empty when all is as expected.
    """

    case: Case
    cards: tuple[tuple[str, str, str], ...]
    failures: tuple[str, ...]


def tell(cases: Iterable[Case], reader: Reader) -> tuple[ToldCase, ...]:
    """Run the cases."""
    return tuple(_told(case, reader, reader.knowledge) for case in cases)


def _told(case: Case, reader: Reader, knowledge: Knowledge) -> ToldCase:
    evaluation = run_case(case, reader, knowledge)
    cards = tuple(
        (finding.topic, indicator_of(finding, knowledge).value, summary(finding, knowledge))
        for finding in evaluation.findings
    )
    return ToldCase(case, cards, tuple(verdict(case, evaluation, knowledge)))


def chart_in_words(case: Case) -> str:
    """Return a case as written, without its sentence and what the report lists beside it."""
    _, *lines = dedent(case.source).splitlines()
    return dedent("\n".join(line for line in lines if not line.strip().startswith(_LISTED_BESIDE)))


def base_chart_sources(charts: Mapping[str, BaseChart], folder: Path = CASES_FOLDER) -> dict[str, str]:
    """Return each base chart as written in `base_charts.yaml`."""
    text = (folder / BASE_CHARTS).read_text("utf-8").splitlines()
    starts = [chart.place.line for chart in charts.values()]
    ends = [*(start - 1 for start in starts[1:]), len(text)]
    return {
        name: _without_headings(text[start - 1 : end]) for name, start, end in zip(charts, starts, ends, strict=True)
    }


def _without_headings(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if not line.lstrip().startswith("#")).rstrip()


# --- Markdown ---------------------------------------------------------------------------------------------------------


def case_report_markdown(told: Sequence[ToldCase], bases: Mapping[str, str], knowledge: Knowledge) -> str:
    """Return the report as Markdown."""
    parts = [f"# Clinical cases\n\n{_introduction(told, knowledge)}"]
    for subject, group in _by_subject(told):
        parts.append(f"## {subject}")
        parts += [_case_markdown(one) for one in group]
    parts.append("## Patients the cases start from")
    parts += [f"### {name}\n\n```yaml\n{source}\n```" for name, source in bases.items()]
    return "\n\n".join(parts) + "\n"


def _case_markdown(told: ToldCase) -> str:
    case = told.case
    lines = [f"### {case.sentence}", "", f"```yaml\n{chart_in_words(case)}\n```", ""]
    lines.append(f"* Expected: {_expected(case)}")
    if case.silent or case.only:
        lines.append(f"* Must not appear: {_silent(case)}")
    lines += [f"* Said: **{indicator}** {topic}: {words}" for topic, indicator, words in told.cards]
    if not told.cards:
        lines.append("* Said: nothing")
    lines += [f"* **Fails**: {failure}" for failure in told.failures]
    return "\n".join(lines)


def _introduction(told: Sequence[ToldCase], knowledge: Knowledge) -> str:
    failing = sum(bool(one.failures) for one in told)
    state = "all are as expected" if not failing else f"{failing} are not as expected"
    return (
        f"{len(told)} cases, {state}. Knowledge {knowledge.version}; {knowledge.unverified} of its figures have not yet"
        " been held against the current US label. All cases are judged on Monday 2 March 2026, 12:00 UTC."
    )


def _by_subject(told: Iterable[ToldCase]) -> list[tuple[str, list[ToldCase]]]:
    groups = groupby(told, key=lambda one: one.case.subject)
    return [(subject.replace("_", " ").capitalize(), list(group)) for subject, group in groups]


def _expected(case: Case) -> str:
    expected = ", ".join(f"{topic} ({indicator.value})" for topic, indicator in case.expect.items())
    return expected or "nothing in particular"


def _silent(case: Case) -> str:
    return "anything else" if case.only else ", ".join(case.silent)


# --- HTML -------------------------------------------------------------------------------------------------------------


def case_report_html(told: Sequence[ToldCase], bases: Mapping[str, str], knowledge: Knowledge) -> str:
    """Return the report as one HTML page that needs nothing else."""
    body = [f"<h1>Clinical cases</h1><p>{escape(_introduction(told, knowledge))}</p>", _topic_index(told)]
    for subject, group in _by_subject(told):
        body.append(f"<h2>{escape(subject)}</h2>")
        body += [_case_html(one) for one in group]
    body.append("<h2>Patients the cases start from</h2>")
    body += [
        f'<h3 id="base-{escape(name)}">{escape(name)}</h3><pre>{escape(source)}</pre>' for name, source in bases.items()
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Clinical cases</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _topic_index(told: Sequence[ToldCase]) -> str:
    topics: dict[str, list[ToldCase]] = {}
    for one in told:
        for topic in one.case.expect:
            topics.setdefault(topic, []).append(one)
    entries = (
        f"<details><summary>{escape(topic)} ({len(ones)})</summary>"
        + "".join(f'<a href="#{one.case.patient_id}">{escape(one.case.sentence)}</a>' for one in ones)
        + "</details>"
        for topic, ones in sorted(topics.items())
    )
    return f"<h2>By topic</h2>{''.join(entries)}"


def _case_html(told: ToldCase) -> str:
    case = told.case
    rows = [("Expected", escape(_expected(case)))]
    if case.silent or case.only:
        rows.append(("Must not appear", escape(_silent(case))))
    rows += [
        ("Said", f'<span class="{indicator}">{indicator}</span> {escape(topic)}: {escape(words)}')
        for topic, indicator, words in told.cards
    ] or [("Said", "nothing")]
    rows += [("Fails", f"<b>{escape(failure)}</b>") for failure in told.failures]
    if case.based_on:
        rows.append(("Patient", f'<a href="#base-{escape(case.based_on)}">{escape(case.based_on)}</a>'))
    listed = "".join(f"<dt>{name}</dt><dd>{content}</dd>" for name, content in rows)
    return (
        f'<article id="{case.patient_id}"{" class=fails" if told.failures else ""}><h3>{escape(case.sentence)}</h3>'
        f"<pre>{escape(chart_in_words(case))}</pre><dl>{listed}</dl></article>"
    )
