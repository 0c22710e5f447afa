"""What a demonstration consists of: the sandbox FHIR server, the service beside it, and the playground, on loopback.

The service answers three times: at its address as for an EHR with the client profile `generic`, below `/ehr/epic` and
`/ehr/sandbox` as for EHRs with those profiles. All write to the same temporary database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from service.addresses import Address
from service.app import create_app
from service.auth.clients import LOCAL, Client
from service.commands.local_server import served
from service.config import Settings
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import Sandbox, create_sandbox
from service.web.console.blueprint import PATH as CONSOLE_PATH
from service.web.pages.rendering import register_pages
from service.web.playground import PATH, Playground, playground_blueprint
from service.wiring import Clock, Services, utc_now

_OTHER_PROFILES: tuple[Literal["epic", "sandbox"], ...] = ("epic", "sandbox")


@dataclass(frozen=True, slots=True)
class DemoService:
    """A running demonstration.

    Attributes:
        url: address of the service, without slash at the end.
        fhir_url: base URL of the FHIR server.
        sandbox: the FHIR server.
        patients: whom it holds.
        services: the parts of the service.
    """

    url: str
    fhir_url: str
    sandbox: Sandbox
    patients: tuple[SandboxPatient, ...]
    services: Services

    @property
    def playground_url(self) -> str:
        """Address of the playground."""
        return self.url + PATH

    @property
    def console_url(self) -> str:
        """Address of the console; on this machine it asks for no login."""
        return self.url + CONSOLE_PATH


@contextmanager
def demo_service(
    folder: Path, *, port: int = 0, clock: Clock = utc_now, deadline_ms: int = 450
) -> Iterator[DemoService]:
    """Run a demonstration while the context lasts.

    Args:
        folder: where its database and spool go.
        port: port of the service, 0 for any free one; the FHIR server always takes a free one.
        clock: the present instant; the charts are counted from where it stands now.
        deadline_ms: time for one call in all.
    """
    patients = load_patients(clock())
    sandbox_app = create_sandbox(chain.from_iterable(patient.resources for patient in patients))
    with ExitStack() as stack:
        fhir_url = stack.enter_context(served(sandbox_app)) + "/fhir"
        sandbox: Sandbox = sandbox_app.extensions["sandbox"]
        plain = _settings(folder, fhir_url, deadline_ms)
        app = create_app(plain, clock=clock)
        services: Services = app.extensions["lencds"]
        stack.callback(services.close)
        paths = {"generic": ""}
        mounted = {}
        for profile in _OTHER_PROFILES:
            path = paths[profile] = f"/ehr/{profile}"
            settings = replace(plain, clients=(Client(name=LOCAL, profile=profile),))
            mounted[path] = create_app(settings, clock=clock, clinical=services.clinical)
            stack.callback(mounted[path].extensions["lencds"].close)
        register_pages(app)
        app.register_blueprint(
            playground_blueprint(
                Playground(
                    patients=patients,
                    sandbox=sandbox,
                    fhir_url=fhir_url,
                    prefetch=services.discovery["services"][0]["prefetch"],
                    ehrs=paths,
                    knowledge=services.order_check.reader.knowledge,
                    clock=clock,
                )
            )
        )
        _mount(app, mounted)
        yield DemoService(stack.enter_context(served(app, port)), fhir_url, sandbox, patients, services)


def _mount(app: Flask, others: dict[str, Flask]) -> None:
    """Let other applications answer below their paths, on the same port, so that the page needs no other origin."""
    app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, {path: other.wsgi_app for path, other in others.items()}
    )


def _settings(folder: Path, fhir_url: str, deadline_ms: int) -> Settings:
    return Settings(
        auth="off",
        database_url=f"sqlite:///{folder / 'demo.sqlite3'}",
        spool_dir=folder / "spool",
        deadline_ms=deadline_ms,
        cors_origins=("*",),
        sandbox_url=Address.parse(fhir_url),
        log_level="error",
    )
