"""Whether what clients ask for exists: topics, override reasons, orders and prefetch keys, held against the knowledge.

A misspelt topic would go on being shown, and a misspelt alias would have data fetched again and again, without anybody
noticing; so the service does not start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from cds_hooks.chart.chart import Reader
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.rules.incomplete import TOPIC as INCOMPLETE
from service.auth.clients import Client
from service.config import ConfigurationError

_MOST_NEAR = 3


def check_clients(clients: Iterable[Client], reader: Reader) -> list[tuple[str, str]]:
    """Check the clients of the configuration.

    Args:
        clients: all of them.
        reader: knowledge and data needs of this service.

    Returns:
        name of a client and what an administrator should know of it although the service starts.

    Raises:
        ConfigurationError: something that is named does not exist, or must not be switched off.
    """
    clients = {client.name: client for client in clients}.values()
    problems = [f"client '{client.name}': {problem}" for client in clients for problem in _problems(client, reader)]
    if problems:
        raise ConfigurationError(*problems)
    return [(client.name, remark) for client in clients for remark in _remarks(client, reader.knowledge)]


def _problems(client: Client, reader: Reader) -> Iterator[str]:
    knowledge = reader.knowledge
    orders = (*knowledge.orderables, *knowledge.orderable_medications)
    for key, named, existing in (
        ("disabled_topics", client.disabled_topics, knowledge.topics),
        ("override_code_map", client.override_code_map, knowledge.override_reasons.reasons),
        ("action_code_map", client.action_code_map, orders),
        ("prefetch_aliases", client.prefetch_aliases, reader.needs),
    ):
        for name in named:
            if name not in existing:
                yield f"{key}: there is no '{name}'{_near(name, existing)}"
    if INCOMPLETE in client.disabled_topics:
        yield f"disabled_topics: '{INCOMPLETE}' tells what could not be checked and cannot be switched off"


def _near(name: str, existing: Collection[str]) -> str:
    """Return names that may have been meant, in words."""
    lower = {one.lower(): one for one in existing}
    near = [lower[one] for one in get_close_matches(name.lower(), lower, n=_MOST_NEAR)]
    if near:
        return "; did you mean " + " or ".join(f"'{one}'" for one in near) + "?"
    return "; there are " + ", ".join(sorted(existing))


def _remarks(client: Client, knowledge: Knowledge) -> Iterator[str]:
    critical = [
        topic
        for topic in client.disabled_topics
        if any(variant.indicator == "critical" for variant in knowledge.topics[topic].variants.values())
    ]
    if critical:
        yield f"gets no cards of {', '.join(critical)}, which can be critical"
    if client.silent:
        yield "is silent: its calls are checked and recorded, and no card is returned"
    codes = [(code.system, code.code) for code in client.override_code_map.values()]
    if shared := sorted({code for system, code in codes if codes.count((system, code)) > 1}):
        yield f"several override reasons have the same code ({', '.join(shared)}); feedback cannot tell them apart"
    if client.profile == "epic" and (unmapped := sorted(knowledge.orderables.keys() - client.action_code_map.keys())):
        yield f"action_code_map has no code of its own for {', '.join(unmapped)}; Epic is not told to order these"
