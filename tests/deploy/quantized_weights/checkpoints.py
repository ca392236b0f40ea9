"""Folders of checkpoints whose weights are quantized, and of the same weights as floats."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from qeff_codegen.deploy.checkpoint import load_checkpoint
from qeff_codegen.errors import UsageError

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Quantized:
    """One weight as a format stores it, and what it stands for.

    Attributes:
        parts: its tensors by the end of their name.
        weight: its values in float32.
    """

    parts: Tensors
    weight: torch.Tensor


def stored(folder: Path) -> Tensors:
    """The tensors of a folder with one file of weights or several."""
    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def is_linear(name: str) -> bool:
    """Whether a stored tensor is a weight of a layer's linear modules: what is quantized."""
    return name.endswith("_proj.weight")


def write(folder: Path, source: Path, tensors: Tensors, quantization: Mapping[str, Any] | None) -> Path:
    """A copy of a checkpoint's folder with other tensors, and with what its configuration then says."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors*"))
    settings = json.loads((source / "config.json").read_text())
    if quantization is not None:
        settings["quantization_config"] = quantization
    (folder / "config.json").write_text(json.dumps(settings))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_both(
    folder: Path, source: Path, quantized: Mapping[str, Quantized], quantization: Mapping[str, Any]
) -> tuple[Path, Path]:
    """The folder of a checkpoint with some of its weights quantized, and one with the same weights as floats."""
    plain = stored(source)
    rest = {name: tensor for name, tensor in plain.items() if name not in quantized}
    parts = {
        name.removesuffix(".weight") + end: part
        for name, each in quantized.items()
        for end, part in each.parts.items()
    }
    floats = {name: each.weight for name, each in quantized.items()}
    return (
        write(folder / "quantized", source, rest | parts, quantization),
        write(folder / "plain", source, rest | floats, None),
    )


def assert_loads_as(quantized: Path, plain: Path, count: int, format_name: str) -> None:
    """Both folders give the same model, and the remark says what was dequantized."""
    loaded, expected = load_checkpoint(str(quantized)), load_checkpoint(str(plain))
    weights, expected_weights = loaded.model.state_dict(), expected.model.state_dict()
    assert weights.keys() == expected_weights.keys()
    assert [name for name, weight in weights.items() if not torch.equal(weight, expected_weights[name])] == []
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert not hasattr(loaded.model.config, "quantization_config")
    assert loaded.model.generation_config.to_dict() == expected.model.generation_config.to_dict()
    (remark,) = loaded.remarks
    assert remark.startswith(f"{count} weights were dequantized into float32: {format_name}")
    assert expected.remarks == ()


def refusal(folder: Path) -> str:
    """What is said of a folder that is not read."""
    try:
        load_checkpoint(str(folder))
    except UsageError as error:
        return str(error)
    raise AssertionError(f"{folder} was read")
