"""The options by which a command runs a model whose code is not in transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qeff_codegen.cli.other_release import OPTION, run_in
from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.given import Remote

_Command = TypeVar("_Command", bound=Callable[..., Any])


def remote_options(command: _Command) -> _Command:
    """Give `command` the options `--source`, `--class`, `--trust-remote-code` and `--transformers`.

    The last runs the whole command elsewhere, in an environment of that release, and ends this process as that ends.
    """
    source = click.option(
        "--source",
        "remote_source",
        type=click.Path(exists=True, path_type=Path),
        help="Where the model's own code stands, as it was generated from: a checkpoint's folder, or a modeling file.",
    )
    class_name = click.option(
        "--class", "class_name", metavar="NAME", help="The --class that it was generated with, if it was with one."
    )
    trusted = click.option(
        "--trust-remote-code", is_flag=True, help="Execute the code that stands there. Look at it first."
    )
    release = click.option(
        OPTION,
        metavar="VERSION",
        is_eager=True,
        expose_value=False,
        callback=_elsewhere,
        help="Run with this release of transformers, in an environment of its own, made when first asked for.  "
        "[default: the installed one]",
    )
    return source(class_name(trusted(release(command))))


def _elsewhere(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    code = None if value is None or context.resilient_parsing else run_in(value)
    if code is not None:
        context.exit(code)


def remote_of(source: Path | None, class_name: str | None, trusted: bool) -> Remote | None:
    """What the options of one call say; None where the model is transformers' own.

    Raises:
        UsageError: one of them is given without the source that it is about.
    """
    if source is not None:
        return Remote(source, class_name, trusted)
    if class_name is not None or trusted:
        raise UsageError("--class and --trust-remote-code are about the code at --source PATH, which is not given.")
    return None
