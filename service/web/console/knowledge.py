"""The knowledge as pharmacists read it: topics, figures, codes, documents."""

from __future__ import annotations

import inspect
import re
from functools import cache

from flask import Blueprint, Response, request
from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound

from cds_hooks.data_needs import Scope
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Source
from cds_hooks.knowledge.terminology import Drug, DrugClass
from cds_hooks.rules import RULES, Rule
from cds_hooks.topic_needs import topic_needs
from service.reports.codes import code_rows, code_sets
from service.reports.numbers import Number, numbers
from service.reports.topic_uses import TopicUses, topic_uses, topics_of_figures
from service.web.console.cases import cases, cases_by_topic
from service.web.pages.rendering import page
from service.wiring import Services

_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)\}")
_BREAK = re.compile(r"(?<!\n)\n(?!\n)")
_URGENCY = ("critical", "warning", "info")
_SCOPES = {
    Scope.LENALIDOMIDE: "lenalidomide",
    Scope.ANALOGUE: "thalidomide, pomalidomide",
    Scope.PARTNER: "a partner drug",
}


def register_knowledge(blueprint: Blueprint, services: Services) -> None:
    """Add the pages."""
    reader = services.order_check.reader
    knowledge = reader.knowledge
    rules = {rule.topic: rule for rule in RULES}
    rows = numbers(knowledge)
    waiting = sum(row.verified is False for row in rows)
    users = topics_of_figures()
    sets = code_sets(knowledge)

    @blueprint.get("/knowledge/")
    def topics() -> Response:
        return page(
            "console/knowledge/topics.html",
            topics=knowledge.topics,
            indicators=_indicators(knowledge),
            scopes={topic: _scopes(rule) for topic, rule in rules.items()},
            unverified={topic: _unverified(knowledge, uses) for topic, uses in topic_uses().items()},
            cases=cases_by_topic(),
            waiting=waiting,
            version=knowledge.version,
        )

    @blueprint.get("/knowledge/topics/<topic>")
    def topic(topic: str) -> Response:
        if (one := knowledge.topics.get(topic)) is None:
            raise NotFound
        uses = topic_uses().get(topic, TopicUses())
        rule = rules.get(topic)
        return page(
            "console/knowledge/topic.html",
            code=topic,
            topic=one,
            rule=_about(rule) if rule else "",
            scopes=_scopes(rule) if rule else (),
            guidance=_cited(knowledge, one.guidance),
            statements=[(key, knowledge.statements[key]) for key in one.statements],
            needs=[need for need in reader.needs.values() if need.key in topic_needs().get(topic, ())],
            figures=[row for row in rows if row.key in uses.figures],
            users=users,
            suggestions=[_suggestion(knowledge, word) for word in uses.suggestions],
            reasons=_reasons(knowledge, one.override_reasons),
            suppresses=_titled(knowledge, one.suppresses),
            cases=cases_by_topic().get(topic, ()),
            titled=lambda codes: _titled(knowledge, codes),
            wording=marked,
        )

    @blueprint.get("/knowledge/figures")
    def figures() -> Response:
        only_unverified = request.args.get("show") == "unverified"
        shown = [row for row in rows if row.verified is False or not only_unverified]
        return page(
            "console/knowledge/figures.html",
            groups=_by_file(shown),
            users=users,
            titles={key: one.title for key, one in knowledge.topics.items()},
            only_unverified=only_unverified,
            shown=len(shown),
            all=len(rows),
            unverified=waiting,
        )

    @blueprint.get("/knowledge/codes/")
    def codes() -> Response:
        kinds: dict[str, list[tuple[str, str, int]]] = {}
        for key, (kind, entry) in sets.items():
            count = sum(1 for _ in code_rows(entry, _members(knowledge, key, entry)))
            kinds.setdefault(kind, []).append((key, getattr(entry, "name", "") or key, count))
        return page("console/knowledge/codes.html", kinds=kinds)

    @blueprint.get("/knowledge/codes/<key>")
    def code_set(key: str) -> Response:
        if key not in sets:
            raise NotFound
        kind, entry = sets[key]
        members = _members(knowledge, key, entry)
        return page(
            "console/knowledge/code_set.html",
            key=key,
            kind=kind,
            name=getattr(entry, "name", "") or key,
            rows=[row for row in code_rows(entry, members) if row.system != "drug"],
            members={drug: knowledge.drugs[drug].name for drug in members},
        )

    @blueprint.get("/knowledge/documents")
    def documents() -> Response:
        return page("console/knowledge/documents.html", documents=knowledge.documents, knowledge=knowledge)

    @blueprint.get("/knowledge/cases")
    def all_cases() -> Response:
        subject = request.args.get("subject", "")
        subjects = list(dict.fromkeys(case.subject for case in cases()))
        if subject not in subjects:
            subject = subjects[0]
        return page(
            "console/knowledge/cases.html",
            subjects=subjects,
            subject=subject,
            cases=[case for case in cases() if case.subject == subject],
            all=len(cases()),
            titles={key: one.title for key, one in knowledge.topics.items()},
        )


@cache
def marked(text: str) -> Markup:
    """Return wording with its placeholders marked, paragraphs apart."""
    return Markup("").join(
        Markup("<p>{}</p>").format(_with_marks(paragraph)) for paragraph in text.split("\n\n") if paragraph.strip()
    )


def _with_marks(text: str) -> Markup:
    marks = _PLACEHOLDER.sub(r'<var class="slot">\1</var>', str(escape(text)))
    return Markup(marks)  # noqa: S704  escaped above; the marks hold plain names


def _indicators(knowledge: Knowledge) -> dict[str, list[str]]:
    """Return topic → the indicators of its wordings, most urgent first."""
    found = {key: {variant.indicator for variant in topic.variants.values()} for key, topic in knowledge.topics.items()}
    return {key: [word for word in _URGENCY if word in words] for key, words in found.items()}


def _about(rule: Rule) -> str:
    """Return what a rule says of itself, each paragraph on one line."""
    return _BREAK.sub(" ", inspect.getdoc(rule.judge) or "")


def _scopes(rule: Rule) -> tuple[str, ...]:
    return tuple(words for scope, words in _SCOPES.items() if scope in rule.scopes)


def _unverified(knowledge: Knowledge, uses: TopicUses) -> int:
    return len([key for key in uses.figures if key in knowledge.figures and not knowledge.figures[key].verified])


def _cited(knowledge: Knowledge, source: Source) -> dict[str, str]:
    document = knowledge.documents[source.document]
    return {
        "title": document.title,
        "section": source.section,
        "revision": document.revision,
        "url": document.url or "",
    }


def _suggestion(knowledge: Knowledge, word: str) -> str:
    if word in knowledge.orderables:
        return knowledge.orderables[word].label
    if word in knowledge.orderable_medications:
        return knowledge.orderable_medications[word].label
    return word.capitalize()


def _reasons(knowledge: Knowledge, own: tuple[str, ...]) -> list[str]:
    reasons = knowledge.override_reasons
    return [reasons.reasons[code].display for code in dict.fromkeys((*own, *reasons.common))]


def _titled(knowledge: Knowledge, codes: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(code, knowledge.topics[code].title) for code in codes]


def _by_file(rows: list[Number]) -> dict[str, list[Number]]:
    groups: dict[str, list[Number]] = {}
    for row in rows:
        groups.setdefault(row.place.partition(":")[0], []).append(row)
    return groups


def _members(knowledge: Knowledge, key: str, entry: object) -> dict[str, Drug]:
    if not isinstance(entry, DrugClass):
        return {}
    return {name: drug for name, drug in knowledge.drugs.items() if key in drug.classes}
