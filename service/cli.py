"""The command `lencds`: assembles the subcommands of `service.commands`, and imports only the one that is called."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType

import click

from service.config import ConfigurationError
from service.logs import configure_logs

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "Try it: demo patients, a FHIR server, the service and a playground.",
        "serve": "Answer CDS Hooks calls.",
        "check": "Check one order and show the cards.",
        "knowledge": "Show rules, figures and their sources.",
        "backtest": "Judge historic orders, each as of its own date.",
        "burden": "Count the cards of typical patients over six cycles.",
        "openapi": "Print the OpenAPI document.",
        "sandbox": "Run the demo FHIR server alone.",
        "report": "Show whether it is used, fast and heeded.",
        "db": "Look after the database.",
        "completion": "Make the shell complete commands and options.",
    }
)
"""Name → one line of help. Command `x` is the attribute `x` of the module `service.commands.x`."""

_REFUSED = 2


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; those whose module is not there are not shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  signature of click
        """Return the names of the commands that are there."""
        return [name for name in COMMANDS if find_spec(f"service.commands.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"service.commands.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every command explains itself: lencds serve --help",
)
@click.version_option(package_name="lenalidomide-cds")
def lencds() -> None:
    """Check lenalidomide orders against the patient's record while the clinician signs them (CDS Hooks)."""


def main() -> None:
    """Run the command line; a refused configuration is explained without traceback, exit code 2."""
    configure_logs("warning")
    try:
        lencds()
    except ConfigurationError as error:
        click.echo(f"lencds does not start like this:\n\n{error}\n", err=True)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
