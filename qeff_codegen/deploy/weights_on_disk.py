"""Leaves a checkpoint's weights in their files while transformers loads the model.

transformers reads each tensor through a slice that `safe_open` gives, renames it, converts it, joins it with others.
It is given slices here that read small tensors and let a deferred one stand for a large one, so all that it does is
done as ever, and noted (see `deferred_tensors`). Files of other formats are read as ever.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import modeling_utils

from qeff_codegen.deploy.quantized_weights.stored_tensors import NEXT_STEP
from qeff_codegen.deploy.unchanged_file import UnchangedFile
from qeff_codegen.errors import UsageError
from qeff_codegen.export.deferred_tensors import Deferral, is_deferring, stands_for
from qeff_codegen.export.recipes import Made, Stored

# A smaller tensor is read at once: norms and biases, which all together are a thousandth of a model.
SMALLEST_BYTES = 2**20
# Read by several threads, tensors would be made before the thread that asks for them defers anything.
_ONE_THREAD = "HF_DEACTIVATE_ASYNC_LOAD"
# As a file's header names them.
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}


@contextmanager
def weights_on_disk() -> Iterator[Deferral]:
    """Large weights of a model that is loaded in this context are deferred; it gives what defers them."""
    upstream: Any = modeling_utils
    own = upstream.safe_open
    threads = os.environ.get(_ONE_THREAD)
    upstream.safe_open = _File
    os.environ[_ONE_THREAD] = "1"
    try:
        with Deferral() as deferral:
            yield deferral
    finally:
        upstream.safe_open = own
        os.environ.pop(_ONE_THREAD)
        if threads is not None:
            os.environ[_ONE_THREAD] = threads


def left_on_disk(make: Callable[[], torch.Tensor]) -> torch.Tensor:
    """What `make` gives, of tensors of a file; within `weights_on_disk`, where it is large, it is made again later.

    Its size is known when it is made, so it is made twice; but never are two of them in memory.
    """
    tensor = make()
    if not is_deferring() or tensor.nbytes < SMALLEST_BYTES:
        return tensor
    return stands_for(Made(tuple(tensor.shape), tensor.stride(), tensor.dtype, make))


class _File:
    """What `safe_open` gives, as far as a model is loaded with it.

    Raises:
        UsageError: the file is damaged.
    """

    def __init__(self, path: str | Path, framework: str, **options: Any) -> None:
        try:
            self._file = safe_open(path, framework, **options)
        except SafetensorError as error:
            # It says what is wrong with a damaged file, but not with which.
            raise UsageError(f"{path} is damaged: {error}.\n{NEXT_STEP}") from error
        self._unchanged = UnchangedFile(Path(path))
        with self._unchanged.path.open("rb") as file:
            # A header is a number of 8 bytes, so many bytes of JSON, and then come the tensors.
            self._begin = 8 + int.from_bytes(file.read(8), "little")
            self._header: dict[str, Any] = json.loads(file.read(self._begin - 8))

    def __enter__(self) -> _File:
        """Opens it."""
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        """Closes it; what was deferred opens it again."""
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def get_slice(self, name: str) -> Any:
        """A tensor that is read when it is indexed; a large one is deferred even then."""
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        if end - begin < SMALLEST_BYTES or not entry["shape"] or entry["dtype"] not in _TYPES:
            return self._file.get_slice(name)
        return _Slice(self._file.get_slice(name), self._unchanged, self._begin + begin, _TYPES[entry["dtype"]])


class _Slice:
    """A large tensor of a file."""

    def __init__(self, own: Any, file: UnchangedFile, offset: int, dtype: torch.dtype) -> None:
        self._own, self._file, self._offset, self._dtype = own, file, offset, dtype

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def __getitem__(self, index: Any) -> torch.Tensor:
        if index is not Ellipsis:
            part: torch.Tensor = self._own[index]
            return part
        size = tuple(self._own.get_shape())
        stride = tuple(prod(size[dim + 1 :]) for dim in range(len(size)))
        return stands_for(Stored(size, stride, self._dtype, self._rows))

    def _rows(self, start: int, stop: int) -> torch.Tensor:
        """Read without mapping the file, whose pages would count as memory of this process."""
        size = self._own.get_shape()
        row = prod(size[1:])
        tensor = torch.empty((stop - start, *size[1:]), dtype=self._dtype)
        into = tensor.view(-1).view(torch.uint8).numpy().data
        self._file.read_into(into, self._offset + start * row * self._dtype.itemsize)
        return tensor
