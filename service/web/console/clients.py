"""Who may call and how the service runs, secrets left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from flask import Blueprint, Response

from service.addresses import Address
from service.auth.clients import Client, MappedCode
from service.config import Settings
from service.web.health import Component
from service.web.observed import callers_of
from service.web.pages.rendering import page
from service.wiring import Services

_OF_CLIENT = "client:"
Setting = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as the page shows it.

    Attributes:
        name: its name.
        settings: name of a setting and its value in words, those that matter first.
        maps: title → our word → its word.
        states: what was observed of it: `keys`, `fhir`.
    """

    name: str
    settings: tuple[Setting, ...]
    maps: Mapping[str, Mapping[str, str]]
    states: Mapping[str, Component]


def register_clients(blueprint: Blueprint, services: Services) -> None:
    """Add the page."""

    @blueprint.get("/clients")
    def clients() -> Response:
        components = services.health.components()
        return page(
            "console/clients.html",
            clients=[client_view(client, components) for client in callers_of(services.settings)],
            settings=settings_view(services.settings),
            components={name: one for name, one in components.items() if not name.startswith(_OF_CLIENT)},
            auth=services.settings.auth,
        )


def client_view(client: Client, components: Mapping[str, Component]) -> ClientView:
    """Return a client with its states; keys, tokens and files are told as set or not set.

    Args:
        client: the client.
        components: the health report.
    """
    settings = (
        ("Profile", client.profile),
        ("Issuer", client.issuer or "none"),
        ("Public keys", _keys(client)),
        ("Algorithms", ", ".join(client.algorithms)),
        ("Audience", ", ".join(client.audience) or "the address called"),
        ("Tenants", ", ".join(client.tenants) or "not looked at"),
        ("Tolerated difference of clocks", f"{client.leeway_s} s"),
        ("Longest life of a token", f"{client.max_lifetime_s} s"),
        ("FHIR servers", _servers(client)),
        ("FHIR version", client.fhir_version),
        ("Searches", f"{client.search_method}{', as one batch' if client.batch else ''}"),
        ("Backend services", _backend(client)),
        ("Certificate authority file", _set(client.ca_file)),
        ("Topics not shown", ", ".join(client.disabled_topics) or "none"),
        ("Cards", "evaluated and recorded, none returned (silent)" if client.silent else "returned"),
    )
    maps: dict[str, Mapping[str, str]] = {
        "Prefetch keys": client.prefetch_aliases,
        "Override reasons": {ours: _code(code) for ours, code in client.override_code_map.items()},
        "Orders": {ours: _code(code) for ours, code in client.action_code_map.items()},
    }
    prefix = f"{_OF_CLIENT}{client.name}:"
    states = {name.removeprefix(prefix): one for name, one in components.items() if name.startswith(prefix)}
    return ClientView(client.name, settings, {title: rows for title, rows in maps.items() if rows}, states)


def settings_view(settings: Settings) -> tuple[Setting, ...]:
    """Return how the service runs; passwords, keys and tokens are told as set or not set."""
    return (
        ("LENCDS_AUTH", settings.auth),
        ("LENCDS_BASE_URL", settings.base_url),
        ("LENCDS_DATABASE_URL", _database(settings.database_url)),
        ("LENCDS_AUDIT_KEY", "set" if settings.audit_key else "in a file beside the database"),
        ("LENCDS_ADMIN_TOKEN", _set(settings.admin_token)),
        ("LENCDS_METRICS_TOKEN", _set(settings.metrics_token)),
        ("LENCDS_KNOWLEDGE", str(settings.knowledge or "the knowledge that is shipped")),
        ("LENCDS_DEADLINE_MS", f"{settings.deadline_ms} ms for one call"),
        ("LENCDS_RETENTION_DAYS", f"{settings.retention_days} days"),
        ("LENCDS_PRUNE_AT", f"{settings.prune_at:%H:%M} UTC" if settings.prune_at else "off"),
        ("LENCDS_SPOOL_DIR", str(settings.spool_dir)),
        ("LENCDS_CORS_ORIGINS", ", ".join(settings.cors_origins) or "none"),
        ("LENCDS_TRUSTED_PROXIES", ", ".join(map(str, settings.trusted_proxies)) or "none"),
        ("LENCDS_MAX_BODY_BYTES", f"{settings.max_body_bytes:,}"),
        ("LENCDS_LOG_LEVEL", settings.log_level),
    )


def _keys(client: Client) -> str:
    if client.jwks is not None:
        return "written into the configuration"
    if client.jwks_url is not None:
        return f"published at {_plain(client.jwks_url)}"
    if client.jku_allow:
        return "named by the token (jku), below " + ", ".join(_plain(one) for one in client.jku_allow)
    return "none; authentication is off"


def _servers(client: Client) -> str:
    named = ", ".join(_plain(one) for one in client.fhir_servers)
    if client.loopback_fhir_servers:
        return f"{named}, and any on this machine".removeprefix(", and ")
    return named or "none; only what is prefetched is used"


def _backend(client: Client) -> str:
    one = client.backend_services
    if one is None:
        return "not set"
    return f"client id {one.client_id}, token from {_plain(one.token_url)}, scope {one.scope}, private key set"


def _database(url: str) -> str:
    """Return where the database is, without user, password and options."""
    parts = sqlalchemy.make_url(url)
    if parts.get_backend_name() == "sqlite":
        return f"SQLite, {Path(parts.database or '').name}"
    port = f":{parts.port}" if parts.port else ""
    return f"PostgreSQL, {parts.database or ''} on {parts.host or 'a local socket'}{port}"


def _plain(address: Address) -> str:
    """Return an address without its query, which may hold a secret."""
    return address.origin + address.path


def _code(code: MappedCode) -> str:
    return f"{code.code} ({code.system})" if code.system else code.code


def _set(value: object) -> str:
    return "set" if value else "not set"
