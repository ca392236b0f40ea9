"""The command line: which commands there are, what a bare model name means, and how errors reach the user."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from qeff_codegen.errors import EXIT_STOPPED, QEffCodegenError

# Each command is the click command of its own name in the module of its name; modules are imported when needed.
COMMANDS = {
    "generate": "qeff_codegen.cli.generate",
    "inspect": "qeff_codegen.cli.inspect",
    "validate": "qeff_codegen.cli.validate",
    "sweep": "qeff_codegen.cli.sweep",
    "compile": "qeff_codegen.cli.compile",
    "infer": "qeff_codegen.cli.infer",
}
DEFAULT = "generate"


class Commands(click.Group):
    """The commands, of which `generate` needs no name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read a first word that is no command as the first model name.

        Raises:
            click.UsageError: the word looks like a misspelled command.
        """
        if args and args[0] not in (*COMMANDS, *self.get_help_option_names(ctx)):
            meant = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.75)
            if meant:
                raise click.UsageError(f"No such command `{args[0]}`. Did you mean `{meant[0]}`?", ctx)
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that is meant for the user becomes one message and an exit code."""
        try:
            return super().invoke(ctx)
        except QEffCodegenError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("\nStopped.", err=True)
            ctx.exit(EXIT_STOPPED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Generate QEff modeling code from upstream modeling files, and prove it.

    `python -m qeff_codegen llama qwen3` is short for `python -m qeff_codegen generate llama qwen3`.

    Exit codes: 0 done, 1 differences or mismatch, 2 usage, 3 refused.
    """
