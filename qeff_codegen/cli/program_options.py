"""What `compile`, and `infer` on a device, ask of the compiler beside the sizes of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import click

from qeff_codegen.cli.compiler_options import further_options
from qeff_codegen.deploy.compile_options import SpecializationsFormat

_OPTIONS = (
    click.option("--num-cores", type=int, help="Cores of each card.  [default: 16]"),
    click.option("--mxfp6", "mxfp6_matmul", is_flag=True, help="Compress the weights of matrix products to MXFP6."),
    click.option("--mxint8-kv-cache", is_flag=True, help="Compress the KV cache to MXINT8."),
    click.option("--mos", type=int, help="Effort to reduce on-chip memory."),
    click.option(
        "--compiler-option",
        "further",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="A further option of qaic-compile by its own name, such as allow-mxint8-mdp-io, stats-level=70.",
    ),
    click.option(
        "--specializations-format",
        type=click.Choice(SpecializationsFormat, case_sensitive=False),
        help="The form of specializations.json; flat is for older compilers.  [default: what the compiler takes]",
    ),
    click.option("--aic-enable-depth-first", is_flag=True, help="Schedule depth first."),
)
_OWN = ("num_cores", "mxfp6_matmul", "mxint8_kv_cache", "specializations_format")
_OF_THE_COMPILER = ("aic_enable_depth_first", "mos")


def program_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as `program`: those fields of `CompileOptions` that are given."""

    @wraps(command)
    def with_program(**arguments: Any) -> Any:
        own = _asked(arguments, _OWN)
        asked = _asked(arguments, _OF_THE_COMPILER) | further_options(arguments.pop("further"), _OF_THE_COMPILER)
        return command(program=own | ({"compiler_options": asked} if asked else {}), **arguments)

    decorated: Callable[..., Any] = with_program
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def written_down(program: dict[str, Any]) -> dict[str, Any]:
    """The same, with what `qconfig.json` says whether it was asked for or not: every command writes the same."""
    return program | {"compiler_options": {"aic_enable_depth_first": False} | program.get("compiler_options", {})}


def _asked(arguments: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Takes these out, and gives those that a user gave."""
    taken = {name: arguments.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value is not None and value is not False}
