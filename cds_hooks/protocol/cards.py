"""From findings to CDS Hooks cards.

The layout of a card is the same for every topic, so that a clinician finds things where they were last time: what
was found, the inputs with date and resource, the limit that decided, the options, and where all this comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from cds_hooks.evaluate import indicator_of
from cds_hooks.findings import Fact, Finding
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.schema import Document, OverrideReasonFile, Source
from cds_hooks.markdown import escape
from cds_hooks.protocol.client_profile import CardOptions
from cds_hooks.protocol.suggestions import MAXIMUM, suggestion_json

SUMMARY_LIMIT = 140
"""CDS Hooks demands a summary of fewer characters than this."""


def cards(
    findings: Iterable[Finding],
    knowledge: Knowledge,
    options: CardOptions,
    *,
    patient_id: str,
    user_id: str,
    service_version: str,
    new_uuid: Callable[[], str],
) -> list[dict[str, Any]]:
    """Render findings, in their order, as the card array of a CDS Hooks response.

    Args:
        findings: what to show, most urgent first.
        knowledge: wording, sources, override reasons.
        options: what the client can do and wants.
        patient_id: patient of the call, for suggested orders.
        user_id: `Practitioner/…` of the call, "" when unknown.
        service_version: version of this program, stated on the card.
        new_uuid: source of random UUIDs.
    """
    return [
        _card(finding, knowledge, options, patient_id, user_id, service_version, new_uuid)
        for finding in findings
        if finding.topic not in options.disabled_topics
    ]


def _card(
    finding: Finding,
    knowledge: Knowledge,
    options: CardOptions,
    patient_id: str,
    user_id: str,
    service_version: str,
    new_uuid: Callable[[], str],
) -> dict[str, Any]:
    topic = knowledge.topics[finding.topic]
    reasons = knowledge.override_reasons
    document = knowledge.documents[topic.guidance.document]
    card: dict[str, Any] = {
        "uuid": new_uuid(),
        "summary": summary(finding, knowledge),
        "detail": detail(finding, knowledge, service_version),
        "indicator": indicator_of(finding, knowledge).value,
        "source": {
            "label": f"{document.title}, {topic.guidance.section}",
            **({"url": document.url} if document.url else {}),
            "topic": {"system": reasons.topic_system, "code": finding.topic, "display": topic.title},
        },
        "overrideReasons": [
            _override_reason(code, reasons, options)
            for code in dict.fromkeys((*topic.override_reasons, *reasons.common))
        ],
    }
    suggestions = [
        json
        for suggestion in finding.suggestions
        if (
            json := suggestion_json(
                suggestion, knowledge, options, patient_id=patient_id, user_id=user_id, new_uuid=new_uuid
            )
        )
    ][:MAXIMUM]
    if suggestions:
        card["suggestions"] = suggestions
        card["selectionBehavior"] = options.profile.selection_behavior
    return card


def _override_reason(code: str, reasons: OverrideReasonFile, options: CardOptions) -> dict[str, str]:
    system, mapped = options.override_code_map.get(code, ("", code))
    return {"system": system or reasons.system, "code": mapped, "display": reasons.reasons[code].display}


def summary(finding: Finding, knowledge: Knowledge) -> str:
    """Return the one sentence of the card, shorter than 140 characters."""
    text = " ".join(
        knowledge.topics[finding.topic].variants[finding.variant].summary.format_map(finding.values).split()
    )
    return text if len(text) < SUMMARY_LIMIT else text[: SUMMARY_LIMIT - 2].rstrip() + "…"


def detail(finding: Finding, knowledge: Knowledge, service_version: str) -> str:
    """Return the Markdown of the card (GitHub flavoured, no HTML): finding, inputs, limits, options, sources."""
    topic = knowledge.topics[finding.topic]
    variant = topic.variants[finding.variant]
    headings, sentences = knowledge.phrases.headings, knowledge.phrases.sentences
    values = {key: value if key == "list" else escape(value) for key, value in finding.values.items()}
    parts = [variant.detail.format_map(values).strip()]
    if finding.facts:
        parts.append(f"**{headings['inputs']}**\n\n" + "\n".join(map(_fact_line, finding.facts)))
    if finding.basis:
        lines = [
            f"* {escape(basis.meaning)}: {escape(basis.limit)} ({_cite(basis.source, knowledge)})"
            + ("" if basis.verified else f". {sentences['unverified']}")
            for basis in dict.fromkeys(finding.basis)
        ]
        parts.append(f"**{headings['limits']}**\n\n" + "\n".join(lines))
    choices = [option.format_map(values).strip() for option in variant.options]
    choices += map(escape, finding.options)
    choices.append(sentences["continue"])
    parts.append(f"**{headings['options']}**\n\n* " + "\n* ".join(choices))
    basis_line = sentences["basis"].format(
        source=_cite(topic.guidance, knowledge),
        revision=knowledge.documents[topic.guidance.document].revision,
        strength=sentences[f"strength_{topic.strength}"],
        knowledge=knowledge.version,
        service=service_version,
    )
    parts.append(f"**{headings['basis']}**\n\n{basis_line}" + (f"\n\n{topic.limits.strip()}" if topic.limits else ""))
    return "\n\n".join(parts)


def _fact_line(fact: Fact) -> str:
    extras = [escape(extra) for extra in (fact.when, fact.note) if extra]
    if fact.reference:
        extras.append(f"`{fact.reference.replace('`', '')}`")
    return f"* {escape(fact.label)}: {escape(fact.value)}" + (f" ({', '.join(extras)})" if extras else "")


def _cite(source: Source, knowledge: Knowledge) -> str:
    return _citation(knowledge.documents[source.document], source.section)


@lru_cache(maxsize=1024)
def _citation(document: Document, section: str) -> str:
    title = f"[{escape(document.title)}]({document.url})" if document.url else escape(document.title)
    return f"{title}, {escape(section)}"
