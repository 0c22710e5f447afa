"""Serves the empty endpoint exactly as `lencds serve` serves the service."""

from __future__ import annotations

import click

from service.commands.serve import run_server
from service.config import Settings


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--workers", type=int, default=2)
def main(port: int, workers: int) -> None:
    """Serve until interrupted."""
    run_server("127.0.0.1", port, workers, Settings(auth="off"), application="benchmarks.endpoint:create_app")


if __name__ == "__main__":
    main()
