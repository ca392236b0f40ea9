"""A graph on disk: one file, or where the weights are large, a small one and theirs beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx_ir
from onnx_ir.external_data import CallbackInfo

from qeff_codegen.errors import UsageError
from qeff_codegen.export.written_bytes import tell_written

# More than this, and the weights get a file of their own. A protobuf message holds less than 2 GiB, and who reads one
# holds it in memory twice, as bytes and as tensors, where a file of weights is mapped. Below this neither matters, and
# one file is easier to hand on.
MAX_EMBEDDED_BYTES = 64 * 2**20

# Behind the graph's file name, as ONNX's own tools name it.
WEIGHTS_SUFFIX = ".data"


def save_graph(graph_model: onnx_ir.Model, onnx_path: Path) -> None:
    """Writes the graph to `onnx_path`, and large weights, one after the other, to a file beside it.

    The graph names that file without a folder, so the two may be moved together.
    """
    weights = (value.const_value for value in graph_model.graph.initializers.values())
    size = sum(tensor.nbytes for tensor in weights if tensor is not None)
    external = f"{onnx_path.name}{WEIGHTS_SUFFIX}" if size > MAX_EMBEDDED_BYTES else None

    def before_each(tensor: onnx_ir.TensorProtocol, info: CallbackInfo) -> None:
        tell_written(info.offset, size)

    onnx_ir.save(graph_model, onnx_path, external_data=external, callback=before_each)
    tell_written(size, size)


@contextmanager
def whole_or_not_at_all(onnx_path: Path) -> Iterator[Path]:
    """Gives a path in a folder beside `onnx_path` to save the graph to; it is renamed into place at the end.

    Raises:
        UsageError: `onnx_path` is a folder, or its folder cannot be written to.
    """
    with _folder_beside(onnx_path) as folder:
        unfinished = folder / onnx_path.name
        yield unfinished
        # Never an old graph with new weights, nor a graph without its own.
        onnx_path.unlink(missing_ok=True)
        _replace_or_remove(_weights_file(unfinished), _weights_file(onnx_path))
        os.replace(unfinished, onnx_path)


def _weights_file(onnx_path: Path) -> Path:
    return onnx_path.with_name(onnx_path.name + WEIGHTS_SUFFIX)


def _replace_or_remove(new: Path, old: Path) -> None:
    if new.exists():
        os.replace(new, old)
    else:
        old.unlink(missing_ok=True)


@contextmanager
def _folder_beside(onnx_path: Path) -> Iterator[Path]:
    """Makes a folder on the same file system as `onnx_path`."""
    if onnx_path.is_dir():
        raise UsageError(f"cannot write {onnx_path}: it is a folder. Pass the path of a file.")
    try:
        onnx_path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=onnx_path.parent, prefix=f".{onnx_path.name}.")
    except OSError as error:
        raise UsageError(
            f"cannot write {onnx_path}: {error.strerror} ({error.filename}). Choose a folder you may write to."
        ) from error
    with folder as name:
        yield Path(name)
