"""`lencds demo`: sandbox FHIR server, service and playground on loopback, one real call per demo patient."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
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
from service.commands.card_view import cards_view
from service.commands.demo_service import DemoService, demo_service
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient

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


@click.command(
    epilog="Nothing is kept: ports are free ones, the database is a temporary file, authentication is off.\n\n\b\n"
    "Examples:\n  lencds demo\n  lencds demo --once --detail"
)
@click.option("--once", is_flag=True, help="End after the calls instead of staying up.")
@click.option("--detail", is_flag=True, help="Show the whole cards, not only their summaries.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port of the service; default: a free one.")
def demo(once: bool, detail: bool, port: int) -> None:
    """Try it: start the sandbox FHIR server, the service and the playground, sign one order per patient."""
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="lencds-demo-") as folder,
        demo_service(Path(folder), port=port) as running,
    ):
        templates = _templates(running.url)
        with Progress(console=console, transient=True) as progress:
            results = [
                (patient, _call(running, patient, templates), _call(running, patient, None))
                for patient in progress.track(running.patients, description="Signing orders")
            ]
        for patient, prefetched, fetched in results:
            _show(console, patient, prefetched, fetched, with_detail=detail)
        _summary(console, results)
        _urls(console, running)
        if not once:
            _wait(console)


def _templates(service_url: str) -> dict[str, str]:
    """Return the prefetch templates, read from discovery as an EHR would."""
    services = requests.get(f"{service_url}/cds-services", timeout=_TIMEOUT_S).json()["services"]
    prefetch: dict[str, str] = services[0]["prefetch"]
    return prefetch


def _call(running: DemoService, patient: SandboxPatient, templates: Mapping[str, str] | None) -> Call:
    """Sign the orders of a patient: with the prefetch the templates ask for, or without any."""
    sandbox, fhir_url = running.sandbox, running.fhir_url
    prefetch = None
    if templates is not None:
        prefetch = fill_prefetch(templates, patient, lambda url: sandbox.get(url, base_url=fhir_url))
    body = hook_request(
        patient, hook=patient.hook, fhir_server=fhir_url, prefetch=prefetch, hook_instance=str(uuid.uuid4())
    )
    sandbox.requests.clear()
    started = time.perf_counter()
    response = requests.post(f"{running.url}/cds-services/{_SERVICE_IDS[patient.hook]}", json=body, timeout=_TIMEOUT_S)
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


def _urls(console: Console, running: DemoService) -> None:
    lines = (
        f"Playground {running.playground_url}",
        f"Console    {running.console_url}",
        f"Service    {running.url}/cds-services",
        f"Health     {running.url}/health",
        f"Metrics    {running.url}/metrics",
        f"FHIR       {running.fhir_url}/metadata",
        f"A patient  {running.fhir_url}/Patient/{running.patients[0].id}",
    )
    console.print(Panel("\n".join(lines), title="Addresses", title_align="left", expand=False))


def _wait(console: Console) -> None:
    console.print("The demo stays up until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopped.")
