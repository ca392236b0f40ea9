"""Everything the compiler reads, written beside the graph, and the compiler's run where there is a compiler."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qeff_codegen.deploy import custom_io, partition_config, qconfig, specializations
from qeff_codegen.deploy.compile_options import CompileOptions, SpecializationsFormat
from qeff_codegen.deploy.compiler_command import PROGRAM_FILE, PROGRAM_FOLDER, compiler_command
from qeff_codegen.deploy.find_compiler import SDK_COMPILER
from qeff_codegen.errors import EXIT_DIFFERENCES, QEffCodegenError, UsageError
from qeff_codegen.export.exported_graph import ExportedGraph
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.files.all_or_nothing import change_files
from qeff_codegen.files.artifact_store import artifact_key

# Written last, when the compiler has ended well: a folder without it holds an unfinished program.
_FINISHED = "compiled"
# What a compiler says of named programs that takes the sizes alone: QEfficient's issue 1129.
_TAKES_NO_NAMES = "[json.exception.type_error.302] type must be string, but is object"


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
        specializations_format: which form of `specializations.json` was written.
        remarks: what preflight found worth knowing.
    """

    folder: Path
    command: tuple[str, ...]
    compiled: bool
    specializations_format: SpecializationsFormat = SpecializationsFormat.NAMED
    remarks: tuple[str, ...] = ()

    @property
    def command_line(self) -> str:
        """The command as a shell takes it."""
        return shlex.join(self.command)


@dataclass(frozen=True)
class ToCompile:
    """A graph, and what the compiler is told about it.

    Attributes:
        onnx_path: its file.
        programs: the sizes it is compiled for.
        custom_io: the text of `custom_io.yaml`.
        pytorch_transforms: names of the transforms that made the model.
        onnx_transforms: names of what was done to the graph.
        retains_state: whether outputs stay on the device for the next call, as a cache does.
    """

    onnx_path: Path
    programs: tuple[Specialization, ...]
    custom_io: str
    pytorch_transforms: tuple[str, ...]
    onnx_transforms: tuple[str, ...]
    retains_state: bool = True

    @property
    def has_axes(self) -> bool:
        """Whether sizes of the graph are left to its programs."""
        return any(program.symbols for program in self.programs)


def decoder_to_compile(
    graph: ExportedGraph, options: CompileOptions, programs: Sequence[Specialization] | None = None
) -> ToCompile:
    """A decoder with its cache.

    Args:
        graph: the exported decoder.
        options: what it is compiled for.
        programs: the sizes of its programs, where they are not those of a decoder for text.
    """
    sizes = specializations.specializations_for(graph.layers, options) if programs is None else programs
    return ToCompile(
        onnx_path=graph.onnx_path,
        programs=tuple(sizes),
        custom_io=custom_io.render([*graph.spec.of_images, *graph.kv_names], cache_precision(options)),
        pytorch_transforms=graph.pytorch_transforms,
        onnx_transforms=graph.onnx_transforms,
    )


def cache_precision(options: CompileOptions) -> str:
    """The type in which the device keeps keys and values, as `custom_io.yaml` says it."""
    return custom_io.MXINT8 if options.mxint8_kv_cache else custom_io.FLOAT16


def make_program(
    graph: ToCompile, options: CompileOptions, huggingface_config: Mapping[str, object], compiler: Path | None
) -> Program:
    """Write the compiler's input files for `graph`, and compile it where there is a compiler.

    Which form of `specializations.json` a compiler takes is not told by its version; it says so. Unless a form was
    asked for, one that takes no named programs is given the flat form.

    Args:
        graph: what is compiled.
        options: what it is compiled for.
        huggingface_config: the model's configuration, for `qconfig.json`.
        compiler: the compiler's executable, or None where there is none.

    Raises:
        UsageError: the folder cannot be written.
        CompilerError: the compiler failed.
    """
    asked = options.specializations_format
    forms = tuple(SpecializationsFormat) if asked is None else (asked,)
    programs = [_planned(graph, options, form, compiler or SDK_COMPILER) for form in forms]
    program = next((each for each in programs if each.compiled), programs[0])
    _write(_texts(graph, options, huggingface_config, program), program.folder)
    if compiler is None or program.compiled:
        return program
    try:
        _compile(program.command, program.folder)
    except CompilerError as error:
        if _TAKES_NO_NAMES not in str(error):
            raise
        if asked is not None:
            raise CompilerError(f"{error}\nIt takes no names: give --specializations-format flat.") from None
        shutil.rmtree(program.folder)
        program = programs[-1]
        _write(_texts(graph, options, huggingface_config, program), program.folder)
        _compile(program.command, program.folder)
    return replace(program, compiled=True)


def _planned(graph: ToCompile, options: CompileOptions, form: SpecializationsFormat, executable: Path) -> Program:
    """The folder that a form of `specializations.json` goes to, by all that the compiler reads, and the command."""
    asked: Any = {"retains_state": graph.retains_state, "has_axes": graph.has_axes}
    nowhere = compiler_command(Path(), Path(), Path(), options, **asked)
    key = artifact_key({"texts": _compiler_inputs(graph, options, form), "command": nowhere})
    folder = graph.onnx_path.parent.parent / f"{graph.onnx_path.parent.name}-qpc-{key}"
    command = compiler_command(executable, graph.onnx_path, folder, options, **asked)
    return Program(folder, tuple(command), _is_compiled(folder), form)


def _texts(
    graph: ToCompile, options: CompileOptions, huggingface_config: Mapping[str, object], program: Program
) -> dict[str, str]:
    """All files of a program's folder, by their names."""
    return _compiler_inputs(graph, options, program.specializations_format) | {
        qconfig.FILE_NAME: qconfig.render(
            huggingface_config=huggingface_config,
            pytorch_transforms=graph.pytorch_transforms,
            onnx_transforms=graph.onnx_transforms,
            onnx_path=graph.onnx_path,
            folder=program.folder,
            programs=graph.programs,
            options=options,
            retains_state=graph.retains_state,
        )
    }


def _compiler_inputs(graph: ToCompile, options: CompileOptions, form: SpecializationsFormat) -> dict[str, str]:
    texts = {custom_io.FILE_NAME: graph.custom_io}
    if graph.has_axes:
        texts[specializations.FILE_NAME] = specializations.render(graph.programs, form)
    if options.num_devices > 1:
        texts[partition_config.file_name(options.num_devices)] = partition_config.render(
            options.num_devices, options.num_cores
        )
    return texts


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
