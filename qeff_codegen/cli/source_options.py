"""The options that say where upstream source comes from, shared by the commands that read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def source_options(command: _Command) -> _Command:
    """Give `command` the options `--transformers VERSION`, `--source PATH` and `--class NAME`."""
    transformers = click.option(
        "--transformers",
        "transformers_version",
        metavar="VERSION",
        help="Read this release of transformers, such as 5.24.0; fetched once, not installed.  "
        "[default: the installed one]",
    )
    source = click.option(
        "--source",
        type=click.Path(path_type=Path),
        help="Read a transformers tree, a checkpoint's folder with modeling code of its own, a folder with "
        "modeling_NAME.py, or one modeling file.",
    )
    class_name = click.option(
        "--class",
        "class_name",
        metavar="NAME",
        help="Which class of --source is the causal LM.  [default: the one that config.json or its form tells]",
    )
    return transformers(source(class_name(command)))
