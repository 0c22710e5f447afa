"""Is the process alive, is it ready, and how are its parts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from flask import Blueprint, Response, request

from service.config import Settings
from service.order_check import service_version
from service.stopping import STOPPING_MARK
from service.web.access import is_trusted
from service.web.exposition import FOLDER

State = Literal["warming", "ready", "stopping"]


@dataclass(frozen=True, slots=True)
class Component:
    """How a part of the service is.

    Attributes:
        status: `pass`, or `warn` when the service goes on without it.
        output: what is the matter, without patient data.
        kind: `system`, `datastore` or `component`.
        value: what was measured or found out, None for nothing.
        unit: unit of the value.
        time: when it was, None for now.
    """

    status: Literal["pass", "warn"] = "pass"
    output: str = ""
    kind: Literal["system", "datastore", "component"] = "component"
    value: float | str | None = None
    unit: str = ""
    time: datetime | None = None

    def entry(self) -> dict[str, Any]:
        """Return it as a check of `application/health+json`."""
        members = {
            "status": self.status,
            "componentType": self.kind,
            "observedValue": self.value,
            "observedUnit": self.unit or None,
            "time": self.time,
            "output": self.output or None,
        }
        return {name: value for name, value in members.items() if value is not None}


class Health:
    """The state of the process and of its parts.

    A part that is down degrades the service but never takes it out: decisions go on without a database.
    """

    def __init__(self) -> None:
        self.state: State = "warming"
        self._checks: dict[str, Callable[[], Component]] = {}
        shared = os.environ.get(FOLDER)
        self._mark = Path(shared) / STOPPING_MARK if shared else None

    @property
    def present(self) -> State:
        """The state, `stopping` also while the supervisor is about to stop this process."""
        if self.state == "ready" and self._mark is not None and self._mark.exists():
            return "stopping"
        return self.state

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
        if (state := health.present) != "ready":
            return {"status": state}, 503
        degraded = any(component.status != "pass" for component in health.components().values())
        return {"status": "degraded" if degraded else "ready"}, 200

    @blueprint.get("/health")
    def report() -> Response:
        components = health.components()
        body: dict[str, Any] = {"status": _overall(health.present, components)}
        if is_trusted(request, settings.admin_token, settings.trusted_proxies):
            body |= {
                "version": service_version().partition(".")[0],
                "releaseId": service_version(),
                "description": "lenalidomide-cds",
                "checks": {name: [part.entry()] for name, part in components.items()},
            }
        status = 503 if body["status"] == "fail" else 200
        return Response(orjson.dumps(body), status=status, content_type="application/health+json")

    return blueprint


def _overall(state: State, components: dict[str, Component]) -> str:
    if state != "ready":
        return "fail"
    return "pass" if all(component.status == "pass" for component in components.values()) else "warn"
