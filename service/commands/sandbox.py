"""`lencds sandbox`: the FHIR server with the demo patients alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import chain

import click
from rich.console import Console
from rich.table import Table

from service.commands.local_server import served
from service.sandbox.patients import load_patients
from service.sandbox.server import create_sandbox


@click.command()
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option(
    "--latency-ms", default=0, show_default=True, type=click.IntRange(0, 10_000), help="Delay of each answer."
)
def sandbox(port: int, latency_ms: int) -> None:
    """Run the demo FHIR R4 server with its invented patients, on loopback."""
    console = Console()
    patients = load_patients(datetime.now(UTC))
    app = create_sandbox(chain.from_iterable(one.resources for one in patients), latency_s=latency_ms / 1000)
    with served(app, port) as address:
        table = Table("Patient", "Point", title=f"FHIR R4 at {address}/fhir", title_justify="left")
        for patient in patients:
            table.add_row(f"{address}/fhir/Patient/{patient.id}", patient.point)
        console.print(table)
        console.print("Stop with Ctrl-C.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("Stopped.")
