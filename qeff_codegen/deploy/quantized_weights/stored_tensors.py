"""The tensors in a checkpoint's safetensors files: their names and shapes at once, their values when asked.

A file that is cut short or damaged does not open, which safetensors sees by its header and its size.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from qeff_codegen.deploy.unchanged_file import UnchangedFile
from qeff_codegen.errors import UsageError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
NEXT_STEP = "Copy the model's folder again; nothing was exported from it."


class StoredTensors:
    """The stored tensors of a folder.

    Attributes:
        shards: the folder's safetensors files that hold weights, in the order of their names.
    """

    def __init__(self, folder: Path) -> None:
        """Read the headers of all shards.

        Raises:
            UsageError: there are none, one is damaged, or a tensor of the index is not in the shard that it names.
        """
        indexed = _index(folder)
        self.shards = _shards(folder, indexed)
        self._files = {shard: _opened(shard) for shard in self.shards}
        self._unchanged = {shard: UnchangedFile(shard) for shard in self.shards}
        self._shard_of = {name: shard for shard, file in self._files.items() for name in file.keys()}  # noqa: SIM118
        for name, shard in indexed.items():
            if self._shard_of.get(name) != folder / shard:
                raise UsageError(f"{folder / shard} lacks {name}, which {INDEX} says it holds.\n{NEXT_STEP}")

    def __contains__(self, name: str) -> bool:
        return name in self._shard_of

    def names(self, shard: Path) -> list[str]:
        """The names of the tensors in one shard, in a fixed order."""
        return sorted(self._files[shard].keys())

    def shard_of(self, name: str) -> Path:
        """The file that a tensor is in."""
        return self._shard_of[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, by its file's header."""
        return tuple(self._files[self._shard_of[name]].get_slice(name).get_shape())

    def stored_type(self, name: str) -> str:
        """A tensor's type as safetensors names it: `F32`, `BF16`, `F8_E4M3`, `U8`, `I32` and so on."""
        return str(self._files[self._shard_of[name]].get_slice(name).get_dtype())

    def read(self, name: str) -> torch.Tensor:
        """A tensor's values, read from its file now.

        Raises:
            UsageError: the file is not what it was when its header was read.
        """
        shard = self._shard_of[name]
        self._unchanged[shard].check()
        tensor: torch.Tensor = self._files[shard].get_tensor(name)
        return tensor


def _index(folder: Path) -> dict[str, str]:
    """The shard of every tensor by the folder's index; empty where it has none."""
    index = folder / INDEX
    if not index.is_file():
        return {}
    weight_map: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
    return weight_map


def _shards(folder: Path, indexed: dict[str, str]) -> tuple[Path, ...]:
    if indexed:
        return tuple(folder / shard for shard in sorted(set(indexed.values())))
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    found = sorted(folder.glob("*.safetensors"))
    # Tools for GPTQ name their one file after its bits and groups.
    if len(found) == 1:
        return tuple(found)
    several = f"{len(found)} safetensors files and no {INDEX}" if found else "no safetensors file"
    raise UsageError(f"{folder} has {several}; quantized weights are read from safetensors files.\n{NEXT_STEP}")


def _opened(shard: Path) -> safe_open:
    try:
        return safe_open(shard, framework="pt")
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{shard} is damaged: {error}.\n{NEXT_STEP}") from error
