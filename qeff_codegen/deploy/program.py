"""Everything the compiler reads, written beside the graph, and the compiler's run where there is a compiler."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.deploy import custom_io, partition_config, qconfig, specializations
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.compiler_command import PROGRAM_FILE, PROGRAM_FOLDER, compiler_command
from qeff_codegen.deploy.find_compiler import SDK_COMPILER
from qeff_codegen.errors import EXIT_DIFFERENCES, QEffCodegenError, UsageError
from qeff_codegen.export.exported_graph import ExportedGraph
from qeff_codegen.files.all_or_nothing import change_files
from qeff_codegen.files.artifact_store import artifact_key

# Written last, when the compiler has ended well: a folder without it holds an unfinished program.
_FINISHED = "compiled"


class CompilerError(QEffCodegenError):
    """The compiler ran and reported an error; its own words are in the message."""

    exit_code = EXIT_DIFFERENCES


@dataclass(frozen=True)
class Program:
    """A folder with the compiler's input files.

    Attributes:
        folder: where they stand.
        command: the compiler's command, word by word.
        compiled: whether the program is there.
        remarks: what preflight found worth knowing.
    """

    folder: Path
    command: tuple[str, ...]
    compiled: bool
    remarks: tuple[str, ...] = ()

    @property
    def command_line(self) -> str:
        """The command as a shell takes it."""
        return shlex.join(self.command)


def make_program(
    graph: ExportedGraph, options: CompileOptions, huggingface_config: Mapping[str, object], compiler: Path | None
) -> Program:
    """Write the compiler's input files for `graph`, and compile it where there is a compiler.

    Args:
        graph: what is compiled.
        options: what it is compiled for.
        huggingface_config: the model's configuration, for `qconfig.json`.
        compiler: the compiler's executable, or None where there is none.

    Raises:
        UsageError: the folder cannot be written.
        CompilerError: the compiler failed.
    """
    programs = specializations.specializations_for(graph.layers, options)
    precision = custom_io.MXINT8 if options.mxint8_kv_cache else custom_io.FLOAT16
    texts = {
        specializations.FILE_NAME: specializations.render(programs),
        custom_io.FILE_NAME: custom_io.render(graph.kv_names, precision),
    }
    if options.num_devices > 1:
        texts[partition_config.file_name(options.num_devices)] = partition_config.render(
            options.num_devices, options.num_cores
        )
    executable = compiler or SDK_COMPILER
    key = artifact_key({"texts": texts, "command": compiler_command(Path(), Path(), Path(), options)})
    folder = graph.onnx_path.parent.parent / f"{graph.onnx_path.parent.name}-qpc-{key}"
    texts[qconfig.FILE_NAME] = qconfig.render(
        huggingface_config=huggingface_config,
        pytorch_transforms=graph.pytorch_transforms,
        onnx_transforms=graph.onnx_transforms,
        onnx_path=graph.onnx_path,
        folder=folder,
        programs=programs,
        options=options,
    )
    _write(texts, folder)
    command = compiler_command(executable, graph.onnx_path, folder, options)
    if compiler is not None and not _is_compiled(folder):
        _compile(command, folder)
    return Program(folder, tuple(command), _is_compiled(folder))


def _write(texts: Mapping[str, str], folder: Path) -> None:
    """Write all files, or none."""
    try:
        change_files({folder / name: text for name, text in texts.items()})
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror}. Free some space, or choose another."
        ) from error


def _is_compiled(folder: Path) -> bool:
    return (folder / _FINISHED).is_file() and (folder / PROGRAM_FOLDER / PROGRAM_FILE).is_file()


def _compile(command: Sequence[str], folder: Path) -> None:
    """Run the compiler into an empty folder, and mark it as finished when it has ended well."""
    shutil.rmtree(folder / PROGRAM_FOLDER, ignore_errors=True)
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        shutil.rmtree(folder / PROGRAM_FOLDER, ignore_errors=True)
        said = (result.stderr or result.stdout).strip() or "it said nothing"
        raise CompilerError(
            f"qaic-compile ended with exit code {result.returncode}: {said}\nThe command was: {shlex.join(command)}"
        )
    if not (folder / PROGRAM_FOLDER / PROGRAM_FILE).is_file():
        raise CompilerError(
            f"qaic-compile ended well and wrote no {PROGRAM_FOLDER}/{PROGRAM_FILE}.\n"
            f"The command was: {shlex.join(command)}"
        )
    (folder / _FINISHED).touch()
