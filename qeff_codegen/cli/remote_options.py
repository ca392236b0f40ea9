"""The options by which a command runs a model whose code is not in transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.given import Remote

_Command = TypeVar("_Command", bound=Callable[..., Any])


def remote_options(command: _Command) -> _Command:
    """Give `command` the options `--source PATH`, `--class NAME` and `--trust-remote-code`."""
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
    return source(class_name(trusted(command)))


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
