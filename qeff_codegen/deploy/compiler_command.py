"""The command that makes a program of an exported graph."""

from __future__ import annotations

from pathlib import Path

from qeff_codegen.deploy import custom_io, partition_config, specializations
from qeff_codegen.deploy.compile_options import CompileOptions

DEFAULT_HARDWARE = "ai100"
# The folder the compiler writes, and the file in it that says that it has finished.
PROGRAM_FOLDER = "qpc"
PROGRAM_FILE = "programqpc.bin"


def compiler_command(
    compiler: Path,
    onnx_path: Path,
    folder: Path,
    options: CompileOptions,
    *,
    retains_state: bool = True,
    has_axes: bool = True,
) -> list[str]:
    """The command, word by word.

    Args:
        compiler: the compiler's executable.
        onnx_path: the graph.
        folder: where `specializations.json`, `custom_io.yaml` and the MDP file stand and the program goes.
        options: what is asked for.
        retains_state: whether outputs stay on the device for the next call, as a cache does.
        has_axes: whether sizes of the graph are left to `specializations.json`; there is none where all are fixed.
    """
    further = dict(options.compiler_options)
    command = [
        str(compiler),
        "-aic-hw",
        f"-aic-hw-version={further.pop('aic_hw_version', DEFAULT_HARDWARE)}",
        f"-m={onnx_path}",
        *(["-retained-state"] if retains_state else []),
        "-convert-to-fp16",
        f"-aic-num-cores={options.num_cores}",
    ]
    if options.mxfp6_matmul:
        command.append("-mxfp6-matmul")
    for name, value in further.items():
        flag = "-" + name.replace("_", "-")
        if value is True:
            command.append(flag)
        elif value is not False:
            command.append(f"{flag}={value}")
    if options.num_devices > 1:
        command.append(f"-mdp-load-partition-config={folder / partition_config.file_name(options.num_devices)}")
    if options.use_onnx_subfunctions:
        command.append("-sub-functions")
    return [
        *command,
        *([f"-network-specialization-config={folder / specializations.FILE_NAME}"] if has_axes else []),
        f"-custom-IO-list-file={folder / custom_io.FILE_NAME}",
        f"-aic-binary-dir={folder / PROGRAM_FOLDER}",
    ]
