"""`lencds demo`: sandbox FHIR server and service on loopback, one real call per demo patient, the cards shown."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click
import requests
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cds_hooks.protocol.services import SERVICES
from service.addresses import Address
from service.app import create_app
from service.commands.card_view import cards_view
from service.commands.local_server import served
from service.config import Settings
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient, load_patients
from service.sandbox.server import Sandbox, create_sandbox

_TIMEOUT_S = 30
_SERVICE_IDS = {service.hook: service.id for service in SERVICES.values()}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the demo and what came back."""

    cards: list[dict[str, Any]]
    status: int
    milliseconds: float
    fhir_requests: int

    @property
    def topics(self) -> dict[str, str]:
        """Topic → indicator of the cards."""
        return {card["source"]["topic"]["code"]: card["indicator"] for card in self.cards}


@click.command(epilog="Nothing is kept: ports are free ones, the database is a temporary file, authentication is off.")
@click.option("--once", is_flag=True, help="End after the calls instead of staying up.")
@click.option("--detail", is_flag=True, help="Show the whole cards, not only their summaries.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port of the service; default: a free one.")
def demo(once: bool, detail: bool, port: int) -> None:
    """Try it: start the sandbox FHIR server and the service, sign one order per demo patient, show the cards."""
    console = Console()
    now = datetime.now(UTC)
    patients = load_patients(now)
    sandbox_app = create_sandbox(chain.from_iterable(patient.resources for patient in patients))
    with tempfile.TemporaryDirectory(prefix="lencds-demo-") as folder, served(sandbox_app) as sandbox_url:
        fhir_url = f"{sandbox_url}/fhir"
        app = create_app(_settings(Path(folder), fhir_url))
        services = app.extensions["lencds"]
        try:
            with served(app, port) as service_url:
                sandbox: Sandbox = sandbox_app.extensions["sandbox"]
                templates = _templates(service_url)
                results: list[tuple[SandboxPatient, Call, Call]] = []
                with Progress(console=console, transient=True) as progress:
                    for patient in progress.track(patients, description="Signing orders"):
                        prefetched = _call(patient, service_url, fhir_url, sandbox, templates)
                        fetched = _call(patient, service_url, fhir_url, sandbox, None)
                        results.append((patient, prefetched, fetched))
                for patient, prefetched, fetched in results:
                    _show(console, patient, prefetched, fetched, with_detail=detail)
                _summary(console, results)
                _urls(console, service_url, fhir_url, patients[0])
                if not once:
                    _wait(console)
        finally:
            services.close()


def _settings(folder: Path, fhir_url: str) -> Settings:
    return Settings(
        auth="off",
        database_url=f"sqlite:///{folder / 'demo.sqlite3'}",
        spool_dir=folder / "spool",
        cors_origins=("*",),
        sandbox_url=Address.parse(fhir_url),
        log_level="error",
    )


def _templates(service_url: str) -> dict[str, str]:
    """Return the prefetch templates, read from discovery as an EHR would."""
    services = requests.get(f"{service_url}/cds-services", timeout=_TIMEOUT_S).json()["services"]
    prefetch: dict[str, str] = services[0]["prefetch"]
    return prefetch


def _call(
    patient: SandboxPatient, service_url: str, fhir_url: str, sandbox: Sandbox, templates: Mapping[str, str] | None
) -> Call:
    """Sign the orders of a patient: with the prefetch the templates ask for, or without any."""
    prefetch = None
    if templates is not None:
        prefetch = fill_prefetch(templates, patient, lambda url: sandbox.get(url, base_url=fhir_url))
    body = hook_request(
        patient, hook=patient.hook, fhir_server=fhir_url, prefetch=prefetch, hook_instance=str(uuid.uuid4())
    )
    sandbox.requests.clear()
    started = time.perf_counter()
    response = requests.post(f"{service_url}/cds-services/{_SERVICE_IDS[patient.hook]}", json=body, timeout=_TIMEOUT_S)
    milliseconds = (time.perf_counter() - started) * 1000
    cards = response.json().get("cards", []) if response.ok else []
    return Call(cards, response.status_code, milliseconds, sandbox.requests.count)


def _show(console: Console, patient: SandboxPatient, prefetched: Call, fetched: Call, *, with_detail: bool) -> None:
    console.print(Rule(f"[bold]{patient.name}[/]  ({patient.id}, {patient.hook})", align="left"))
    console.print(Text(patient.story))
    console.print(Text(f"Point: {patient.point}", style="italic dim"))
    console.print(cards_view(prefetched.cards, with_detail=with_detail))
    same = "same cards" if prefetched.topics == fetched.topics else "DIFFERENT CARDS: " + ", ".join(fetched.topics)
    console.print(Text(f"with prefetch {_measured(prefetched)}; without {_measured(fetched)}, {same}", style="dim"))


def _measured(call: Call) -> str:
    return f"{call.status}, {call.milliseconds:.0f} ms, {call.fhir_requests} FHIR requests"


def _summary(console: Console, results: list[tuple[SandboxPatient, Call, Call]]) -> None:
    table = Table(title="All demo patients", title_justify="left")
    for column in ("Patient", "Cards", "Expected and found"):
        table.add_column(column)
    for patient, prefetched, _ in results:
        cards = ", ".join(f"{topic} ({indicator})" for topic, indicator in prefetched.topics.items()) or "none"
        missing = [one.topic for one in patient.expected_topics if prefetched.topics.get(one.topic) != one.indicator]
        verdict = Text("missing: " + ", ".join(missing), style="red") if missing else Text("yes", style="green")
        table.add_row(patient.id, cards, verdict)
    console.print(table)


def _urls(console: Console, service_url: str, fhir_url: str, patient: SandboxPatient) -> None:
    lines = (
        f"Service    {service_url}/cds-services",
        f"Health     {service_url}/health",
        f"Metrics    {service_url}/metrics",
        f"FHIR       {fhir_url}/metadata",
        f"A patient  {fhir_url}/Patient/{patient.id}",
    )
    console.print(Panel("\n".join(lines), title="Addresses", title_align="left", expand=False))


def _wait(console: Console) -> None:
    console.print("The demo stays up until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopped.")
