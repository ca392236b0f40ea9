"""The command line: which commands there are, and what a bare model name means."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from qeff_codegen.messages import MessageCommand

# Each command is the click command of its own name in the module of its name; modules are imported when needed.
COMMANDS = {
    "generate": "qeff_codegen.cli.generate",
    "check": "qeff_codegen.cli.check",
    "inspect": "qeff_codegen.cli.inspect",
    "apply": "qeff_codegen.cli.apply",
    "validate": "qeff_codegen.cli.validate",
    "review": "qeff_codegen.cli.review",
    "sweep": "qeff_codegen.cli.sweep",
    "compile": "qeff_codegen.cli.compile",
    "infer": "qeff_codegen.cli.infer",
    "bump": "qeff_codegen.cli.bump",
    "compat": "qeff_codegen.cli.compat",
    "report": "qeff_codegen.cli.report",
}
DEFAULT = "generate"


class Commands(MessageCommand, click.Group):
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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may follow as the first word: options, commands, and the models that `generate` takes."""
        from qeff_codegen.cli.family_names import upstream_families

        named = [] if incomplete.startswith("-") else upstream_families(ctx, None, incomplete)
        return [*super().shell_complete(ctx, incomplete), *map(CompletionItem, named)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read a first word that is no command as the first model name.

        Raises:
            click.UsageError: the word looks like a misspelled command.
        """
        own = [option for parameter in self.get_params(ctx) for option in parameter.opts]
        if args and args[0] not in (*COMMANDS, *own):
            meant = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.75)
            if meant and not _is_a_model(args):
                raise click.UsageError(f"No such command `{args[0]}`. Did you mean `{meant[0]}`?", ctx)
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def _is_a_model(args: list[str]) -> bool:
    """Whether a first word that looks like a command is the name of something: of a source, or of what is there."""
    name = args[0]
    before_options = args[1:2] and args[1].startswith("--source")
    places = (Path(name), Path(f"modeling_{name}.py"), Path("generated", name))
    return bool(before_options) or any(place.exists() for place in places)


def _say_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Says it and ends; what it takes is imported now, since no other call asks."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    from qeff_codegen.upstream.pin import pinned_version

    click.echo(f"qeff_codegen {version('qeff_codegen')}, for transformers {pinned_version()}")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Say the versions and exit.",
)
def main() -> None:
    """Generate QEff modeling code from upstream modeling files, and prove it.

    `python -m qeff_codegen llama qwen3` is short for `python -m qeff_codegen generate llama qwen3`.

    Exit codes: 0 done, 1 differences or mismatch, 2 usage, 3 refused.
    """
