"""Is the process alive, is it ready, and how are its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import orjson
from flask import Blueprint, Response, request

from service.config import Settings
from service.web.access import is_trusted

State = Literal["warming", "ready", "stopping"]


@dataclass(frozen=True, slots=True)
class Component:
    """How a part of the service is.

    Attributes:
        status: `pass`, or `warn` when the service goes on without it.
        output: what is the matter, without patient data.
    """

    status: Literal["pass", "warn"] = "pass"
    output: str = ""


class Health:
    """The state of the process and of its parts.

    A part that is down degrades the service but never takes it out: decisions go on without a database.
    """

    def __init__(self) -> None:
        self.state: State = "warming"
        self._checks: dict[str, Callable[[], Component]] = {}

    def register(self, name: str, check: Callable[[], Component]) -> None:
        """Add a part.

        Args:
            name: how the report calls it.
            check: says how it is, within a fraction of a second and without raising.
        """
        self._checks[name] = check

    def components(self) -> dict[str, Component]:
        """Ask every part."""
        return {name: check() for name, check in self._checks.items()}


def health_blueprint(health: Health, settings: Settings) -> Blueprint:
    """Return `GET /livez`, `GET /readyz` and `GET /health`."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/livez")
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @blueprint.get("/readyz")
    def ready() -> tuple[dict[str, str], int]:
        if health.state != "ready":
            return {"status": health.state}, 503
        degraded = any(component.status != "pass" for component in health.components().values())
        return {"status": "degraded" if degraded else "ready"}, 200

    @blueprint.get("/health")
    def report() -> Response:
        components = health.components()
        body: dict[str, Any] = {"status": _overall(health.state, components)}
        if is_trusted(request, settings.admin_token, settings.trusted_proxies):
            body |= {"version": _version(), "checks": {name: [_entry(part)] for name, part in components.items()}}
        status = 503 if body["status"] == "fail" else 200
        return Response(orjson.dumps(body), status=status, content_type="application/health+json")

    return blueprint


def _overall(state: State, components: dict[str, Component]) -> str:
    if state != "ready":
        return "fail"
    return "pass" if all(component.status == "pass" for component in components.values()) else "warn"


def _entry(component: Component) -> dict[str, str]:
    entry: dict[str, str] = {"status": component.status}
    return entry | {"output": component.output} if component.output else entry


def _version() -> str:
    try:
        return version("lenalidomide-cds")
    except PackageNotFoundError:
        return "unknown"
