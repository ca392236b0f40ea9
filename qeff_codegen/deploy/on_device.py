"""A compiled program on the cards that a user names, and what cannot be asked of one."""

from __future__ import annotations

from collections.abc import Sequence

from qeff_codegen.decoding.cloud_runtime import CloudRuntime
from qeff_codegen.decoding.loaded_program import LoadedProgram
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.compiler_command import PROGRAM_FOLDER
from qeff_codegen.deploy.program import Program
from qeff_codegen.errors import UsageError


def check_on_device(device_ids: Sequence[int], options: CompileOptions) -> None:
    """Makes sure that cards are named as there can be any, and that prompts can be run as `options` ask for.

    Raises:
        UsageError: saying what cannot be.
    """
    named = ", ".join(map(str, device_ids))
    if len(set(device_ids)) != len(device_ids) or min(device_ids) < 0:
        raise UsageError(f"the devices are {named}: each is a number from 0 on, and named once.")
    if options.continuous_batching and options.prefill_seq_len == 1:
        raise UsageError(
            "prefill_seq_len is 1 and full_batch_size is given: such a program takes a token of every row in each "
            "call, and a prompt is prefilled alone. Give a prefill_seq_len of 2 or more to run it on a device."
        )


def loaded(program: Program, device_ids: Sequence[int], runtime: CloudRuntime) -> LoadedProgram:
    """The program, on its cards.

    Raises:
        UsageError: it is not compiled.
        DeviceError: it cannot be loaded.
    """
    if not program.compiled:
        raise UsageError(
            "no program is compiled for these sizes, and qaic-compile was not found. Install the Apps SDK, or run "
            f"this where it is, and bring {program.folder} here:\n{program.command_line}"
        )
    return LoadedProgram(program.folder / PROGRAM_FOLDER, device_ids, runtime)
