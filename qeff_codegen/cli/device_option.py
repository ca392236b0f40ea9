"""`--device`: which cards run the program, and not this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from qeff_codegen.cli.run_packages import run_packages
from qeff_codegen.errors import UsageError


def _numbers(_ctx: click.Context, _parameter: click.Parameter, words: Sequence[str]) -> tuple[int, ...]:
    parts = [part.strip() for word in words for part in word.split(",")]
    wrong = [part for part in parts if not part.isdecimal()]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is no device's number. Give numbers, such as 0 or 0,1.")
    return tuple(map(int, parts))


device_option: Any = click.option(
    "--device",
    "device_ids",
    multiple=True,
    callback=_numbers,
    metavar="N",
    help="Run the compiled program on this Cloud AI 100; repeat it, or give 0,1, for a program over several cards.",
)


def check_device_options(runtime: str | None) -> None:
    """Makes sure that a device can be run on, before anything is loaded.

    Raises:
        UsageError: a runtime of this machine is named too, or the device's is not installed.
    """
    if runtime is not None:
        raise UsageError(f"--device and --runtime {runtime} are given together. Leave out one of them.")
    with run_packages("Running a model"):
        from qeff_codegen.decoding.cloud_runtime import cloud_runtime
    cloud_runtime()


def cards(device_ids: Sequence[int]) -> str:
    """The cards as a reader is told of them."""
    return f"Cloud AI 100, device {', '.join(map(str, device_ids))}"
