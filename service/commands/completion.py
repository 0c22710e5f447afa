"""`lencds completion`: what a shell needs to complete our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="\b\nExamples:\n  lencds completion bash >> ~/.bashrc\n  lencds completion zsh >> ~/.zshrc\n  lencds"
    " completion fish > ~/.config/fish/completions/lencds.fish"
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete our commands and options with the tab key."""
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"{shell} is not supported by this version of click")
    click.echo(made(context.find_root().command, {}, "lencds", "_LENCDS_COMPLETE").source())
