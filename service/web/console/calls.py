"""The latest calls, and of each what every rule answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from service.reports.recent_calls import RecentCall, call_by_id, recent_calls
from service.reports.usage import clients
from service.web.console.words import OUTCOMES, RESULTS, outcome_words, reason_words, source_words, topic_title
from service.web.pages.rendering import page, relative_url_for
from service.wiring import Services

_ON_A_PAGE = 50
_URGENCY = ("critical", "warning", "info")
_RESULT_ORDER = tuple(RESULTS)


def register_calls(blueprint: Blueprint, services: Services) -> None:
    """Add the pages."""
    knowledge = services.order_check.reader.knowledge
    titles = {need.key: need.title for need in services.order_check.reader.needs.values()}
    words: dict[str, Any] = {
        "title_of": lambda topic: topic_title(topic, knowledge),
        "need_title": lambda need: titles.get(need, need),
        "outcome_words": outcome_words,
        "source_words": source_words,
        "reason_words": lambda reason: reason_words(reason, knowledge),
    }

    @blueprint.get("/calls/")
    def calls() -> Response:
        wanted = {name: request.args.get(name, "") for name in ("client", "outcome", "topic")}
        with services.database.reading() as connection:
            found = recent_calls(connection, limit=_ON_A_PAGE + 1, before=_before(), **wanted)
            names = clients(connection)
        shown, more = found[:_ON_A_PAGE], len(found) > _ON_A_PAGE
        older = _older(shown[-1], wanted) if more else ""
        return page(
            "console/calls.html",
            calls=shown,
            topics_of=_most_urgent_first,
            older=older,
            is_first=not request.args.get("before"),
            wanted=wanted,
            clients=names,
            outcomes=OUTCOMES,
            topics=sorted(knowledge.topics.items(), key=lambda item: item[1].title),
            **words,
        )

    @blueprint.get("/calls/<call_id>")
    def call(call_id: str) -> Response:
        with services.database.reading() as connection:
            one = call_by_id(connection, call_id)
        if one is None:
            raise NotFound
        rules = sorted(one.rules, key=lambda rule: _rank(rule.result))
        answers: dict[str, list[str]] = {}
        for response in one.responses:
            reason = f": {reason_words(response.reason, knowledge)}" if response.outcome == "overridden" else ""
            answers.setdefault(response.card, []).append(response.outcome + reason)
        return page(
            "console/call.html",
            call=one,
            topics=_most_urgent_first(one),
            answers=answers,
            rules=rules,
            results=RESULTS,
            known=knowledge.topics,
            is_present_knowledge=one.knowledge_hash == knowledge.hash,
            **words,
        )


def _most_urgent_first(call: RecentCall) -> list[tuple[str, str]]:
    return sorted(call.topics.items(), key=lambda item: _URGENCY.index(item[1]) if item[1] in _URGENCY else 0)


def _rank(result: str) -> int:
    return _RESULT_ORDER.index(result) if result in _RESULT_ORDER else 0


def _older(last: RecentCall, wanted: dict[str, str]) -> str:
    values = {name: value for name, value in wanted.items() if value}
    return relative_url_for("console.calls", before=f"{last.time.isoformat()},{last.id}", **values)


def _before() -> tuple[datetime, str] | None:
    """Return time and id of the last call of the page before; None if the address names none that can be read."""
    time, _, call_id = request.args.get("before", "").partition(",")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (moment, call_id) if moment.tzinfo is not None else None
