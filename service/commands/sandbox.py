"""`lencds sandbox`: the FHIR server with the demo patients alone, or the patients as a Bundle for another server."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import chain
from typing import TextIO

import click
from rich.console import Console
from rich.table import Table

from service.commands.local_server import served
from service.sandbox.export import BundleType, load_bundle
from service.sandbox.patients import load_patients
from service.sandbox.server import create_sandbox


@click.command(epilog="\b\nExamples:\n  lencds sandbox\n  lencds sandbox --port 0 --latency-ms 200")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option(
    "--latency-ms", default=0, show_default=True, type=click.IntRange(0, 10_000), help="Delay of each answer."
)
@click.option(
    "--export",
    "file",
    type=click.File("w", encoding="utf-8"),
    metavar="FILE",
    help="Write the patients as a Bundle to be posted to another FHIR R4 server, and end; - for standard output.",
)
@click.option(
    "--bundle",
    default="transaction",
    show_default=True,
    type=click.Choice(["transaction", "batch"]),
    help="Type of that Bundle; batch for servers that limit the size of transactions.",
)
def sandbox(port: int, latency_ms: int, file: TextIO | None, bundle: BundleType) -> None:
    """Run the demo FHIR R4 server with its invented patients, on loopback."""
    console = Console()
    patients = load_patients(datetime.now(UTC))
    if file is not None:
        content = load_bundle(chain.from_iterable(one.resources for one in patients), bundle)
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")
        return
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
